"""The details form: what it asks, how it refuses, and that everybody can fill it in: by keys, large, without motion."""

from collections.abc import Sequence

import pytest
from playwright.async_api import Page, expect

from tests.browser.booking import (
    CONFIRM,
    MARIA,
    booked,
    details,
    every_face,
    fill,
    here,
    typed,
    walk,
)
from tests.browser.visits import NARROW, PHONE, Shots, Visits, larger_text, no_sideways_scroll, no_small_targets
from tests.server.pages.harbour import Harbour

LOW_PHONE = (390, 664)  # what an iPhone shows between its bars
REFUSED = "^422 for .*/hold/"  # the script's first try; its form then fetches the page that says why
OWN = {"name": "name", "email": "email", "phone": "tel"}


async def test_the_form_has_no_faults_and_shows_the_chosen_time(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await details(visit, harbour)
    await expect(page.locator(".hold__when")).to_have_text("Tue 24 November, 11:20")
    await expect(page.locator(".hold__who").first).to_have_text("Dr Amira Haddad, video, 20 min")
    await fill(page, MARIA | {"note": "Blood pressure tablets, dizzy in the mornings since the dose went up."})
    await page.get_by_label("Interpreter").check()
    await fill(page, {"access_language": "Spanish"})
    await page.locator("h1").click()
    await every_face(page, shot, "p3-details")


@pytest.mark.parametrize("way", ["video", "clinic", "phone"])
async def test_fields_say_what_they_need_and_what_a_browser_may_fill_in(
    visit: Visits, harbour: Harbour, way: str
) -> None:
    page = await details(visit, harbour, way=way)
    required = await page.locator("#details :required").evaluate_all("(all) => all.map((one) => one.id)")
    assert required == ["name", "email"]
    assert await _tokens(page) == OWN
    assert await page.locator("#note").get_attribute("autocomplete") == "off"
    await page.get_by_label("Someone else").check()
    await expect(page.locator(".only-else")).to_be_visible()
    assert await _tokens(page) == dict.fromkeys(OWN, "off")
    await page.get_by_label("Me", exact=True).check()
    assert await _tokens(page) == OWN
    assert await page.locator("#email").get_attribute("type") == "email"
    assert await page.locator("#phone").get_attribute("type") == "tel"


async def test_questions_that_follow_from_a_chip_come_with_it(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    for chip, field in (("Interpreter", "#access_language"), ("Something else", "#access_other")):
        await expect(page.locator(field)).to_be_hidden()
        await page.get_by_label(chip).check()
        await expect(page.locator(field)).to_be_visible()
        await page.get_by_label(chip).uncheck()
        await expect(page.locator(field)).to_be_hidden()


async def test_a_refused_form_leads_to_each_fault_and_keeps_what_was_typed(
    visit: Visits, harbour: Harbour, shot: Shots
) -> None:
    visit.excuse(REFUSED)
    page = await details(visit, harbour)
    await fill(page, {"name": " ", "email": "m.ruiz@", "phone": "call me"})
    await page.locator(CONFIRM).click()
    summary = page.locator("[data-faults]")
    await expect(summary).to_be_focused()
    await expect(page).to_have_title("Error: Your details: Harbour Clinic")
    await expect(summary.get_by_role("alert")).to_contain_text("There is a problem")
    await expect(summary).to_contain_text("Nothing has been booked yet.")
    assert await booked(harbour) == 0
    for field, words in {
        "name": "Enter your full name",
        "email": "Check the email address: it should look like name@example.org",
        "phone": "Check the phone number: it should contain digits",
    }.items():
        control = page.locator(f"#{field}")
        assert await control.get_attribute("aria-invalid") == "true"
        described = str(await control.get_attribute("aria-describedby")).split()
        assert f"{field}-wrong" in described
        assert await page.locator(f"#{field}-wrong").inner_text() == words
        await summary.get_by_role("link", name=words).click()
        await expect(control).to_be_focused()
        assert await _covered(page) is None
    await typed(page, {"email": "m.ruiz@", "phone": "call me"})
    assert await page.locator("#note").get_attribute("aria-invalid") is None
    await page.locator("h1").click()
    await every_face(page, shot, "p3-error")
    await fill(page, MARIA | {"phone": ""})
    await page.locator(CONFIRM).click()
    await page.wait_for_url("**/a/**")
    assert await booked(harbour) == 1


@pytest.mark.parametrize("faulty", [False, True])
async def test_small_windows_and_large_text_fit_and_every_target_can_be_hit(
    visit: Visits, harbour: Harbour, shot: Shots, faulty: bool
) -> None:
    visit.excuse(REFUSED)
    page = await details(visit, harbour, size=PHONE)
    if faulty:
        await page.locator(CONFIRM).click()
        await page.locator("[data-faults]").wait_for()
    await page.get_by_label("Interpreter").check()
    await page.get_by_label("Something else").check()
    await no_small_targets(page)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await no_sideways_scroll(page)
    await no_small_targets(page)
    await shot(page, "p3-320" + ("-error" if faulty else ""))
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await larger_text(page)
    await no_sideways_scroll(page)
    await shot(page, "p3-200-percent" + ("-error" if faulty else ""))


@pytest.mark.parametrize("backwards", [False, True])
async def test_each_stop_of_the_tab_key_is_seen_and_not_under_the_band(
    visit: Visits, harbour: Harbour, backwards: bool
) -> None:
    page = await details(visit, harbour, size=LOW_PHONE)
    stops = await walk(page, backwards)
    wanted = ["Skip to content", "Harbour Clinic", "Help", "Change the time", "Keep longer", "me"]
    wanted += ["name", "email", "phone", "note", "interpreter", "captions", "other"]
    wanted += ["Confirm appointment", "Let this time go", "020 7946 0000", "999"]
    assert stops == (wanted[::-1] if backwards else wanted)


async def test_with_keys_alone_the_form_is_sent(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await page.locator("#name").focus()
    for text in (MARIA["name"], MARIA["email"], "", "Dizzy."):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    for _ in ("captions", "something else", "language"):
        await page.keyboard.press("Tab")
    await page.keyboard.type("Spanish")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/a/**")
    view = await harbour.booking.reading.view(harbour.booking.links.named((await here(page)).split("/")[-1]) or "")
    assert (view.note, view.access_needs) == ("Dizzy.", ("Interpreter: Spanish",))


async def test_with_reduced_motion_nothing_moves(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour, reduced=True)
    await page.locator(CONFIRM).hover()
    await page.locator("#name").focus()
    assert await page.evaluate("document.getAnimations().length") == 0
    water = page.locator("[data-tide]")
    harbour.clock.advance(30)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.get_by_role("timer")).to_have_text("15 minutes left")
    assert await water.get_attribute("width") == "100.00%"


async def test_forced_colours_keep_every_edge(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await details(visit, harbour, forced=True)
    await page.get_by_label("Interpreter").check()
    await page.locator("h1").click()
    await shot(page, "p3-forced")
    stroke = await page.locator(".tide__wave").evaluate("(wave) => getComputedStyle(wave).stroke")
    edge = await page.locator("#name").evaluate("(field) => getComputedStyle(field).borderTopStyle")
    assert stroke != "none"
    assert edge == "solid"


async def test_what_was_typed_survives_a_page_that_is_put_away(visit: Visits, harbour: Harbour) -> None:
    page = await details(visit, harbour)
    await fill(page)
    async with page.expect_request("**/draft") as sent:
        await page.evaluate(
            """() => {
                Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
                document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
    await (await sent.value).response()
    await page.goto("/book")
    await page.go_back()
    await typed(page)


async def _tokens(page: Page) -> dict[str, str | None]:
    return {field: await page.locator(f"#{field}").get_attribute("autocomplete") for field in OWN}


async def _covered(page: Page) -> Sequence[str] | None:
    """What lies over the middle of the focused element, if anything."""
    return await page.evaluate(  # type: ignore[no-any-return]
        """() => {
            const one = document.activeElement, box = one.getBoundingClientRect();
            const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            return one === hit || one.contains(hit) ? null : [one.outerHTML, hit?.outerHTML ?? "outside the window"];
        }"""
    )
