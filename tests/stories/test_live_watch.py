"""Watching open slots: the snapshot, every change, and that a page by the contract's rule shows what GET shows."""

import asyncio
import random
from typing import Any

import pytest

from tests.stories.clinic import Clinic, at
from tests.stories.live_page import FIELDS, LivePage, shows_truth, watching

NINE = "2027-03-22T09:00:00Z"


async def test_snapshot_is_what_get_shows(clinic: Clinic) -> None:
    await clinic.hold(NINE)
    async with watching(clinic, clinic.follow_up) as page:
        first = page.frames[0]
        assert list(first) == FIELDS["snapshot"]
        told = (await clinic.get(f"/clinicians/{clinic.amira}/slots", visit_type=clinic.follow_up)).is_ok()
        assert {name: first[name] for name in ("minutes", "epoch", "seq", "visit_type")} == {
            name: told[name] for name in ("minutes", "epoch", "seq", "visit_type")
        }
        assert first["calendar"] == clinic.amira
        assert first["now"] == clinic.clock.now_ms() // 1000
        assert first["held"] == [at(NINE)]
        assert first["open"] == sorted(first["open"])
        await shows_truth(clinic, [page])


async def test_visit_type_absent_is_null_in_frames(clinic: Clinic) -> None:
    async with watching(clinic, None) as page:
        assert page.frames[0]["visit_type"] is None
        assert page.frames[0]["minutes"] == 30
        await clinic.hold(NINE)
        frame = await page.next("slots")
        assert frame["visit_type"] is None
        await shows_truth(clinic, [page])


async def test_a_hold_is_one_frame_and_nothing_tells_who(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up) as page:
        hold = await clinic.hold(NINE)
        frame = await page.next("slots")
        assert list(frame) == FIELDS["slots"]
        assert (frame["held"], frame["open"], frame["gone"]) == ([at(NINE)], [], [])
        assert (frame["prev"], frame["seq"]) == (page.frames[0]["seq"], page.frames[0]["seq"] + 1)
        (await hold.confirm(note="a cough")).is_ok()
        later = await page.next("slots", after=2)
        assert later["gone"] == [at(NINE)]
        said = str(page.frames)
        for secret in (hold.id, hold.token, hold.first["reference"], "Maria", "cough", "example.org"):
            assert secret not in said


async def test_longer_visit_type_loses_every_start_that_the_hold_overlaps(clinic: Clinic) -> None:
    async with watching(clinic, clinic.telephone) as page:
        await clinic.hold(NINE)
        frame = await page.next("slots")
        assert frame["held"] == [at(NINE), at(NINE) + 600]


async def test_page_follows_every_change_of_a_hold(clinic: Clinic) -> None:
    async with (
        watching(clinic, clinic.follow_up) as page,
        watching(clinic, clinic.telephone) as other,
        watching(clinic, None) as plain,
    ):
        pages = [page, other, plain]
        hold = await clinic.hold(NINE)
        await shows_truth(clinic, pages)
        (await hold.act("extend")).is_ok()
        await shows_truth(clinic, pages)
        (await hold.act("release")).is_ok()
        await shows_truth(clinic, pages)
        assert at(NINE) in page.open
        again = await clinic.hold(NINE)
        (await again.confirm()).is_ok()
        await shows_truth(clinic, pages)
        assert at(NINE) not in page.open | page.held
        (await again.act("cancel")).is_ok()
        await shows_truth(clinic, pages)
        assert at(NINE) in page.open
        await clinic.hold(NINE)
        await shows_truth(clinic, pages)
        clinic.clock.advance(900)
        await page.until(lambda: at(NINE) in page.open)
        await shows_truth(clinic, pages)
        assert [one.again for one in pages] == [0, 0, 0]


async def test_page_follows_every_change_of_the_hours(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/availability"
    async with watching(clinic, clinic.follow_up) as page, watching(clinic, None) as plain:
        pages = [page, plain]

        async def send(method: str, path: str, body: Any = None) -> Any:
            before = page.view
            reply = await clinic.send(method, path, body, auth="staff")
            assert reply.status in (200, 201, 204), reply.body
            await page.until(lambda: page.view != before)
            await shows_truth(clinic, pages)
            return reply.json["availability"]["id"] if reply.body else None

        window = await send("POST", path, {"weekday": 5, "start_minute": 600, "end_minute": 700})
        one = f"/availability/{window}"
        await send("PATCH", one, {"start_minute": 610})
        await send("PATCH", one, {"buffer_minutes": 7})
        await send("PATCH", one, {"weekday": 6})
        await send("PATCH", one, {"slot_minutes": 15, "end_minute": 720})
        await send("PATCH", one, {"active": False})
        await send("PATCH", one, {"active": True})
        await send("PATCH", one, {"valid_until": "2027-04-01"})
        await send("DELETE", one, {})
        assert page.again == 0


async def test_page_follows_the_clinician_and_the_visit_types(clinic: Clinic) -> None:
    async with watching(clinic, None) as plain, watching(clinic, clinic.follow_up) as page:
        person = f"/clinicians/{clinic.amira}"
        (await clinic.send("PATCH", person, {"slot_minutes": 45}, auth="admin")).is_ok()
        await shows_truth(clinic, [plain, page])
        (await clinic.send("PATCH", person, {"timezone": "Asia/Kathmandu"}, auth="admin")).is_ok()
        await shows_truth(clinic, [plain, page])
        (await clinic.send("PATCH", person, {"name": "Amira H."}, auth="admin")).is_ok()
        kind = {"name": "Long talk", "minutes": 60, "way": "phone"}
        added = (await clinic.post("/visit-types", kind, auth="admin")).is_ok(201)["visit_type"]["id"]
        async with watching(clinic, added) as third:
            assert third.frames[0]["minutes"] == 60
            await shows_truth(clinic, [plain, page, third])
            (await clinic.send("PATCH", person, {"visit_types": [added]}, auth="admin")).is_ok()
            await page.until(lambda: not page.open)
            await shows_truth(clinic, [plain, third])
            (await clinic.send("PATCH", person, {"visit_types": None}, auth="admin")).is_ok()
            await page.until(lambda: bool(page.open))
            await shows_truth(clinic, [plain, page, third])
            assert [one.again for one in (plain, page, third)] == [0, 0, 0]


async def test_pages_that_come_at_different_moments_all_show_the_truth(unlimited: Clinic) -> None:
    """Sixty random steps; pages that come, go, and come back with what they knew."""
    clinic, chance = unlimited, random.Random(7)
    holds: list[Any] = []

    async def step() -> None:
        match chance.randrange(9):
            case 0 | 1 | 2:
                slot = chance.choice((await clinic.slots(visit_type=clinic.follow_up))[:30])
                if slot["state"] == "open":
                    holds.append(await clinic.hold(slot["start"]))
            case 3 if holds:
                await chance.choice(holds).act("extend")
            case 4 if holds:
                await chance.choice(holds).act("release")
            case 5 if holds:
                await chance.choice(holds).confirm()
            case 6 if holds:
                await chance.choice(holds).act("cancel")
            case _:
                clinic.clock.advance(chance.choice((1, 60, 600, 1800)))

    kinds = [clinic.follow_up, clinic.telephone, None]
    async with watching(clinic, kinds[0]) as always, watching(clinic, None) as plain:
        left: LivePage | None = None
        for _ in range(12):
            for _ in range(3):
                await step()
            async with watching(clinic, clinic.telephone, keeping=left) as visitor:
                for _ in range(2):
                    await step()
                await shows_truth(clinic, [always, plain, visitor])
                left = visitor
        assert (always.again, plain.again) == (0, 0)


async def test_changes_within_a_tick_come_as_one_frame(clinic: Clinic) -> None:
    """The first goes out at once; what follows while it is on its way comes together."""
    starts = [at(NINE) + 1200 * place for place in range(6)]
    async with watching(clinic, clinic.follow_up) as page:
        hold = await clinic.hold(NINE)
        await page.next("slots")
        count = len(page.frames)
        others = await asyncio.gather(
            hold.act("release"),
            *(
                clinic.post(
                    f"/clinicians/{clinic.amira}/holds",
                    {"start": start, "visit_type": clinic.follow_up},
                )
                for start in ("2027-03-23T09:00:00Z", "2027-03-23T09:20:00Z", "2027-03-23T09:40:00Z")
            ),
        )
        assert [reply.status for reply in others] == [200, 201, 201, 201]
        await shows_truth(clinic, [page])
        assert len(page.frames) - count <= 4
        assert starts[0] in page.open
        places = [(frame["prev"], frame["seq"]) for frame in page.frames[1:]]
        assert all(prev <= seq for prev, seq in places)
        assert [prev for prev, _ in places[1:]] == [seq for _, seq in places[:-1]]


async def test_unwatched_topic_is_quiet_and_the_others_go_on(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up) as page:
        await page.socket.send_json({"op": "watch", "calendar": clinic.amira, "visit_type": clinic.telephone})
        await page.socket.send_json({"op": "watch", "calendar": clinic.jonas})
        await page.until(lambda: len(page.frames) == 3)
        assert [(frame["calendar"], frame["visit_type"]) for frame in page.frames] == [
            (clinic.amira, clinic.follow_up),
            (clinic.amira, clinic.telephone),
            (clinic.jonas, None),
        ]
        await page.socket.send_json({"op": "unwatch", "calendar": clinic.amira, "visit_type": clinic.telephone})
        await page.socket.send_json({"op": "unwatch", "calendar": clinic.amira, "visit_type": clinic.telephone})
        await page.socket.send_json({"op": "mark"})  # its answer comes after both were read
        await page.next("error")
        await clinic.hold(NINE)
        await clinic.hold("2027-03-22T08:00:00Z", clinician=clinic.jonas)
        await page.until(lambda: len(page.frames) >= 6)
        topics = [(frame["calendar"], frame["visit_type"]) for frame in page.frames[4:]]
        assert sorted(topics, key=str) == sorted([(clinic.amira, clinic.follow_up), (clinic.jonas, None)], key=str)


async def test_watching_twice_gives_a_snapshot_each_time_and_every_change_once(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up) as page:
        await page.watch()
        await page.until(lambda: len(page.frames) == 2)
        assert page.frames[0] == page.frames[1]
        await clinic.hold(NINE)
        await page.next("slots")
        await page.socket.send_json({"op": "mark"})
        await page.next("error")
        assert [frame["op"] for frame in page.frames] == ["snapshot", "snapshot", "slots", "error"]


@pytest.mark.parametrize("calendar", ["nobody", "x" * 64, "\x00", "clinic", "' OR 1=1"])
async def test_unknown_calendar_is_told_and_the_socket_stays(clinic: Clinic, calendar: str) -> None:
    async with watching(clinic, clinic.follow_up) as page:
        await page.socket.send_json({"op": "watch", "calendar": calendar})
        frame = await page.next("error")
        assert frame == {"op": "error", "re": "watch", "reason": "not-found"}
        await clinic.hold(NINE)
        await page.next("slots")


async def test_visit_type_that_is_not_offered_is_told(clinic: Clinic) -> None:
    async with watching(clinic, None, calendar=clinic.jonas) as page:
        for unknown in (clinic.telephone, "nothing"):
            count = len(page.frames)
            await page.socket.send_json({"op": "watch", "calendar": clinic.jonas, "visit_type": unknown})
            frame = await page.next("error", after=count)
            assert frame == {"op": "error", "re": "watch", "reason": "not-found"}


async def test_topic_that_is_no_longer_offered_leaves_no_subscription(clinic: Clinic) -> None:
    hub = clinic.engine.audience.hub
    async with watching(clinic, clinic.examination, calendar=clinic.jonas) as page:
        change = {"visit_types": [clinic.follow_up]}
        (await clinic.send("PATCH", f"/clinicians/{clinic.jonas}", change, auth="admin")).is_ok()
        await page.until(lambda: not page.open)
        await page.watch()
        assert (await page.next("error"))["reason"] == "not-found"
    await clinic.get("/clinic")
    assert hub.watched() == []


async def test_nothing_is_left_when_sockets_go(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up), watching(clinic, None), watching(clinic, clinic.follow_up):
        assert len(clinic.engine.audience.hub.watched()) == 2
    await clinic.get("/clinic")
    assert clinic.engine.audience.hub.watched() == []
    clinic.clock.advance(2 * 3600)  # past the next time at which a page would have heard of something
    for _ in range(100):
        if not clinic.engine.system.active("calendar"):
            return
        await clinic.get("/clinic")
    raise AssertionError("a calendar without watchers stays in memory")
