"""P1: the list of clinicians, in every state, and its next free times that stay true by themselves."""

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.booking import AT_NOW, every_face
from tests.browser.choosing import heard, watching
from tests.browser.desk import TODAY, Desk, at
from tests.browser.visits import (
    DESK,
    NARROW,
    Shots,
    Visits,
    larger_text,
    live,
    no_sideways_scroll,
    no_small_targets,
)
from tests.server.pages.harbour import Harbour

TOMORROW = "2026-11-25"


@pytest_asyncio.fixture(loop_scope="session")
async def crew(desk: Desk) -> dict[str, str]:
    """Three colleagues: one with two times tomorrow, one without any, one who is fully booked."""
    tomasz = await desk.add_clinician(
        "Tomasz Wiśniewski", "video", "clinic", title="Dr", about="Heart and blood pressure."
    )
    await desk.open_hours(tomasz, 2, 540, 580, only_on=TOMORROW)
    priya = await desk.add_clinician("Priya Raman", about="Physiotherapy for back, neck and joints.")
    eleanor = await desk.add_clinician(
        "Eleanor Featherstonehaugh-Cholmondeley", "clinic", title="Dr", about="Children."
    )
    await desk.open_hours(eleanor, 1, 840, 860, only_on=TODAY)
    await desk.book(at("14:00"), "clinic", eleanor)
    return {"tomasz": tomasz, "priya": priya, "eleanor": eleanor}


def next_of(page: Page, clinician: str) -> Locator:
    """The line that tells when a clinician is free next."""
    return page.locator(f'[data-calendar="{clinician}"] [data-next]')


async def test_every_face_of_the_list(visit: Visits, crew: dict[str, str], shot: Shots) -> None:
    page = await visit("/book")
    await live(page)
    await expect(next_of(page, crew["tomasz"])).to_have_text("Next free: tomorrow, 09:00")
    await expect(next_of(page, crew["eleanor"])).to_have_text("Fully booked until 23 January.")
    await every_face(page, shot, "p1-start")
    await no_small_targets(page)


@pytest.mark.usefixtures("crew")
async def test_the_list_needs_no_sideways_scroll(visit: Visits, shot: Shots) -> None:
    page = await visit("/book", size=NARROW)
    await no_sideways_scroll(page)
    await larger_text(page)
    await no_sideways_scroll(page)
    await shot(page, "p1-start-narrow-large")


async def test_next_free_follows_what_others_do_without_a_word(
    visit: Visits, harbour: Harbour, desk: Desk, crew: dict[str, str]
) -> None:
    page = await watching(visit, "/book", clock=AT_NOW)
    next_free = next_of(page, crew["tomasz"])
    first = await desk.hold(at("09:00", TOMORROW), "video", crew["tomasz"])
    await expect(next_free).to_have_text("Next free: tomorrow, 09:20")
    await desk.hold(at("09:20", TOMORROW), "video", crew["tomasz"])
    await expect(next_free).to_have_text("Fully booked until 23 January.")
    await desk.release(first)
    await expect(next_free).to_have_text("Next free: tomorrow, 09:00")
    harbour.clock.advance(3600)  # the other hold has lapsed, and 11:20 of the doctor is past
    await expect(next_of(page, harbour.clinician)).to_have_text("Next free: today, 12:20")
    await page.clock.run_for(10_000)
    assert await heard(page) == []


async def test_the_whole_row_is_the_link(visit: Visits, crew: dict[str, str]) -> None:
    page = await visit("/book", size=DESK)
    row = page.locator(f'[data-calendar="{crew["eleanor"]}"]')
    box = await row.bounding_box()
    assert box
    await row.click(position={"x": box["width"] - 3, "y": box["height"] - 20}, force=True)  # far from every word
    await page.wait_for_url(f"**/book/{crew['eleanor']}")
    await expect(page.locator("h1")).to_have_text("No times free right now")


async def test_one_clinician_needs_no_choice(visit: Visits, harbour: Harbour) -> None:
    page = await visit("/")
    await page.wait_for_url(f"**/book/{harbour.clinician}")
    await expect(page.locator("h1")).to_have_text("What kind of visit?")


async def test_without_scripts_the_list_is_a_checked_list_of_links(
    visit: Visits, desk: Desk, crew: dict[str, str], shot: Shots
) -> None:
    page = await visit("/book", js=False)
    await expect(page.locator("[data-live-text]")).to_have_text("Checked 10:42")
    await shot(page, "p1-start-plain")
    await desk.hold(at("09:00", TOMORROW), "video", crew["tomasz"])
    await page.get_by_role("link", name="Refresh times").click()
    await expect(next_of(page, crew["tomasz"])).to_have_text("Next free: tomorrow, 09:20")
    await page.get_by_role("link", name="Dr Tomasz").click()
    await page.get_by_role("link", name="Follow-up").click()
    await expect(page.locator("h1")).to_have_text("Choose a time")
