"""When joining opens and closes, to the second: on the join page and on the manage page, fresh and left open."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from actors.command import By
from tests.browser.booking import (
    AT_NOW,
    BLANK,
    MINUTE,
    card,
    confirm,
    details,
    every_face,
    fill,
    heading,
    hold,
    named,
    path_of,
)
from tests.browser.visits import NARROW, Shots, Visits, larger_text, no_sideways_scroll, no_small_targets
from tests.server.pages.harbour import NOW, START, Harbour

OPENS, CLOSES = START - 10 * MINUTE, START + 80 * MINUTE
EDGES = [(OPENS - 1, "before"), (OPENS, "open"), (CLOSES, "open"), (CLOSES + 1, "after")]
TITLES = {
    "before": "You can join from 11:10",
    "open": "You are here for 11:20",
    "after": "This appointment’s time has passed",
}
PANELS = {"before": "Joining opens at 11:10", "open": "You can join now", "after": "Joining is over"}


async def booked_for_the_page(visit: Visits, harbour: Harbour, purpose: str, js: bool = True) -> Page:
    """A page of a confirmed appointment whose own clock stands still with the server's."""
    page = await visit(BLANK, js=js, clock=AT_NOW if js else None)
    await hold(page, harbour)
    await fill(page)
    await confirm(page)
    await page.goto(await path_of(harbour, named(page, harbour), purpose))  # type: ignore[arg-type]
    return page


async def at(page: Page, harbour: Harbour, instant: int) -> None:
    """Both clocks stand still there."""
    harbour.clock.set(instant * 1000)
    await page.clock.pause_at(datetime.fromtimestamp(instant, UTC))


@pytest.mark.parametrize("js", [True, False])
async def test_a_fresh_join_page_knows_the_second(visit: Visits, harbour: Harbour, js: bool) -> None:
    page = await booked_for_the_page(visit, harbour, "join", js)
    for instant, face in EDGES:
        if js:
            await at(page, harbour, instant)
        harbour.clock.set(instant * 1000)
        await page.reload()
        assert await heading(page) == TITLES[face]
        await expect(page).to_have_title("Join your appointment: Harbour Clinic")


async def test_a_join_page_left_open_turns_to_the_second(visit: Visits, harbour: Harbour) -> None:
    page = await booked_for_the_page(visit, harbour, "join")
    await at(page, harbour, OPENS - 90)
    await page.reload()
    await expect(page.locator("[data-countdown]")).to_have_text(
        "It opens in 2 minutes. Leave this page open or come back."
    )
    await page.clock.run_for(30_000)
    await expect(page.locator("[data-countdown]")).to_have_text(
        "It opens in 1 minute. Leave this page open or come back."
    )
    await page.clock.run_for(59_000)
    assert await heading(page) == TITLES["before"]
    await page.clock.run_for(1_000)
    assert await heading(page) == TITLES["open"]
    await page.clock.run_for((CLOSES - OPENS) * 1000)
    assert await heading(page) == TITLES["open"]
    await page.clock.run_for(1_000)
    assert await heading(page) == TITLES["after"]


async def test_joining_on_the_manage_page_opens_and_closes_to_the_second(visit: Visits, harbour: Harbour) -> None:
    page = await booked_for_the_page(visit, harbour, "manage")
    await expect(page.get_by_role("link", name="Join appointment")).to_have_attribute("aria-disabled", "true")
    for instant, face in EDGES:
        await at(page, harbour, instant)
        await page.reload()
        await expect(page.locator("[data-face]:visible h2")).to_have_text(PANELS[face])
        link = page.locator("a[href*='/j/']:visible")
        assert await link.count() == (1 if face == "open" else 0)
    await at(page, harbour, CLOSES + 2)
    assert await page.get_by_role("link", name="Book another time").is_visible()


async def test_a_manage_page_left_open_lets_the_patient_in_when_joining_opens(visit: Visits, harbour: Harbour) -> None:
    page = await booked_for_the_page(visit, harbour, "manage")
    await at(page, harbour, OPENS - 1)
    await page.reload()
    disabled = page.get_by_role("link", name="Join appointment")
    await expect(disabled).to_have_attribute("aria-disabled", "true")
    harbour.clock.set(OPENS * 1000)
    await page.clock.run_for(1_000)
    await page.get_by_role("link", name="Join appointment").click()
    assert await heading(page) == TITLES["open"]
    await expect(page.locator("main")).to_contain_text("Call 020 7946 0000 and give your reference")


async def test_each_face_of_the_join_page_has_no_faults(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await card(visit, harbour)
    join = await path_of(harbour, named(page, harbour), "join")
    for instant, face in ((NOW, "before"), (OPENS, "open"), (CLOSES + 1, "after")):
        harbour.clock.set(instant * 1000)
        await page.goto(join)
        assert await heading(page) == TITLES[face]
        await no_small_targets(page)
        await every_face(page, shot, f"join-{face}")
        await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        await no_sideways_scroll(page)
        await larger_text(page)
        await page.set_viewport_size({"width": 390, "height": 844})
        await no_sideways_scroll(page)


async def test_the_manage_page_while_joining_is_open_and_when_it_is_over(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await card(visit, harbour)
    path = await path_of(harbour, named(page, harbour), "manage")
    for instant, face in ((OPENS, "open"), (CLOSES + 1, "over")):
        harbour.clock.set(instant * 1000)
        await page.goto(path)
        await every_face(page, shot, f"p5-joining-{face}")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("clinic", "You do not join this one online: please come to the clinic."),
        ("phone", "You gave no phone number: please call the clinic on 020 7946 0000 at that time."),
    ],
)
async def test_what_is_not_joined_online_says_so(visit: Visits, harbour: Harbour, way: str, words: str) -> None:
    page = await card(visit, harbour, way=way)
    await page.goto(await path_of(harbour, named(page, harbour), "join"))
    assert await heading(page) == "Your appointment"
    await expect(page.locator(".lead")).to_contain_text(words)


async def test_a_cancelled_appointment_says_so_at_its_join_address(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await card(visit, harbour)
    key = named(page, harbour)
    await harbour.booking.promises.cancel(key, "Dr Haddad is ill today.", By("staff"))
    await page.goto(await path_of(harbour, key, "join"))
    assert await heading(page) == "Appointment cancelled"
    await expect(page.locator(".panel__quote")).to_have_text("Dr Haddad is ill today.")
    assert await page.get_by_role("link", name=re.compile("Join")).count() == 0
    await every_face(page, shot, "join-cancelled")


async def test_a_time_only_held_cannot_be_joined(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await page.goto(await path_of(harbour, named(page, harbour), "join"))
    assert await heading(page) == "Held, not booked yet"


async def test_an_unknown_join_link_is_answered_like_any_unknown_link(visit: Visits, harbour: Harbour) -> None:
    page = await visit("/j/abcdefghjkmnpqrstuvwxyz23456789")
    assert await heading(page) == "We cannot find this appointment"
