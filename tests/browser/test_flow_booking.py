"""The whole way from the first page to the confirmed card: with scripts, with keys alone, and without scripts."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.booking import (
    CONFIRM,
    LATER,
    MARIA,
    MINUTE,
    OUTSIDE,
    booked,
    confirm,
    fill,
    heading,
    here,
    hold,
    named,
    typed,
    walk,
)
from tests.browser.visits import DESK, PHONE, Shots, Visits, live
from tests.server.pages.harbour import START, Harbour

EVERYTHING = MARIA | {"phone": "07700 900123", "note": "Dizzy in the mornings."}


async def to_times(page: Page, harbour: Harbour) -> None:
    """From the start, which leads on to the only clinician, to the times of a follow-up."""
    await page.get_by_role("link", name="Follow-up").first.click()
    await page.locator(f"button[name=start][value='{START}']").wait_for()


@pytest.mark.parametrize("size", [PHONE, DESK])
async def test_a_patient_books_and_sees_the_chosen_time_on_each_page(
    visit: Visits, harbour: Harbour, size: tuple[int, int]
) -> None:
    page = await visit("/book", size=size)
    await to_times(page, harbour)
    await live(page)
    await page.locator(f"button[name=start][value='{START}']").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    await expect(page.locator(".hold__when")).to_have_text("Tue 24 November, 11:20")
    await fill(page)
    assert await booked(harbour) == 0
    await confirm(page)
    for title in ("Appointment confirmed", "Your appointment"):
        assert await heading(page) == title
        await expect(page.get_by_role("article")).to_contain_text("Tuesday 24 November 2026")
        await expect(page.get_by_role("article")).to_contain_text("11:20 to 11:40")
        await page.goto(await here(page))
    assert await booked(harbour) == 1


async def test_with_keys_alone_from_the_times_to_the_card(visit: Visits, harbour: Harbour) -> None:
    page = await visit(f"/book/{harbour.clinician}?visit_type={harbour.kinds['video']}")
    await live(page)
    await _tab_to(page, f"[name=start][value='{START}']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/hold/**")
    for field, text in MARIA.items():
        await _tab_to(page, f"#{field}")
        await page.keyboard.type(text)
    await _tab_to(page, "[data-confirm]")
    await page.keyboard.press("Space")
    await page.wait_for_url("**/a/**")
    assert await heading(page) == "Appointment confirmed"
    assert await walk(page)


async def test_changing_the_time_keeps_what_was_typed_and_lets_the_first_time_go(
    visit: Visits, harbour: Harbour
) -> None:
    page = await visit(f"/book/{harbour.clinician}?visit_type={harbour.kinds['video']}")
    await page.locator(f"button[name=start][value='{START}']").click()
    await page.wait_for_url("**/hold/**")
    first = named(page, harbour)
    await fill(page, EVERYTHING)
    await page.get_by_role("button", name="Change the time").click()
    await expect(page.locator("main")).to_contain_text("You are holding Tue 24 Nov, 11:20.")
    await page.locator(f"button[name=start][value='{LATER}']").click()
    await page.wait_for_url("**/hold/**")
    await expect(page.locator(".hold__when")).to_have_text("Tue 24 November, 14:00")
    await typed(page, EVERYTHING)
    assert (await harbour.booking.reading.appointment(first)).cause == "released"


async def test_the_back_button_from_a_hold_tells_of_it_and_leads_back(visit: Visits, harbour: Harbour) -> None:
    page = await visit(f"/book/{harbour.clinician}?visit_type={harbour.kinds['video']}")
    await page.locator(f"button[name=start][value='{START}']").click()
    await page.wait_for_url("**/hold/**")
    await page.go_back()
    await expect(page.locator("main")).to_contain_text("You are holding")
    await page.get_by_role("button", name="Continue").or_(page.get_by_role("link", name="Continue")).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your details")


async def test_without_scripts_from_the_start_to_the_card(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await visit("/book", js=False)
    await to_times(page, harbour)
    await page.locator(f"button[name=start][value='{LATER}']").click()
    await expect(page.get_by_role("timer")).to_have_text("15 minutes left")
    await shot(page, "p3-plain")

    await fill(page, EVERYTHING | {"email": "m.ruiz@"})
    await page.locator(CONFIRM).click()
    await expect(page.get_by_role("alert").first).to_contain_text("There is a problem")
    await expect(page).to_have_title("Error: Your details: Harbour Clinic")
    await expect(page.locator("#email-wrong")).to_be_visible()
    assert await page.locator("#email").get_attribute("aria-invalid") == "true"
    await shot(page, "p3-plain-error")
    await typed(page, EVERYTHING | {"email": "m.ruiz@"})

    await fill(page, {"email": MARIA["email"]})
    await page.get_by_role("button", name="Keep longer").click()
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:02")
    await typed(page, EVERYTHING)

    harbour.clock.advance(20 * MINUTE)
    await page.locator(CONFIRM).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your hold on 14:00 has ended")
    await expect(page.locator("main")).to_contain_text("Everything you typed is still here. Nothing is booked.")
    await shot(page, "p3-plain-ended")
    await typed(page, EVERYTHING)
    await page.get_by_role("button", name="Hold 14:00 again").click()
    await expect(page.locator("[data-until]")).to_have_text("Held until 11:17")
    await typed(page, EVERYTHING)

    await page.locator(CONFIRM).click()
    assert await heading(page) == "Appointment confirmed"
    await expect(page.get_by_role("article")).to_contain_text("14:00 to 14:20")
    await expect(page.locator("[data-link]")).to_contain_text(await here(page))
    for script_only in ("Print", "Copy link"):
        assert await page.get_by_role("button", name=script_only).count() == 0
    await shot(page, "p4-plain")
    assert await booked(harbour) == 1
    view = await harbour.booking.reading.view(named(page, harbour))
    assert view.note == EVERYTHING["note"]


async def test_without_scripts_a_time_is_let_go(visit: Visits, harbour: Harbour) -> None:
    page = await visit("/book", js=False)
    await hold(page, harbour)
    await page.get_by_role("button", name="Let this time go").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You let 11:20 go")
    await page.get_by_role("button", name="See all times on Tuesday 24 November").click()
    await page.locator(f"button[name=start][value='{START}']").wait_for()
    assert await page.locator(OUTSIDE).get_by_text("You are holding").count() == 0


async def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until it has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no way by Tab to {selector}")
