"""P2: every face of the page of times, as seen, heard, tabbed through and pressed."""

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Route, expect

from tests.browser.booking import every_face
from tests.browser.choosing import HOLD_PAGE, counts, posts_of, shows, slot, times, watching
from tests.browser.desk import NEXT_WEEK, TODAY, Desk, at
from tests.browser.visits import (
    DESK,
    NARROW,
    Shots,
    Visits,
    axe,
    larger_text,
    live,
    no_sideways_scroll,
    no_small_targets,
)
from tests.server.pages.harbour import START, Harbour
from tests.server.pages.harbour import harbour as harbour_clinic

LAST = ("16:00", "16:20", "16:40")


@pytest.fixture
def short_day(harbour: Harbour) -> Harbour:
    """Half past three: three times are left today."""
    harbour.clock.set(at("15:25") * 1000)
    return harbour


async def test_every_face_of_the_times(visit: Visits, harbour: Harbour, desk: Desk, shot: Shots) -> None:
    await desk.book(at("11:20"))
    await desk.hold(at("12:20"))
    released = await desk.hold(at("14:00"))
    page = await watching(visit, times(harbour))
    await desk.release(released)
    await expect(page.locator("[data-newtimes]")).to_be_visible()
    assert await page.locator("[style], script:not([src]), style").count() == 0  # the policy forbids them
    await every_face(page, shot, "p2-times")
    await no_small_targets(page)
    await no_sideways_scroll(page)


async def test_wide_the_heading_comes_first_and_the_days_below_it(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour), size=DESK)
    order = ["h1", ".strip", "h2[data-heading]", "form[data-times]"]
    tops = [(await page.locator(each).bounding_box() or {})["y"] for each in order]
    assert tops == sorted(tops)
    line, heading = await page.locator(".live").bounding_box(), await page.locator("h1").bounding_box()
    assert line
    assert heading
    assert abs(line["y"] + line["height"] / 2 - heading["y"] - heading["height"] / 2) < 4
    assert line["x"] > heading["x"]


@pytest.mark.parametrize("way", ["video", "clinic"])
async def test_the_page_fits_a_narrow_window_and_large_text(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots, way: str
) -> None:
    await desk.hold(at("12:20"))
    page = await visit(times(harbour, way=way), size=NARROW)
    await live(page)
    await no_sideways_scroll(page)
    await no_small_targets(page)
    await larger_text(page)
    await no_sideways_scroll(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await no_sideways_scroll(page)
    if way == "video":
        await shot(page, "p2-times-large")


async def test_a_time_is_called_by_its_words_its_day_and_its_clinician(visit: Visits, short_day: Harbour) -> None:
    page = await visit(times(short_day), timezone="Asia/Kolkata")
    await expect(page.locator("[data-zone-toggle]")).to_be_visible()
    for way, whom in (("video", "video with Dr Amira Haddad"), ("clinic", "at the clinic with Dr Amira Haddad")):
        await page.goto(times(short_day, way=way))
        await live(page)
        for button in await page.locator("button[name=start]:visible").all():
            name = re.fullmatch(r'- button "(.+)"', await button.aria_snapshot())
            assert name
            shown = await button.locator("[data-label]").inner_text()
            day = "Wednesday 25 November" if shown < "12:00" and way == "video" else "Tuesday 24 November"
            assert name[1].replace(" ,", ",") == f"{shown}, {day}, {whom}"


@pytest.mark.parametrize("size", [DESK, (390, 664)], ids=["desk", "phone"])
async def test_with_the_keyboard_alone_to_the_hold_and_always_seeing_where_one_is(
    visit: Visits, short_day: Harbour, size: tuple[int, int]
) -> None:
    page = await visit(times(short_day), size=size)
    await live(page)
    stops: list[str] = []
    while not stops or "16:20" not in stops[-1]:
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUSED)
        assert stop["outline"] >= 2, stop
        assert stop["seen"], stop
        stops.append(stop["words"])
        assert len(stops) < 40, stops
    assert stops[0] == "Skip to content"
    await page.keyboard.press("End")
    await expect(slot(page, at("16:40"))).to_be_focused()
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowRight")
    await expect(slot(page, at("16:20"))).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(HOLD_PAGE)


FOCUSED = """() => {
    const one = document.activeElement, box = one.getBoundingClientRect();
    const outline = (which) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one, which);
        return outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
    };
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return {
        words: one.textContent.trim(),
        outline: Math.max(outline(null), outline("::after")),
        seen: hit !== null && (one === hit || one.contains(hit)),
    };
}"""


async def test_the_skip_link_leads_past_the_bar(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Follow-up")).to_be_focused()


async def test_reduced_motion_leaves_nothing_moving(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour), reduced=True)
    await live(page)
    await slot(page, at("12:00")).hover()
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_forced_colours_keep_every_edge(visit: Visits, harbour: Harbour, desk: Desk, shot: Shots) -> None:
    await desk.hold(at("12:20"))
    await desk.book(at("12:40"))
    page = await visit(times(harbour), forced=True)
    await live(page)
    await shot(page, "p2-times-forced")
    edges = await page.locator(".slot:visible").evaluate_all(
        "all => all.map((one) => getComputedStyle(one)).map((its) => `${its.borderTopStyle} ${its.borderTopWidth}`)"
    )
    assert set(edges) == {"solid 1px", "dashed 2px", "dotted 1px"}


async def test_the_page_stays_small(visit: Visits, harbour: Harbour) -> None:
    page = await visit("about:blank")
    sizes: dict[str, int] = {"script": 0, "stylesheet": 0}
    kinds: list[str] = []
    answers = []
    page.on("response", lambda response: answers.append(response))
    await page.goto(times(harbour))
    await live(page)
    for answer in answers:
        kind = answer.request.resource_type
        kinds.append(kind)
        if kind in sizes:
            sizes[kind] += (await answer.request.sizes())["responseBodySize"]
    assert "font" not in kinds
    assert sizes["script"] <= 12_000, sizes
    assert sizes["stylesheet"] <= 8_192, sizes
    assert len(gzip.compress((await page.content()).encode(), 9)) <= 14_336


async def test_every_face_of_the_choice_of_a_visit(visit: Visits, harbour: Harbour, shot: Shots) -> None:
    page = await visit(f"/book/{harbour.clinician}")
    await every_face(page, shot, "p2-kinds")
    await no_small_targets(page)
    await page.get_by_role("link", name="Examination").click()
    await expect(page.locator("h1")).to_have_text("Choose a time")


async def test_a_conflict_is_told_with_the_nearest_times(visit: Visits, harbour: Harbour, desk: Desk) -> None:
    page = await visit(times(harbour), js=False)
    await desk.hold(at("13:00"))
    await slot(page, at("13:00")).click()
    problem = page.locator("[data-problem]")
    await expect(problem).to_contain_text("13:00 has just been taken.")
    await expect(problem).to_contain_text("Nothing has been booked.")
    assert await problem.locator("button").all_inner_texts() == ["12:40", "13:20", "12:20"]
    assert await page.title() == "Error: Choose a time: Harbour Clinic"
    await shows(page, at("13:00"), "held")
    await problem.get_by_role("button", name="13:20").click()
    await page.wait_for_url(HOLD_PAGE)


async def test_every_face_of_a_conflict(visit: Visits, short_day: Harbour, desk: Desk, shot: Shots) -> None:
    page = await visit(times(short_day))
    await desk.hold(at("16:20"))
    await slot(page, at("16:20")).evaluate("one => one.closest('form').requestSubmit(one)")
    await expect(page.locator("[data-problem]")).to_be_focused()
    await every_face(page, shot, "p2-conflict")
    await no_small_targets(page)


async def test_a_time_that_one_holds_already_is_offered_again(visit: Visits, short_day: Harbour, shot: Shots) -> None:
    page = await visit(times(short_day))
    await live(page)
    await slot(page, at("16:00")).click()
    await page.wait_for_url(HOLD_PAGE)
    held = page.url
    await page.goto(times(short_day))
    notice = page.locator(".n-info")
    await expect(notice).to_contain_text("You are holding Tue 24 Nov, 16:00.")
    await every_face(page, shot, "p2-holding")
    await notice.get_by_role("link", name="Continue with 16:00").click()
    await page.wait_for_url(held)
    await page.goto(times(short_day))
    await notice.get_by_role("button", name="Let it go and choose another").click()
    await page.goto(times(short_day))
    await shows(page, at("16:00"), "open")


async def test_too_many_holds_are_refused_with_a_time_to_come_back(
    browser: Browser, tmp_path: Path, shot: Shots
) -> None:
    async with harbour_clinic(tmp_path, rate_limits="on") as harbour:
        visit = Visits(browser, harbour.url)
        page = await visit(times(harbour))
        status = 303
        for start in range(START, START + 17 * 1200, 1200):  # strangers, up to half of the day
            async with harbour.visitor() as other:
                fields = {"start": str(start), "visit_type": harbour.kinds["video"]}
                status = (await other.post(f"/book/{harbour.clinician}", fields)).status
            if status != 303:
                break
        assert status == 429
        await slot(page, at("16:40")).click()
        await expect(page.locator("#problem")).to_contain_text("Too many times are being held just now.")
        await expect(page.locator("#problem")).to_contain_text("Nothing has been booked. Try again after 10:57")
        await shot(page, "p2-too-many")
        await axe(page)
        await visit.close()


async def test_a_full_day_leads_to_the_next_free_time(
    visit: Visits, short_day: Harbour, desk: Desk, shot: Shots
) -> None:
    for clock in LAST:
        await desk.hold(at(clock))
    page = await visit(times(short_day, TODAY))
    await live(page)
    await counts(page, "No times free.")
    await every_face(page, shot, "p2-full-day")
    await no_small_targets(page)
    await page.get_by_role("link", name="Next free time: Tuesday 1 December, 09:00.").click()
    await expect(page.locator("h2[data-heading]")).to_have_text("Tuesday 1 December")


async def test_every_face_of_a_clinician_without_a_free_time(visit: Visits, desk: Desk, shot: Shots) -> None:
    eleanor = await desk.add_clinician("Eleanor Featherstonehaugh-Cholmondeley", "clinic", title="Dr")
    page = await visit(f"/book/{eleanor}")
    await expect(page.locator(".reason")).to_contain_text("has not opened any times yet.")
    await shot(page, "p2-no-hours")
    await desk.open_hours(eleanor, 1, 960, 1000, only_on=TODAY)
    for clock in LAST[:2]:
        await desk.hold(at(clock), "clinic", eleanor)
    await page.reload()
    await live(page)
    await expect(page.locator(".reason")).to_contain_text("Every time until Saturday 23 January 2027 is taken or held.")
    await every_face(page, shot, "p2-empty")
    await no_small_targets(page)
    await page.get_by_role("link", name="Dr Amira Haddad").click()
    await expect(page.locator("h1")).to_have_text("What kind of visit?")


async def test_an_unknown_clinician_is_told_with_a_way_on(visit: Visits, shot: Shots) -> None:
    page = await visit("/book/nobody")
    await expect(page.locator("h1")).to_have_text("We could not find that clinician")
    await expect(page.locator("#help")).to_contain_text("020 7946 0000")
    await every_face(page, shot, "message-unknown-clinician")
    await no_small_targets(page)
    await page.get_by_role("link", name="See all clinicians").click()
    await page.wait_for_url("**/book/*")


async def test_without_scripts_times_are_refreshed_and_held(
    visit: Visits, harbour: Harbour, desk: Desk, shot: Shots
) -> None:
    page = await visit(times(harbour), js=False)
    await expect(page.locator("[data-live-text]")).to_have_text("Checked 10:42")
    await expect(page.locator("[data-live-toggle]")).to_be_hidden()
    await desk.hold(at("13:00"))
    await page.get_by_role("link", name="Refresh times").click()
    await shows(page, at("13:00"), "held")
    await shot(page, "p2-times-plain")
    await page.get_by_role("link", name="Tuesday 1 December").click()
    await page.get_by_role("button", name=re.compile(r"09:20 ?, Tuesday 1 December")).click()
    await page.wait_for_url(HOLD_PAGE)
    await expect(page.locator("body")).to_contain_text("Tue 1 Dec")
    await expect(page.locator("body")).to_contain_text("09:20")


async def test_the_chosen_day_and_time_stand_on_the_next_page(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour, NEXT_WEEK))
    await live(page)
    await slot(page, at("10:20", NEXT_WEEK)).click()
    await page.wait_for_url(HOLD_PAGE)
    await expect(page.locator("body")).to_contain_text(re.compile(r"Tue 1 Dec\w*, 10:20"))


async def test_a_second_press_while_the_first_is_on_its_way_sends_nothing(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour))
    await live(page)
    sent, held_up = posts_of(page), asyncio.Event()
    other = await slot(page, at("13:20")).bounding_box()
    assert other

    async def slowly(route: Route) -> None:
        await held_up.wait()
        await route.continue_()

    await page.route(f"**/book/{harbour.clinician}", slowly)
    async with page.expect_request(lambda request: request.method == "POST"):
        await slot(page, at("13:00")).dblclick(no_wait_after=True)
    await page.mouse.click(other["x"] + 5, other["y"] + 5)
    held_up.set()
    await page.wait_for_url(HOLD_PAGE)
    assert [request.post_data for request in sent] == [f"visit_type={harbour.kinds['video']}&start={at('13:00')}"]


async def test_a_press_from_elsewhere_is_refused(visit: Visits, harbour: Harbour) -> None:
    page = await visit(times(harbour), js=False)
    fields = {"start": str(at("13:00")), "visit_type": harbour.kinds["video"]}
    async with ClientSession() as session:
        address = f"{harbour.url}/book/{harbour.clinician}"
        async with session.post(address, data=fields, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403
            assert "That request did not come from our page" in await answer.text()
    await page.reload()
    await shows(page, at("13:00"), "open")
