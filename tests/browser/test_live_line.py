"""The live line of P2: paused, offline, out for a moment, out for long; and times in the visitor's own zone."""

import json

import pytest
from playwright.async_api import Page, WebSocket, expect

from tests.browser.booking import AT_NOW, every_face
from tests.browser.choosing import (
    HOLD_PAGE,
    POLITE,
    boxes,
    cell,
    counts,
    heard,
    posts_of,
    says,
    shows,
    slot,
    times,
    watching,
)
from tests.browser.desk import NEXT_WEEK, Desk, at
from tests.browser.visits import DESK, NARROW, PHONE, Shots, Visits, live
from tests.browser.wire import Wire
from tests.server.pages.harbour import Harbour

SHOW = "[data-newtimes] button"
STOPPED = "Live updates have stopped. Times may be out of date. Reconnecting."
BACK = "Live updates are back. Times are up to date."


async def state(page: Page, name: str) -> None:
    """Wait until the live line is in that state."""
    await page.wait_for_selector(f'[data-live="{name}"]')


async def reconnected(page: Page) -> None:
    """Let the page's time run until its line is back: the pauses between tries grow."""
    while await page.locator('[data-live="live"]').count() == 0:
        await page.clock.fast_forward(1000)


async def test_paused_nothing_moves_until_the_visitor_wants_it(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    page = await visit("about:blank", clock=AT_NOW)
    witness = await watching(visit, times(harbour))
    async with page.expect_websocket() as opened:
        await page.goto(times(harbour))
    socket = await opened.value
    await live(page)
    async with socket.expect_event("close"):
        await page.get_by_role("button", name="Pause live updates").click()
    await expect(page.locator("[data-live-text]")).to_have_text("Paused at 10:42")
    await expect(page.locator("[data-live-toggle]")).to_have_attribute("aria-pressed", "true")
    await every_face(page, shot, "p2-paused")
    await page.evaluate(
        """() => {
            window.mutations = 0;
            new MutationObserver((all) => { window.mutations += all.length; })
                .observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        }"""
    )
    for clock in ("12:20", "13:00", "16:40"):
        await desk.hold(at(clock))
    await shows(witness, at("16:40"), "held")
    await page.clock.fast_forward(10_000)
    assert await page.evaluate("window.mutations") == 0
    await page.get_by_role("link", name="Refresh times").click()
    await shows(page, at("16:40"), "held")
    await state(page, "paused")
    await desk.hold(at("14:00"))
    await shows(witness, at("14:00"), "held")
    await page.locator("[data-live-toggle]").click()
    await live(page)
    await shows(page, at("14:00"), "held")
    await expect(page.get_by_role("link", name="Refresh times")).to_be_hidden()


async def test_a_long_outage_is_told_and_its_end_too_with_the_truth(
    wire: Wire, visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    visit.excuse("WebSocket connection")
    kept, freed = await desk.hold(at("13:00")), await desk.hold(at("13:20"))
    page = await watching(visit, times(harbour), url=wire.url, clock=AT_NOW)
    wire.cut()
    await state(page, "reconnecting")
    await expect(page.locator("[data-live-text]")).to_have_text("Reconnecting. Times may be out of date.")
    await page.clock.run_for(4000)
    assert await heard(page) == []
    await page.clock.fast_forward(1000)
    await says(page, STOPPED)
    await shot(page, "p2-reconnecting")
    await desk.hold(at("14:00"))
    await desk.release(freed)
    await desk.confirm(kept)
    wire.mend()
    await reconnected(page)
    await says(page, BACK)
    await shows(page, at("14:00"), "held")
    await shows(page, at("13:00"), "taken")
    await expect(page.locator(SHOW)).to_have_text("1 new time. Show")
    assert [words for _, words in await heard(page)][:2] == [STOPPED, BACK]


async def test_a_short_outage_is_silent_and_asks_only_for_what_was_missed(
    wire: Wire, visit: Visits, harbour: Harbour, desk: Desk
) -> None:
    visit.excuse("WebSocket connection")
    page = await watching(visit, times(harbour, NEXT_WEEK), url=wire.url, clock=AT_NOW)
    asked: list[str | bytes] = []
    told: list[str | bytes] = []
    wire.cut()
    await state(page, "reconnecting")

    def overhear(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: asked.append(frame))
        socket.on("framereceived", lambda frame: told.append(frame))

    page.on("websocket", overhear)
    booked = await desk.book(at("13:00", NEXT_WEEK))
    await desk.cancel(await desk.book(at("14:00", NEXT_WEEK)))
    wire.mend()
    await page.clock.fast_forward(2000)
    await reconnected(page)
    await shows(page, booked.start, "taken")
    await shows(page, at("14:00", NEXT_WEEK), "open")
    since = json.loads(asked[0])["since"]
    assert since.keys() == {"epoch", "seq"}
    assert "snapshot" not in {json.loads(frame)["op"] for frame in told}, "what was missed, not everything"
    await page.clock.run_for(20_000)
    assert not {STOPPED, BACK} & {words for _, words in await heard(page)}


async def test_offline_the_page_says_so_and_sends_nothing(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    visit.excuse("ERR_INTERNET_DISCONNECTED")
    page = await watching(visit, times(harbour))
    sent = posts_of(page)
    await page.context.set_offline(True)
    await expect(page.locator("[data-live-text]")).to_have_text("You are offline. Times below were checked at 10:42.")
    await slot(page, at("13:00")).click()
    await expect(page.locator("[data-unreachable]")).to_be_visible()
    await says(page, "We could not reach the clinic. Nothing has been booked.")
    assert not sent
    await every_face(page, shot, "p2-offline")
    await page.context.set_offline(False)
    await live(page)
    await slot(page, at("13:00")).click()
    await page.wait_for_url(HOLD_PAGE)


@pytest.mark.parametrize("size", [PHONE, DESK, NARROW], ids=["phone", "desk", "narrow"])
async def test_the_state_of_the_line_moves_no_time(
    wire: Wire, visit: Visits, harbour: Harbour, desk: Desk, size: tuple[int, int]
) -> None:
    visit.excuse("WebSocket connection|ERR_INTERNET_DISCONNECTED")
    taken = await desk.hold(at("13:00"))
    page = await watching(visit, times(harbour), url=wire.url, size=size, timezone="America/New_York")
    before, head = await boxes(page), await page.locator("#times").bounding_box()
    await desk.release(taken)
    await expect(page.locator(SHOW)).to_be_visible()
    assert await boxes(page) == before
    assert await page.locator("#times").bounding_box() == head
    wire.cut()
    await state(page, "reconnecting")
    assert await boxes(page) == before
    await page.context.set_offline(True)
    await state(page, "offline")
    assert await boxes(page) == before


async def test_a_visitor_elsewhere_sees_their_own_time_and_may_have_the_clinics(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    page = await watching(visit, times(harbour), timezone="America/New_York")
    sentence, toggle = page.locator("[data-zone]"), page.locator("[data-zone-toggle]")
    first = cell(page, at("11:20")).locator("button [data-label]")
    await expect(sentence).to_have_text("Showing times in New York time (your device). The clinic is 5 hours ahead.")
    await expect(first).to_have_text("06:20")
    assert await page.locator("h3:visible").all_inner_texts() == ["Morning"]
    await every_face(page, shot, "p2-own-time")
    taken = await desk.hold(at("13:00"))
    await shows(page, taken.start, "held")
    await expect(page.locator(POLITE)).to_contain_text("08:00 is no longer available.")
    await expect(toggle).to_have_text("Show clinic time")
    await toggle.click()
    await expect(sentence).to_have_text("All times are London time (GMT).")
    await expect(first).to_have_text("11:20")
    assert await page.locator("h3:visible").all_inner_texts() == ["Morning", "Afternoon"]
    await page.reload()  # the choice is remembered
    await expect(toggle).to_have_text("Show my time")
    await expect(first).to_have_text("11:20")


async def test_times_that_fall_on_another_day_there_are_grouped_under_it(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await watching(visit, times(harbour), timezone="Pacific/Auckland")
    assert await page.locator("h3:visible").all_inner_texts() == ["Morning, Wednesday 25 November"]
    await expect(slot(page, at("11:20"))).to_have_accessible_name(
        "00:20 , Wednesday 25 November, video with Dr Amira Haddad"
    )
    await shot(page, "p2-other-day")


async def test_a_visit_at_the_clinic_has_the_clinics_time_only(visit: Visits, harbour: Harbour) -> None:
    page = await watching(visit, times(harbour, way="clinic"), timezone="America/New_York")
    await expect(page.locator("[data-zone]")).to_have_text("All times are London time (GMT).")
    await expect(page.locator("[data-zone-toggle]")).to_be_hidden()
    await expect(cell(page, at("11:20")).locator("button [data-label]")).to_have_text("11:20")
    near = await watching(visit, times(harbour), timezone="Europe/Lisbon")  # another name, the same time
    await expect(near.locator("[data-zone-toggle]")).to_be_hidden()


async def test_the_night_in_which_clocks_go_back_has_no_two_times_alike(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    night = "2027-10-31"
    harbour.clock.set(at("12:00", "2027-10-30") * 1000)
    await desk.open_hours(harbour.clinician, 6, 0, 180, only_on=night)
    page = await watching(visit, times(harbour, night))
    buttons = await page.locator("button[name=start]:visible").all_inner_texts()
    labels = [" ".join(each.partition(",")[0].split()) for each in buttons]
    assert len(labels) == 12  # four hours of them
    assert len(set(labels)) == 12, labels
    assert labels[3:9] == [
        f"01:{minute} {which} clocks go back" for which in ("before", "after") for minute in ("00", "20", "40")
    ]
    await every_face(page, shot, "p2-clocks-back")
    taken = await desk.hold(at("01:20", night, fold=1))
    await shows(page, taken.start, "held")
    await says(page, "01:20 (after clocks go back) is no longer available. 11 times left on Sunday 31 October.")
    await counts(page, "11 times free.")
