"""P2 while others hold, let go, book and cancel: what changes, what is said, and what never moves."""

import re
import statistics

import pytest
from playwright.async_api import expect

from tests.browser.booking import AT_NOW, MARIA, confirm, fill
from tests.browser.choosing import (
    HOLD_PAGE,
    POLITE,
    TUESDAY,
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
from tests.browser.desk import NEXT_WEEK, TODAY, Desk, at
from tests.browser.visits import Shots, Visits
from tests.server.pages.harbour import NOW, Harbour

SHOW = "[data-newtimes] button"
AT_ONCE_MS = 300


async def test_a_second_person_takes_a_time_on_their_page_and_the_first_sees_it_at_once(
    visit: Visits, harbour: Harbour
) -> None:
    first = await watching(visit, times(harbour))
    await first.evaluate(
        """() => {
            window.changed = {};
            for (const one of document.querySelectorAll("li[data-start]")) {
                const note = () => { changed[one.dataset.start] = performance.timeOrigin + performance.now(); };
                new MutationObserver(note).observe(one, { attributeFilter: ["data-state"] });
            }
        }"""
    )
    before = await boxes(first)
    waits = []  # from the answer that the second person got
    for clock in ("12:20", "13:00", "14:20"):
        second = await visit(times(harbour))
        async with second.expect_response(lambda answer: answer.request.method == "POST") as posted:
            await slot(second, at(clock)).click()
        timing = (await posted.value).request.timing
        await second.wait_for_url(HOLD_PAGE)
        await shows(first, at(clock), "held")
        seen = (await first.evaluate("window.changed"))[str(at(clock))]
        waits.append(seen - timing["startTime"] - timing["responseStart"])
        await second.context.close()
    assert statistics.median(waits) <= AT_ONCE_MS, waits
    assert max(waits) <= 1000, waits
    assert await boxes(first) == before, "nothing may move"
    await counts(first, "14 times free.")
    await expect(cell(first, at("12:20")).locator("p:visible")).to_have_text("12:20  held")


async def test_taken_times_are_told_once_and_calmly(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour), clock=AT_NOW)
    await desk.hold(at("13:00"))
    await shows(page, at("13:00"), "held")
    await page.clock.fast_forward(1500)
    await says(page, f"13:00 is no longer available. 16 times left on {TUESDAY}.")
    for clock in ("14:00", "14:20", "14:40"):
        await desk.hold(at(clock))
    await shows(page, at("14:40"), "held")
    await page.clock.fast_forward(5000)
    await says(page, f"3 times were just taken. 13 times left on {TUESDAY}.")
    assert len(await heard(page)) == 2


async def test_the_time_one_is_on_keeps_the_focus_and_cannot_be_sent(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    page = await watching(visit, times(harbour))
    sent = posts_of(page)
    button = slot(page, at("13:00"))
    await button.focus()
    before = await boxes(page)
    await desk.hold(at("13:00"))
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(button).to_have_accessible_name(re.compile("13:00.*taken"))
    await counts(page, "16 times free.")
    await expect(page.locator("[data-group=afternoon] [data-count]")).to_have_text("14 free")
    await says(page, "13:00, the time you were on, has just been taken.")
    await expect(button).to_be_focused()
    await shot(page, "p2-times-taken-under-focus")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => heard.length === 2")
    await says(page, "13:00, the time you were on, has just been taken.")
    assert not sent
    assert await boxes(page) == before
    await page.keyboard.press("ArrowRight")
    await expect(slot(page, at("13:20"))).to_be_focused()
    await shows(page, at("13:00"), "held")
    assert await boxes(page) == before


async def test_a_press_just_after_a_change_sends_nothing(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour), clock=AT_NOW)
    sent = posts_of(page)
    button = slot(page, at("13:00"))
    await button.focus()
    await page.clock.pause_at(NOW + 60)
    taken = await desk.hold(at("13:00"))
    await expect(button).to_have_attribute("aria-disabled", "true")
    await desk.release(taken)
    await expect(button).not_to_have_attribute("aria-disabled", "true")
    await page.clock.run_for(399)
    await page.keyboard.press("Enter")
    await page.clock.run_for(60)
    await says(page, "That time just changed. Please choose again.")
    assert not sent
    await page.keyboard.press("Enter")
    await page.wait_for_url(HOLD_PAGE)
    assert len(sent) == 1


async def test_a_press_that_began_before_the_change_sends_nothing(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour))
    sent = posts_of(page)
    button = slot(page, at("13:00"))
    await button.hover()
    await page.mouse.down()
    await desk.hold(at("13:00"))
    await expect(button).to_have_attribute("aria-disabled", "true")
    await page.mouse.up()
    await says(page, "13:00, the time you were on, has just been taken.")
    await slot(page, at("13:20")).focus()
    await shows(page, at("13:00"), "held")
    box = await cell(page, at("13:00")).bounding_box()
    assert box
    await page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert not sent
    assert HOLD_PAGE.search(page.url) is None


async def test_a_freed_time_waits_for_show(visit: Visits, harbour: Harbour, desk: Desk, shot: Shots) -> None:
    one, other = await desk.hold(at("12:20")), await desk.hold(at("16:40"))
    page = await watching(visit, times(harbour), clock=AT_NOW)
    before = await boxes(page)
    await desk.release(one)
    await expect(page.locator(SHOW)).to_have_text("1 new time. Show")
    await desk.release(other)
    await expect(page.locator(SHOW)).to_have_text("2 new times. Show")
    await page.clock.fast_forward(1500)
    await says(page, f"2 new times on {TUESDAY}.")
    for start in (at("12:20"), at("16:40")):
        await shows(page, start, "held")
    assert await boxes(page) == before
    await page.locator(SHOW).click()
    for start in (at("12:20"), at("16:40")):
        await shows(page, start, "open")
    await expect(slot(page, at("12:20"))).to_be_focused()
    await expect(page.locator(SHOW)).to_be_hidden()
    await counts(page, "17 times free.")
    await shot(page, "p2-times-shown")
    assert await boxes(page) == before


async def test_a_freed_time_that_is_taken_again_is_not_offered(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    taken = await desk.hold(at("12:20"))
    page = await watching(visit, times(harbour))
    await desk.release(taken)
    await expect(page.locator(SHOW)).to_be_visible()
    await desk.hold(at("12:20"))
    await expect(page.locator(SHOW)).to_be_hidden()
    await shows(page, at("12:20"), "held")


async def test_a_new_time_that_just_appeared_under_the_finger_is_not_shown(
    visit: Visits, harbour: Harbour, desk: Desk
) -> None:
    taken = await desk.hold(at("12:20"))
    page = await watching(visit, times(harbour), clock=AT_NOW)
    await page.clock.pause_at(NOW + 60)
    await desk.release(taken)
    await page.locator(SHOW).click()
    await shows(page, at("12:20"), "held")
    await page.clock.run_for(400)
    await page.locator(SHOW).click()
    await shows(page, at("12:20"), "open")


async def test_a_hold_is_confirmed_and_the_time_is_taken(visit: Visits, harbour: Harbour) -> None:
    page = await watching(visit, times(harbour))
    other = await visit(times(harbour))
    await slot(other, at("13:00")).click()
    await shows(page, at("13:00"), "held")
    await fill(other, MARIA)
    await confirm(other)
    await shows(page, at("13:00"), "taken")
    await counts(page, "16 times free.")


async def test_a_hold_that_lapses_is_free_at_its_second(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour))
    await desk.hold(at("13:00"))
    await shows(page, at("13:00"), "held")
    harbour.clock.set((NOW + 900) * 1000 - 1)
    await shows(page, at("11:20"), "taken")  # its notice has begun meanwhile
    await expect(cell(page, at("11:20")).locator("p:visible")).to_have_text("11:20  closed")
    await expect(page.locator(SHOW)).to_be_hidden()
    harbour.clock.set((NOW + 900) * 1000)
    await expect(page.locator(SHOW)).to_have_text("1 new time. Show")
    await counts(page, "15 times free.")


async def test_the_clinic_cancels_and_pauses_and_the_page_follows(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    booked = await desk.book(at("13:00"))
    page = await watching(visit, times(harbour), clock=AT_NOW)
    await shows(page, at("13:00"), "taken")
    await desk.cancel(booked)
    await expect(page.locator(SHOW)).to_have_text("1 new time. Show")
    await desk.pause()
    await counts(page, "No times free.")
    await expect(page.locator(SHOW)).to_be_hidden()
    await expect(page.locator("button[name=start]:visible")).to_have_count(0)
    await expect(page.locator(".day[data-date] small").last).to_have_text("full")
    await page.clock.fast_forward(1500)
    await says(page, f"No times left on {TUESDAY}.")
    await desk.pause(active=True)
    await counts(page, "17 times free.")  # into an empty day they come at once


async def test_the_last_time_of_a_day_is_told_with_the_next_free_one(
    visit: Visits, harbour: Harbour, desk: Desk
) -> None:
    harbour.clock.set(at("15:25") * 1000)
    page = await watching(visit, times(harbour, TODAY), clock=AT_NOW)
    for clock in ("16:00", "16:20", "16:40"):
        await desk.hold(at(clock))
    await counts(page, "No times free.")
    link = page.get_by_role("link", name="Next free time: Tuesday 1 December, 09:00.")
    await expect(link).to_be_visible()
    await page.clock.fast_forward(1500)
    await says(page, f"No times left on {TUESDAY}. Next free time: Tuesday 1 December, 09:00.")
    await expect(page.locator(".day.on small")).to_have_text("full")
    await link.click()
    await expect(page.locator("h2[data-heading]")).to_have_text("Tuesday 1 December")


async def test_other_days_are_counted_without_a_word(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour), clock=AT_NOW)
    tile = page.locator(f'.day[data-date="{NEXT_WEEK}"]')
    for start in range(at("09:00", NEXT_WEEK), at("14:20", NEXT_WEEK), 1200):  # 16 of 24
        await desk.hold(start)
    await expect(tile.locator("small")).to_have_text("8 free")
    await expect(tile).to_have_class("day day--8")
    await page.clock.run_for(10_000)
    await counts(page, "17 times free.")
    assert await heard(page) == []


async def test_twenty_changes_in_a_second_are_one_message(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await watching(visit, times(harbour, NEXT_WEEK), clock=AT_NOW)
    await page.clock.pause_at(NOW + 60)
    for start in range(at("09:00", NEXT_WEEK), at("15:40", NEXT_WEEK), 1200):
        await desk.hold(start)
        await shows(page, start, "held")
        await page.clock.run_for(50)
    for clock in ("15:40", "16:00", "16:20"):  # and one more each time that a message could be due
        await page.clock.run_for(2000)
        await desk.hold(at(clock, NEXT_WEEK))
        await shows(page, at(clock, NEXT_WEEK), "held")
    await page.clock.run_for(20_000)
    messages = await heard(page)
    assert messages[0][1] == "20 times were just taken. 4 times left on Tuesday 1 December."
    assert len(messages) > 1
    gaps = [later - earlier for (earlier, _), (later, _) in zip(messages, messages[1:], strict=False)]
    assert min(gaps) >= 5000, messages


async def test_a_page_without_times_says_when_some_come(visit: Visits, desk: Desk, shot: Shots) -> None:
    eleanor = await desk.add_clinician("Eleanor Feather", "clinic", title="Dr")
    page = await watching(visit, f"/book/{eleanor}", clock=AT_NOW)
    await desk.open_hours(eleanor, 1, 960, 1000, only_on=TODAY)
    await expect(page.locator("[data-newtimes] a")).to_have_text("2 new times. Show")
    await page.clock.fast_forward(1500)
    await says(page, "2 new times. Show")
    await shot(page, "p2-empty-new", whole=False)
    await page.locator("[data-newtimes] a").click()
    await expect(page.locator("h1")).to_have_text("Choose a time")
    await shows(page, at("16:20"), "open")


@pytest.mark.parametrize("js", [True, False])
async def test_back_from_the_details_shows_the_truth(visit: Visits, harbour: Harbour, desk: Desk, js: bool) -> None:
    page = await visit(times(harbour), js=js)
    await slot(page, at("13:00")).click()
    await page.wait_for_url(HOLD_PAGE)
    await desk.hold(at("14:00"))
    await page.go_back()
    await shows(page, at("13:00"), "held")
    await shows(page, at("14:00"), "held")
    await expect(page.locator(".n-info")).to_contain_text("You are holding Tue 24 Nov, 13:00.")
    await counts(page, "15 times free.")
    assert await page.locator(POLITE).text_content() == ""


async def test_a_page_out_of_the_back_forward_cache_catches_up_without_a_word(
    visit: Visits, harbour: Harbour, desk: Desk
) -> None:
    page = await watching(visit, times(harbour), clock=AT_NOW)
    async with page.expect_websocket() as again:
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        taken = await desk.hold(at("14:00"))
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert (await again.value).url.endswith("/live")
    await shows(page, at("14:00"), "held")
    await page.clock.run_for(10_000)
    assert await heard(page) == []
    await desk.release(taken)
    await expect(page.locator(SHOW)).to_have_text("1 new time. Show")
