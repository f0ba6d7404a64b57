"""The time that is held, on its page: how it runs down, is kept longer, ends, and what can be done then."""

import re

import pytest
from playwright.async_api import Page, expect

from server.booking.holds import Wish
from tests.browser.booking import (
    AT_NOW,
    BLANK,
    CONFIRM,
    LATER,
    MARIA,
    MINUTE,
    confirm,
    details,
    every_face,
    fill,
    fresh_clock,
    heading,
    heard,
    here,
    hold,
    listen,
    named,
    pass_time,
    typed,
)
from tests.browser.visits import Shots, Visits
from tests.server.pages.harbour import NOW, START, Harbour

HOLD = 15 * MINUTE
KEPT_UNTIL = ("11:03", "11:08", "11:13", "11:18", "11:23", "11:28", "11:33", "11:38", "11:43", "11:48")


async def watched(visit: Visits, harbour: Harbour, start: int = START) -> Page:
    """A hold of 10:43, on a page whose clock stands still and whose live regions are listened to."""
    page = await visit(BLANK, clock=AT_NOW)
    await fresh_clock(page, harbour)
    await hold(page, harbour, start)
    await listen(page)
    return page


async def height_of(page: Page, selector: str) -> float:
    """How far below the top of the window it stands."""
    return float(await page.locator(selector).evaluate("(one) => one.getBoundingClientRect().top"))


async def taken_by_another(harbour: Harbour) -> None:
    """Somebody else takes the later time."""
    wish = Wish(clinician=harbour.clinician, start=LATER, visit_type=harbour.kinds["video"], session="another")
    await harbour.booking.holds.place(wish)


@pytest.mark.parametrize("js", [True, False])
async def test_a_fresh_hold_has_fifteen_minutes_and_never_sixteen(visit: Visits, harbour: Harbour, js: bool) -> None:
    page = await visit(BLANK, js=js, clock=AT_NOW if js else None)
    if js:
        await fresh_clock(page, harbour)
    for times, late_ms in enumerate((0, 1, 400, 999)):
        harbour.clock.set((NOW + MINUTE) * 1000 + late_ms)
        await hold(page, harbour, START + times * 20 * MINUTE)
        await expect(page.get_by_role("timer")).to_have_text("15 minutes left")
        await expect(page.locator("[data-until]")).to_have_text("Held until 10:58")


async def test_the_clock_is_seen_each_minute_then_each_second_and_spoken_three_times(
    visit: Visits, harbour: Harbour
) -> None:
    page = await watched(visit, harbour)
    timer = page.get_by_role("timer")
    assert await timer.evaluate("(one) => one.closest('[aria-live], [role=status], [role=alert], [role=log]')") is None
    await expect(timer).to_have_text("15 minutes left")
    for left in range(14, 2, -1):
        await pass_time(page, harbour, MINUTE)
        await expect(timer).to_have_text(f"{left} minutes left")
    await pass_time(page, harbour, MINUTE)
    await expect(timer).to_have_text("2:00 left")
    await pass_time(page, harbour, 1)
    await expect(timer).to_have_text("1:59 left")
    await pass_time(page, harbour, 2 * MINUTE - 2)
    await expect(timer).to_have_text("0:01 left")
    assert await page.locator("[data-ended]").is_hidden()
    await pass_time(page, harbour, 1)
    await page.locator("[data-ended]").wait_for()
    await page.clock.run_for(10 * MINUTE * 1000)
    assert await heard(page) == [
        ["polite", "11:20 is held for you for 5 more minutes. You can keep it longer."],
        ["polite", "11:20 is held for you for 2 more minutes. You can keep it longer."],
        ["polite", "11:20 is held for you for 1 more minute. You can keep it longer."],
        ["assertive", "Your hold on 11:20 has ended. Your details are still here."],
    ]


async def test_the_last_two_minutes_are_written_in_the_page_and_move_nothing(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await watched(visit, harbour)
    await fill(page)
    await page.locator("#note").focus()
    before = await height_of(page, "#note")
    await pass_time(page, harbour, HOLD - 2 * MINUTE)
    warning = page.locator("[data-warning]")
    await expect(warning).to_have_text("11:20 is held for you for 2 more minutes. You can keep it longer.")
    await expect(page.locator("#note")).to_be_focused()
    assert abs(await height_of(page, "#note") - before) < 1
    await pass_time(page, harbour, MINUTE)
    await expect(warning).to_have_text("11:20 is held for you for 1 more minute. You can keep it longer.")
    await shot(page, "p3-low")
    await page.locator("[data-keep]").click()
    await expect(warning).to_be_hidden()


async def test_keep_longer_moves_page_and_server_by_five_minutes_ten_times(visit: Visits, harbour: Harbour) -> None:
    page = await watched(visit, harbour)
    await fill(page)
    keep, until = page.locator("[data-keep]"), page.locator("[data-until]")
    key = named(page, harbour)
    first = (await harbour.booking.reading.appointment(key)).expires_at or 0
    for times, clock in enumerate(KEPT_UNTIL, start=1):
        await keep.click()
        await expect(until).to_have_text(f"Held until {clock}")
        assert (await harbour.booking.reading.appointment(key)).expires_at == first + times * 5 * MINUTE
    await expect(page.get_by_role("timer")).to_have_text("65 minutes left")
    await page.clock.run_for(1000)
    assert (await heard(page))[-1] == ["polite", "Held until 11:48. It cannot be kept longer than that."]
    await expect(keep).to_have_attribute("aria-disabled", "true")
    await keep.click(force=True)
    await page.reload()
    await expect(until).to_have_text("Held until 11:48")
    await expect(keep).to_be_hidden()
    await typed(page)


async def test_a_hold_kept_longer_is_warned_of_again(visit: Visits, harbour: Harbour) -> None:
    page = await watched(visit, harbour)
    await pass_time(page, harbour, 10 * MINUTE)
    await page.locator("[data-keep]").click()
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:03")
    await pass_time(page, harbour, 5 * MINUTE)
    await page.clock.run_for(1000)
    said = [words for _, words in await heard(page)]
    assert [words[:41] for words in said] == [
        "11:20 is held for you for 5 more minutes.",
        "Held until 11:03",
        "11:20 is held for you for 5 more minutes.",
    ]


async def test_a_page_that_slept_through_the_end_says_only_that_it_has_ended(visit: Visits, harbour: Harbour) -> None:
    page = await watched(visit, harbour)
    harbour.clock.advance(16 * MINUTE)
    await page.clock.fast_forward(16 * MINUTE * 1000)
    await page.locator("[data-ended]").wait_for()
    await page.clock.run_for(1000)
    assert await heard(page) == [["assertive", "Your hold on 11:20 has ended. Your details are still here."]]


async def test_keep_longer_that_does_not_reach_the_clinic_says_so_and_works_when_pressed_again(
    visit: Visits, harbour: Harbour
) -> None:
    visit.excuse("ERR_INTERNET_DISCONNECTED")
    page = await details(visit, harbour)
    await page.context.set_offline(True)
    await page.locator("[data-keep]").click()
    words = "We could not reach the clinic. Your time is not kept longer yet. Please try again."
    await expect(page.locator("[data-not-kept]")).to_have_text(words)
    await expect(page.locator("[data-until]")).to_have_text("Held until 10:57")
    await page.context.set_offline(False)
    await page.locator("[data-keep]").click()
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:02")
    await expect(page.locator("[data-not-kept]")).to_be_hidden()


async def test_an_ended_hold_keeps_every_field_and_is_held_again_with_one_press(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await watched(visit, harbour, LATER)
    everything = MARIA | {"phone": "07700 900123", "note": "Dizzy in the\nmornings.", "access_language": "Spanish"}
    await page.get_by_label("Someone else").check()
    await page.get_by_label("Interpreter").check()
    await fill(page, everything)
    await page.locator("#note").focus()
    before = await height_of(page, "#note")
    await pass_time(page, harbour, HOLD)
    ended = page.locator("[data-ended]")
    await expect(ended).to_contain_text(
        "Everything you typed is still here. Nothing is booked. The time is still free."
    )
    await expect(page.locator("[data-until]")).to_have_text("Hold ended at 10:58")
    await expect(page).to_have_title("Your hold on 14:00 has ended: Harbour Clinic")
    await expect(page.locator("#note")).to_be_focused()
    assert abs(await height_of(page, "#note") - before) < 1
    assert await page.locator("[data-near] button").all_inner_texts() == ["13:20", "13:40", "14:20"]
    await expect(page.locator(CONFIRM)).to_have_attribute("aria-disabled", "true")
    await page.locator(CONFIRM).click(force=True)
    await page.clock.run_for(1000)
    assert (await heard(page))[-1] == ["polite", "Hold a time first."]
    await shot(page, "p3-expired-live")
    await typed(page, everything)
    await page.get_by_role("button", name="Hold 14:00 again").click()
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:13")
    await typed(page, everything)
    await expect(page.get_by_label("Someone else")).to_be_checked()
    await expect(page.get_by_label("Interpreter")).to_be_checked()
    await confirm(page)
    assert await heading(page) == "Appointment confirmed"


async def test_a_time_that_somebody_else_took_meanwhile_is_not_offered_again(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await watched(visit, harbour, LATER)
    await fill(page)
    await pass_time(page, harbour, HOLD - 1)
    harbour.clock.advance(1)
    await taken_by_another(harbour)
    await page.clock.run_for(1000)
    ended = page.locator("[data-ended]")
    await expect(ended).to_contain_text("The time is no longer free.")
    await expect(ended.get_by_role("button", name="Hold 14:00 again")).to_be_hidden()
    assert await page.locator("[data-near] button").all_inner_texts() == ["13:20", "13:40", "14:20"]
    await shot(page, "p3-gone-live")
    await page.get_by_role("button", name="14:20").click()
    await expect(page.locator(".hold__when")).to_have_text("Tue 24 November, 14:20")
    await typed(page)


async def test_the_time_taken_between_the_page_and_the_press_is_told_on_top(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    page = await watched(visit, harbour, LATER)
    await fill(page)
    await pass_time(page, harbour, HOLD)
    await page.locator("[data-ended]").wait_for()
    await taken_by_another(harbour)
    await page.get_by_role("button", name="Hold 14:00 again").click()
    summary = page.locator("[data-faults]")
    await expect(summary).to_contain_text("That time has just been taken.")
    await expect(summary).to_be_focused()
    await expect(page).to_have_title(re.compile("^Error: "))
    await typed(page)
    await page.clock.resume()
    await every_face(page, shot, "p3-taken")


async def test_expired_pages_have_no_faults(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await details(visit, harbour, start=LATER)
    harbour.clock.advance(13 * MINUTE)
    await page.reload()
    await fill(page)
    await every_face(page, shot, "p3-warned")
    harbour.clock.advance(2 * MINUTE)
    await page.reload()
    assert await heading(page) == "Your hold on 14:00 has ended"
    await every_face(page, shot, "p3-expired")
    await taken_by_another(harbour)
    await page.reload()
    await expect(page.locator("main")).to_contain_text("The time is no longer free.")
    await every_face(page, shot, "p3-gone")


async def test_letting_go_says_so_and_offers_the_time_again(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await details(visit, harbour, start=LATER)
    await page.get_by_role("button", name="Let this time go").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You let 14:00 go")
    await expect(page.locator("main")).to_contain_text("Nothing is booked. The time is still free.")
    await every_face(page, shot, "p3-released")
    await page.get_by_role("button", name="Hold 14:00 again").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your details")


async def test_another_time_taken_in_a_second_tab_ends_this_one(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await fill(page)
    tab = await visit.another(page, BLANK)
    await hold(tab, harbour, START + 20 * MINUTE)
    await page.locator("[data-keep]").click()
    await expect(page.locator("[data-until]")).to_have_text("You let this time go")
    await expect(page.locator("[data-ended]")).to_contain_text("The time is still free.")
    await typed(page)


async def test_two_tabs_of_one_hold_agree(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    tab = await visit.another(page, await here(page))
    await tab.locator("[data-keep]").click()
    await expect(tab.locator("[data-until]")).to_have_text("Held until 11:02")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:02")
    await fill(tab)
    await confirm(tab)
    await page.locator("[data-keep]").click()
    await page.wait_for_url("**/a/**")
    assert await here(page) == await here(tab)


async def test_an_appointment_that_is_booked_has_no_details_page_any_more(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    held = await here(page)
    await fill(page)
    await confirm(page)
    await page.goto(held)
    assert (await here(page)).startswith("/a/")
    assert await heading(page) == "Your appointment"


async def test_nobody_else_sees_a_hold(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await details(visit, harbour)
    await fill(page)
    stranger = await visit(await here(page))
    assert await heading(stranger) == "This time is not held here"
    assert "11:20" not in await stranger.content()
    await every_face(stranger, shot, "p3-lost")
