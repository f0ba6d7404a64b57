"""Confirming: once, whatever is pressed and however often; with a definite end, whatever the network does meanwhile."""

from datetime import UTC, datetime

from playwright.async_api import Page, Request, Route, expect

from tests.browser.booking import (
    AT_NOW,
    BLANK,
    CONFIRM,
    LATER,
    MINUTE,
    booked,
    confirm,
    details,
    fill,
    heading,
    here,
    hold,
    named,
    pass_time,
    typed,
)
from tests.browser.visits import Visits
from tests.server.pages.harbour import NOW, Harbour

OFFLINE = "ERR_INTERNET_DISCONNECTED|ERR_FAILED"
TRIES_TOLD = 4  # after so many the page says that it takes long
CHECKING = "Checking whether your booking went through…"
STILL = (
    "We cannot reach the clinic at the moment and keep trying. Nothing that you typed is lost."
    " You can also call 020 7946 0000."
)


def posts(page: Page) -> list[str]:
    """The paths that the page posts to from now on."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url.rpartition("/")[2])

    page.on("request", note)
    return sent


async def test_a_double_press_books_once(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await fill(page)
    sent = posts(page)
    held = named(page, harbour)
    await page.locator(CONFIRM).dblclick()
    await page.wait_for_url("**/a/**")
    assert sent == [held]
    assert await booked(harbour) == 1


async def test_a_second_press_while_the_answer_is_on_its_way_sends_nothing(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await fill(page)
    waiting: list[Route] = []
    await page.route("**/hold/*", lambda route: waiting.append(route))
    sent = posts(page)
    await page.locator(CONFIRM).click()
    await expect(page.locator("[data-progress]")).to_have_text("Confirming your appointment…")
    await expect(page.locator(CONFIRM)).to_have_attribute("aria-disabled", "true")
    await page.locator(CONFIRM).click(force=True)
    await page.locator("#name").press("Enter")
    await page.get_by_role("button", name="Let this time go").click()
    assert len(sent) == 1
    await waiting[0].continue_()
    await page.wait_for_url("**/a/**")
    assert await booked(harbour) == 1


async def test_a_replayed_confirmation_leads_to_the_same_appointment(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await fill(page)
    async with page.expect_request(lambda request: request.method == "POST") as first:
        await confirm(page)
    request, path = await first.value, await here(page)
    again = await page.request.post(
        request.url,
        data=request.post_data,
        headers={"Origin": harbour.url, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert again.url.partition("?")[0].endswith(path)
    assert await booked(harbour) == 1


async def test_a_line_that_is_down_at_confirming_ends_in_a_booking_once_it_is_back(
    visit: Visits, harbour: Harbour
) -> None:
    visit.excuse(OFFLINE)
    page = await details(visit, harbour)
    await fill(page)
    await page.context.set_offline(True)
    await page.locator(CONFIRM).click()
    await expect(page.locator("[data-progress]")).to_have_text(CHECKING)
    await expect(page.locator("[data-polite]")).to_have_text(CHECKING)
    assert await booked(harbour) == 0
    await page.context.set_offline(False)
    await page.wait_for_url("**/a/**")
    assert await heading(page) == "Appointment confirmed"
    assert await booked(harbour) == 1


async def test_an_answer_lost_on_the_way_back_is_asked_for_again_and_books_once(
    visit: Visits, harbour: Harbour
) -> None:
    visit.excuse(OFFLINE)
    page = await details(visit, harbour)
    await fill(page)
    lost: list[int] = []

    async def lose_the_first(route: Route) -> None:
        if lost or route.request.method != "POST":
            await route.continue_()
        else:
            lost.append((await route.fetch()).status)
            await route.abort()

    await page.route("**/hold/*", lose_the_first)
    await page.locator(CONFIRM).click()
    await expect(page.locator("[data-progress]")).to_have_text(CHECKING)
    assert await booked(harbour) == 1
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.wait_for_url("**/a/**")
    assert await heading(page) == "Appointment confirmed"
    assert await booked(harbour) == 1
    assert lost == [200]


async def test_a_line_that_stays_down_is_told_honestly_and_tried_on(visit: Visits, harbour: Harbour) -> None:
    visit.excuse(OFFLINE)
    page = await visit(BLANK, clock=AT_NOW)
    await hold(page, harbour)
    await fill(page)
    await page.clock.pause_at(datetime.fromtimestamp(NOW + MINUTE, UTC))
    await page.context.set_offline(True)
    sent = posts(page)
    await page.locator(CONFIRM).click()
    progress = page.locator("[data-progress]")
    await expect(progress).to_have_text(CHECKING)
    while await progress.inner_text() != STILL:
        assert len(sent) <= TRIES_TOLD
        await page.clock.run_for(500)
    assert len(sent) == TRIES_TOLD
    await page.context.set_offline(False)
    await page.wait_for_url("**/a/**")
    assert await booked(harbour) == 1


async def test_a_hold_that_ended_while_the_line_was_down_is_told_as_not_booked(visit: Visits, harbour: Harbour) -> None:
    visit.excuse(OFFLINE)
    visit.excuse("^410 for .*/hold/")
    page = await details(visit, harbour, start=LATER)
    await fill(page)
    await page.context.set_offline(True)
    await page.locator(CONFIRM).click()
    await expect(page.locator("[data-progress]")).to_have_text(CHECKING)
    harbour.clock.advance(15 * MINUTE)
    await page.context.set_offline(False)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your hold on 14:00 has ended")
    await expect(page.locator("main")).to_contain_text("Everything you typed is still here. Nothing is booked.")
    await typed(page)
    assert await booked(harbour) == 0


async def test_confirmed_an_instant_before_the_end_and_refused_at_the_end(visit: Visits, harbour: Harbour) -> None:
    visit.excuse("^410 for .*/hold/")
    first = await details(visit, harbour)
    second = await details(visit, harbour, start=LATER)
    for page in (first, second):
        await fill(page)
    harbour.clock.set((NOW + 15 * MINUTE) * 1000 - 1)
    await confirm(first)
    harbour.clock.advance(0.001)
    await second.locator(CONFIRM).click()
    await expect(second.get_by_role("heading", level=1)).to_have_text("Your hold on 14:00 has ended")
    assert await booked(harbour) == 1


async def test_the_back_button_after_confirming_leads_to_the_appointment_not_to_the_form(
    visit: Visits, harbour: Harbour
) -> None:
    page = await details(visit, harbour)
    await fill(page)
    await confirm(page)
    path = await here(page)
    await page.go_back()
    await page.wait_for_url(f"**{path}")
    assert await heading(page) == "Your appointment"
    assert await page.locator("form").count() == 0


async def test_a_page_left_open_finds_that_it_was_confirmed_elsewhere(visit: Visits, harbour: Harbour) -> None:
    page = await visit(BLANK, clock=AT_NOW)
    await hold(page, harbour)
    tab = await visit.another(page, await here(page))
    await fill(tab)
    await confirm(tab)
    await page.clock.pause_at(datetime.fromtimestamp(NOW + MINUTE, UTC))
    await pass_time(page, harbour, 15 * MINUTE)
    await page.wait_for_url("**/a/**")
    assert await heading(page) == "Your appointment"
