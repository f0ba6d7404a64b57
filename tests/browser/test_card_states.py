"""The page behind a personal link: just confirmed, in each state, on paper, abroad, and changing while it is open."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar
from playwright.async_api import Page, expect

from actors.calendar.messages import Complete, MarkNoShow
from actors.command import By
from tests.browser.booking import (
    AT_NOW,
    BLANK,
    MARIA,
    MINUTE,
    card,
    confirm,
    details,
    every_face,
    fill,
    fresh_clock,
    heading,
    here,
    hold,
    named,
    path_of,
    walk,
)
from tests.browser.visits import NARROW, PHONE, Shots, Visits, larger_text, no_sideways_scroll, no_small_targets
from tests.server.pages.harbour import START, Harbour

IOS = (390, 664)  # what an iPhone shows between its bars
STAFF = By("staff")
ENDED = START + 4 * 60 * MINUTE
REFERENCE = re.compile(r"[2-9A-HJ-NP-Z]{2,}-[2-9A-HJ-NP-Z]{3}")  # neither 0 and O nor 1 and I
PAGES_OF_A_PDF = re.compile(rb"/Type\s*/Page\b")


async def test_after_confirming_the_heading_has_focus_and_is_in_sight(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour, size=IOS)
    await fill(page)
    await page.locator("[data-confirm]").scroll_into_view_if_needed()
    await confirm(page)
    title = page.get_by_role("heading", level=1)
    await expect(title).to_have_text("Appointment confirmed")
    await expect(title).to_be_focused()
    await expect(title).to_be_in_viewport(ratio=1)
    assert "new" not in page.url
    await expect(page).to_have_title("Appointment confirmed: Harbour Clinic")


async def test_the_card_says_everything_and_its_calendar_file_too(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await card(visit, harbour)
    ticket = page.get_by_role("article")
    await expect(ticket).to_contain_text("Tuesday 24 November 2026")
    await expect(ticket).to_contain_text("11:20 to 11:40")
    await expect(ticket).to_contain_text("London time (GMT)")
    await expect(ticket).to_contain_text(f"Follow-up, for {MARIA['name']}")
    reference = await ticket.locator(".ref").inner_text()
    assert REFERENCE.fullmatch(reference), reference
    await expect(page.locator("[data-link]")).to_have_text(page.url)
    link = page.get_by_role("link", name="Add to calendar")
    async with page.expect_download() as download:
        await link.click()
    (event,) = Calendar.from_ical((await (await download.value).path()).read_bytes()).walk("VEVENT")
    assert event["DTSTART"].dt == datetime.fromtimestamp(START, UTC)
    assert event["DTEND"].dt == datetime.fromtimestamp(START + 20 * MINUTE, UTC)
    assert event["STATUS"] == "CONFIRMED"
    assert event["URL"] == page.url
    assert (await download.value).suggested_filename == f"appointment-{reference}.ics"
    await every_face(page, shot, "p4-confirmed")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("clinic", "Come to the clinic a few minutes before 11:20."),
        ("phone", "You gave no phone number: at 11:20 please call the clinic on 020 7946 0000."),
    ],
)
async def test_what_happens_next_depends_on_the_way(
    visit: Visits, harbour: Harbour, shot: Shots, way: str, words: str
) -> None:
    page = await card(visit, harbour, way=way)
    await expect(page.locator(".next")).to_contain_text(words)
    assert await page.locator("[data-joining]").count() == 0
    if way == "clinic":  # the one with an address
        await every_face(page, shot, "p4-clinic")


async def in_state(page: Page, harbour: Harbour, state: str) -> None:
    """Bring the page's appointment, which is held, into that state."""
    if state == "expired":
        harbour.clock.advance(15 * MINUTE)
    if state in ("held", "expired"):
        return
    await fill(page)
    await confirm(page)
    key = named(page, harbour)
    match state:
        case "cancelled":
            reason = "Dr Haddad is ill today.\nWe are sorry."
            await harbour.booking.promises.cancel(key, reason, STAFF, staff_note="Third time this month.")
        case "completed":
            harbour.clock.set(ENDED * 1000)
            await harbour.booking.holds.command(Complete(by=STAFF, appointment=key))
        case "no_show":
            harbour.clock.set(ENDED * 1000)
            await harbour.booking.holds.command(MarkNoShow(by=STAFF, appointment=key))


@pytest.mark.parametrize(
    ("state", "title", "pill", "words"),
    [
        ("held", "Held, not booked yet", "Held", "This time is held until 10:57. Nothing is booked until"),
        ("confirmed", "Your appointment", "Confirmed", "It is booked and confirmed."),
        ("cancelled", "Appointment cancelled", "Cancelled", "The clinic cancelled this appointment."),
        ("expired", "This hold has ended", "Hold ended", "No appointment was booked."),
        ("completed", "Your appointment", "Completed", "This visit has taken place and is closed."),
        ("no_show", "Your appointment", "Missed", "The clinic closed this visit as missed."),
    ],
)
async def test_each_state_is_told_as_it_is(
    visit: Visits, harbour: Harbour, shot: Shots, state: str, title: str, pill: str, words: str
) -> None:
    page = await details(visit, harbour)
    key = named(page, harbour)
    await in_state(page, harbour, state)
    await page.goto(await path_of(harbour, key, "manage"))
    assert await heading(page) == title
    await expect(page.locator(".st.pill")).to_have_text(pill)
    await expect(page.locator(".lead").first).to_contain_text(words)
    can_come = state == "confirmed"
    assert await page.get_by_text("Joining opens at 11:10").is_visible() is can_come
    assert await page.get_by_role("link", name="Add to calendar").is_visible() is can_come
    assert await page.get_by_text("Dr Haddad is ill today.").is_visible() is (state == "cancelled")
    struck = await page.locator(".ticket__time time").evaluate("(one) => getComputedStyle(one).textDecorationLine")
    assert (struck == "line-through") is (state in ("cancelled", "expired"))
    assert "Third time" not in await page.content()
    await every_face(page, shot, f"p5-{state}")


async def test_an_unknown_link_helps_on_without_saying_anything(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await visit("/a/abcdefghjkmnpqrstuvwxyz23456789")
    assert await heading(page) == "We cannot find this appointment"
    await expect(page.locator("main")).to_contain_text("an appointment that you booked is still booked")
    await expect(page.locator("#help")).to_contain_text("020 7946 0000")
    await every_face(page, shot, "p5-lost")


async def test_an_open_page_notices_within_a_minute_that_the_clinic_cancelled(visit: Visits, harbour: Harbour) -> None:
    page = await visit(BLANK, clock=AT_NOW)
    await hold(page, harbour)
    await fill(page)
    await confirm(page)
    await fresh_clock(page, harbour)
    await page.reload()
    await harbour.booking.promises.cancel(named(page, harbour), "Dr Haddad is ill today.", STAFF)
    await page.clock.run_for(MINUTE * 1000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Appointment cancelled")
    await expect(page.locator(".panel__quote")).to_have_text("Dr Haddad is ill today.")


async def test_abroad_the_time_is_told_in_both_zones_from_the_hold_to_the_card(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    own = re.compile(r"Where your device is set \(New York\): Tuesday,? 24 November at 06:20")
    page = await details(visit, harbour, timezone="America/New_York")
    await expect(page.locator(".hold__when")).to_have_text("Tue 24 November, 11:20")
    await expect(page.locator(".hold [data-yours]:visible")).to_have_text(
        re.compile(r"London time \(GMT\)\. " + own.pattern)
    )
    await fill(page)
    await page.locator("h1").click()
    await shot(page, "p3-new-york")
    await confirm(page)
    key = named(page, harbour)
    for purpose in ("confirmed", "manage", "join"):
        if purpose != "confirmed":
            await page.goto(await path_of(harbour, key, purpose))  # type: ignore[arg-type]
        await expect(page.get_by_role("article")).to_contain_text("London time (GMT)")
        await expect(page.locator("[data-yours]:visible")).to_have_text(own)
        await shot(page, f"p4-new-york-{purpose}")


async def test_a_visit_at_the_clinic_keeps_the_clinics_time_and_so_does_a_zone_that_reads_alike(
    visit: Visits, harbour: Harbour
) -> None:
    for way, timezone in (("clinic", "America/New_York"), ("video", "Europe/Lisbon")):
        page = await details(visit, harbour, way=way, timezone=timezone)
        assert await page.locator("[data-yours]:visible").count() == 0
        await fill(page)
        await confirm(page)
        await expect(page.locator("[data-link]")).to_be_visible()
        assert await page.locator("[data-yours]:visible").count() == 0
        await harbour.booking.promises.cancel(named(page, harbour), "Next, please.", STAFF)


async def test_on_the_next_day_elsewhere_the_other_date_is_named(visit: Visits, harbour: Harbour) -> None:
    page = await card(visit, harbour, start=START + 280 * MINUTE, timezone="Asia/Tokyo")
    await expect(page.get_by_role("article")).to_contain_text("16:00 to 16:20")
    await expect(page.locator("[data-yours]:visible")).to_contain_text(
        re.compile(r"\(Tokyo\): Wednesday,? 25 November at 01:00")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_paper_it_is_one_page_with_reference_phone_and_link(
    visit: Visits, harbour: Harbour, shot: Shots, scheme: str
) -> None:
    page = await card(visit, harbour, scheme=scheme)
    for name in ("p4", "p5"):
        for paper in ("A4", "A5"):
            assert len(PAGES_OF_A_PDF.findall(await page.pdf(format=paper))) == 1, f"{name} on {paper}"
        await page.emulate_media(media="print")
        words = await page.locator("body").inner_text()
        reference = await page.locator(".ref").inner_text()
        for each in (reference, "020 7946 0000", page.url, "11:20 to 11:40", "London time (GMT)", "Dr Amira Haddad"):
            assert each in words, each
        for each in ("Skip to content", "Help\n", "Print", "Copy link", "Add to calendar", "Joining opens"):
            assert each not in words, each
        assert await page.locator("button:visible, nav:visible").count() == 0
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        await page.set_viewport_size({"width": 484, "height": 718})  # A5 within its margins
        await shot(page, f"{name}-print-{scheme}")
        await page.emulate_media(media="null")
        await page.goto(await here(page))


async def test_small_windows_and_large_text_fit_and_every_target_can_be_hit(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await card(visit, harbour)
    for name in ("p4", "p5"):
        await no_small_targets(page)
        await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        await no_sideways_scroll(page)
        await shot(page, f"{name}-320")
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        await larger_text(page)
        await no_sideways_scroll(page)
        await shot(page, f"{name}-200-percent")
        await page.goto(await here(page))


async def test_each_stop_of_the_tab_key_is_seen(visit: Visits, harbour: Harbour) -> None:
    page = await card(visit, harbour, size=IOS)
    await page.goto(await here(page))
    stops = await walk(page)
    assert stops[:5] == ["Skip to content", "Harbour Clinic", "Help", "Add to calendar", "Print"]
    assert "Copy link" in stops


async def test_the_link_is_copied_and_said_so_and_print_prints(visit: Visits, harbour: Harbour) -> None:
    page = await card(visit, harbour)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy link").click()
    await expect(page.locator("[data-copy-word]")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == page.url
    await page.evaluate("window.print = () => { window.printed = true; }")
    await page.get_by_role("button", name="Print").click()
    assert await page.evaluate("window.printed") is True


async def test_without_motion_and_in_forced_colours_the_card_stays_whole(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page: Any = await card(visit, harbour, reduced=True, forced=True)
    assert await page.evaluate("document.getAnimations().length") == 0
    edge = await page.get_by_role("article").evaluate("(one) => getComputedStyle(one).borderTopStyle")
    assert edge == "solid"
    await shot(page, "p4-forced")
