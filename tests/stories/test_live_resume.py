"""Coming back with `since`: what was missed while it is covered, over restarts too; else a snapshot."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.stories.clinic import Clinic, Template
from tests.stories.live_page import FIELDS, LivePage, shows_truth, watching

NINE = "2027-03-22T09:00:00Z"
TOMORROW = "2027-03-23T09:00:00Z"
RESUME_ROWS = 256
DAY = 86_400


async def left(clinic: Clinic, visit_type: str | None) -> LivePage:
    """A page that was open and is no more; the calendar has a row, and a hold that goes on."""
    hold = await clinic.hold(NINE)
    (await hold.confirm()).is_ok()
    async with watching(clinic, visit_type) as page:
        return page


async def test_nothing_missed_is_one_empty_frame_at_the_same_place(clinic: Clinic) -> None:
    page = await left(clinic, clinic.follow_up)
    async with watching(clinic, clinic.follow_up, keeping=page) as back:
        await back.next("slots")
        resumed, slots = back.frames
        assert list(resumed) == FIELDS["resumed"]
        assert (resumed["epoch"], resumed["seq"]) == (page.epoch, page.seq)
        assert resumed["now"] == clinic.clock.now_ms() // 1000
        assert (slots["prev"], slots["seq"]) == (page.seq, page.seq)
        assert (slots["open"], slots["held"], slots["gone"]) == ([], [], [])
        await shows_truth(clinic, [back])
        await clinic.hold(TOMORROW)  # and it is live again
        await shows_truth(clinic, [back])
        assert back.again == 0


@pytest.mark.parametrize("away", ["a moment", "until the calendar left memory", "over a restart"])
async def test_missed_changes_come_and_nothing_else(clinic: Clinic, away: str) -> None:
    page = await left(clinic, clinic.follow_up)
    before = page.place
    let_go = await clinic.hold(TOMORROW)
    await clinic.hold("2027-03-24T09:20:00Z")
    (await let_go.act("release")).is_ok()
    match away:
        case "until the calendar left memory":
            await out_of_memory(clinic)
        case "over a restart":
            await clinic.restart()
    async with watching(clinic, clinic.follow_up, keeping=page) as back:
        await back.until(lambda: len(back.frames) == 3)
        assert [frame["op"] for frame in back.frames] == ["resumed", "slots", "slots"]
        missed, by_time = back.frames[1:]
        assert missed["prev"] == before["seq"]
        assert missed["seq"] == by_time["prev"] == by_time["seq"]
        assert len(missed["open"] + missed["held"] + missed["gone"]) <= 2
        assert back.again == 0
        await shows_truth(clinic, [back])


async def test_client_that_saw_a_part_applies_the_whole_without_harm(clinic: Clinic) -> None:
    """A frame may tell what the client knows already: `prev` <= N <= `seq`."""
    page = await left(clinic, clinic.follow_up)
    place = page.place
    hold = await clinic.hold(TOMORROW)
    async with watching(clinic, clinic.follow_up) as newer:
        await shows_truth(clinic, [newer])
        await newer.watch(place)
        await newer.next("slots")
        await shows_truth(clinic, [newer])
        (await hold.act("release")).is_ok()
        await shows_truth(clinic, [newer])


@pytest.mark.parametrize("plain", [True, False])
async def test_changed_hours_and_visit_types_are_resumed_over_a_restart(clinic: Clinic, plain: bool) -> None:
    visit_type = None if plain else clinic.follow_up
    page = await left(clinic, visit_type)
    windows = (await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")).is_ok()["availability"]
    for window, change in zip(windows, ({"end_minute": 1000}, {"active": False}, {"buffer_minutes": 5}), strict=False):
        (await clinic.send("PATCH", f"/availability/{window['id']}", change, auth="staff")).is_ok()
    assert (await clinic.send("DELETE", f"/availability/{windows[4]['id']}", auth="staff")).status == 204
    kind = {"name": "Another", "minutes": 50, "way": "phone"}
    (await clinic.post("/visit-types", kind, auth="admin")).is_ok(201)
    await clinic.restart()
    async with watching(clinic, visit_type, keeping=page) as back:
        await shows_truth(clinic, [back])
        assert back.frames[0]["op"] == "resumed"
        assert back.again == 0


async def test_other_zone_or_length_is_a_snapshot(clinic: Clinic) -> None:
    page = await left(clinic, None)
    change = {"timezone": "America/New_York"}
    (await clinic.send("PATCH", f"/clinicians/{clinic.amira}", change, auth="admin")).is_ok()
    async with watching(clinic, None, keeping=page) as back:
        assert back.frames[0]["op"] == "snapshot"
        await shows_truth(clinic, [back])


async def test_visit_type_that_appeared_meanwhile_can_be_resumed(clinic: Clinic) -> None:
    """Its starts are new at every place before it was there."""
    page = await left(clinic, None)
    kind = {"name": "Another", "minutes": 50, "way": "phone"}
    added = (await clinic.post("/visit-types", kind, auth="admin")).is_ok(201)["visit_type"]["id"]
    async with watching(clinic, added, since=page.place) as back:
        await shows_truth(clinic, [back])


@pytest.mark.parametrize(("rows", "op"), [(RESUME_ROWS, "resumed"), (RESUME_ROWS + 1, "snapshot")])
async def test_more_than_256_rows_are_a_snapshot(template: Template, tmp_path: Path, rows: int, op: str) -> None:
    async with template.running(tmp_path / "clinic", hold_extensions="1000", rate_limits="off") as clinic:
        page = await left(clinic, clinic.follow_up)
        hold = await clinic.hold("2027-03-25T10:00:00Z")
        assert {reply.status for reply in await asyncio.gather(*(hold.act("extend") for _ in range(rows - 1)))} == {200}
        for served in ("from memory", "from the log"):
            async with watching(clinic, clinic.follow_up, keeping=page) as back:
                assert back.frames[0]["op"] == op, served
                await shows_truth(clinic, [back])
                assert back.seq == page.seq + rows
            await clinic.restart()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("seconds", "op"), [(DAY, "resumed"), (DAY + 1, "snapshot")])
async def test_more_than_a_day_is_a_snapshot(clinic: Clinic, seconds: int, op: str, restarted: bool) -> None:
    page = await left(clinic, clinic.follow_up)
    clinic.clock.advance(seconds)
    if restarted:
        await clinic.restart()
    async with watching(clinic, clinic.follow_up, keeping=page) as back:
        assert back.frames[0]["op"] == op
        await shows_truth(clinic, [back])


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "another"},
        {"epoch": ""},
        {"seq": 0},
        {"seq": 10_000},
        {"seq": 2**53},
    ],
)
async def test_place_that_never_was_is_a_snapshot(clinic: Clinic, change: dict[str, Any]) -> None:
    page = await left(clinic, clinic.follow_up)
    async with watching(clinic, clinic.follow_up, since=page.place | change) as back:
        assert back.frames[0]["op"] == "snapshot"
        await shows_truth(clinic, [back])


async def test_place_in_another_calendar_is_its_own(clinic: Clinic) -> None:
    """Positions are of one calendar; whoever mixes them up resumes there, and still has no gap in what follows."""
    await left(clinic, clinic.follow_up)
    async with watching(clinic, clinic.follow_up, calendar=clinic.jonas) as jonas:
        await clinic.hold("2027-03-22T08:00:00Z", clinician=clinic.jonas)
        await shows_truth(clinic, [jonas])


async def test_pages_survive_a_restart_while_holds_go_on_and_end(clinic: Clinic) -> None:
    page = await left(clinic, clinic.follow_up)
    await clinic.hold(TOMORROW)
    await clinic.stop()
    clinic.clock.advance(1800)  # the hold ended while nobody served
    await clinic.start()
    async with watching(clinic, clinic.follow_up, keeping=page) as back:
        await shows_truth(clinic, [back])
        assert back.frames[0]["op"] == "resumed"


async def out_of_memory(clinic: Clinic) -> None:
    """Let the calendar leave memory."""
    for _ in range(400):
        if not clinic.engine.system.active("calendar"):
            return
        clinic.clock.advance(30)
        await clinic.get("/clinic")
    raise AssertionError("it stays")
