"""Open and held starts over the API: which days, which lengths, what time does to them, and caches that stay true."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.stories.clinic import Clinic, Reply, Template, at

SLOTS_FIELDS = ["clinician", "timezone", "visit_type", "minutes", "epoch", "seq", "now", "slots"]
NINE = "2027-03-23T09:00:00Z"


async def ask(clinic: Clinic, clinician: str | None = None, etag: str | None = None, **query: str) -> Reply:
    """GET slots."""
    headers = {"If-None-Match": etag} if etag else {}
    named = {name.rstrip("_"): value for name, value in query.items()}
    return await clinic.send("GET", f"/clinicians/{clinician or clinic.amira}/slots", headers=headers, **named)


async def test_the_answer_has_the_contracts_fields(clinic: Clinic) -> None:
    reply = await ask(clinic, visit_type=clinic.follow_up, from_="2027-03-23", to="2027-03-23")
    told = reply.is_ok()
    assert sorted(told) == sorted(SLOTS_FIELDS)
    assert (told["clinician"], told["timezone"]) == (clinic.amira, "Europe/London")
    assert (told["visit_type"], told["minutes"], told["now"]) == (clinic.follow_up, 20, "2027-03-22T07:00:00Z")
    assert isinstance(told["seq"], int)
    assert isinstance(told["epoch"], str)
    assert reply.headers["ETag"]
    assert len(told["slots"]) == 9
    assert told["slots"][0] == {"start": NINE, "end": "2027-03-23T09:20:00Z", "state": "open"}


async def test_without_a_visit_type_it_is_null_and_the_length_the_clinicians(clinic: Clinic) -> None:
    told = (await ask(clinic, from_="2027-03-23", to="2027-03-23")).is_ok()
    assert (told["visit_type"], told["minutes"], len(told["slots"])) == (None, 30, 6)


async def test_held_starts_are_shown_and_taken_ones_are_absent(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE, visit_type=clinic.examination)

    async def states() -> dict[str, str]:
        slots = await clinic.slots(visit_type=clinic.follow_up, from_="2027-03-23", to="2027-03-23")
        return {slot["start"][11:16]: slot["state"] for slot in slots}

    before = await states()
    assert [before[time] for time in ("09:00", "09:20", "09:40", "10:00")] == ["held", "held", "held", "open"]
    (await hold.confirm()).is_ok()
    assert sorted(await states()) == ["10:00", "10:20", "10:40", "11:00", "11:20", "11:40"]
    (await hold.act("cancel")).is_ok()
    assert (await states())["09:00"] == "open"


async def test_dates_are_the_clinicians_and_both_are_included(clinic: Clinic) -> None:
    slots = await clinic.slots(clinic.jonas, from_="2027-03-28", to="2027-03-29")
    assert slots[0]["start"] == "2027-03-28T00:00:00Z"  # Sunday 01:00 in Berlin
    assert {slot["start"][:10] for slot in slots} == {"2027-03-28", "2027-03-29"}
    one = await clinic.slots(clinic.jonas, from_="2027-03-28", to="2027-03-28")
    assert one == slots[: len(one)] != slots


@pytest.mark.parametrize(("day", "count"), [("2027-03-28", 4), ("2027-04-04", 6), ("2027-10-31", 8)])
async def test_days_of_the_change_of_time_have_the_hours_that_they_have(clinic: Clinic, day: str, count: int) -> None:
    clinic.clock.set(max(at("2027-03-22T07:00Z"), at(f"{day}T00:00Z") - 7 * 86_400) * 1000)
    slots = await clinic.slots(clinic.jonas, from_=day, to=day)
    assert len(slots) == count
    assert all(at(slot["end"]) - at(slot["start"]) == 1800 for slot in slots)
    assert len({slot["start"] for slot in slots}) == count


async def test_without_dates_everything_that_can_be_booked_comes(clinic: Clinic) -> None:
    slots = await clinic.slots(visit_type=clinic.follow_up)
    assert slots[0]["start"] == "2027-03-22T09:00:00Z"
    assert slots[-1]["start"] == "2027-05-21T10:40:00Z"  # sixty days on, a Friday, 11:40 in London's summer time
    until = await clinic.slots(visit_type=clinic.follow_up, to="2027-05-21")
    since = await clinic.slots(visit_type=clinic.follow_up, from_="2027-03-22")
    assert slots == until == since
    assert await clinic.slots(to="2027-03-21") == []
    assert await clinic.slots(from_="2027-05-22") == []
    assert await clinic.slots(from_="2027-03-27", to="2027-03-28") == []


async def test_at_most_sixty_two_days_are_answered_at_once(clinic: Clinic) -> None:
    (await ask(clinic, from_="2027-03-22", to="2027-05-22")).is_ok()
    (await ask(clinic, from_="2027-03-22", to="2027-05-23")).is_problem(400, "malformed")
    (await ask(clinic, from_="2027-03-22", to="2027-03-22")).is_ok()
    (await ask(clinic, from_="2027-03-22", to="2027-03-21")).is_problem(400, "malformed")


BAD_QUERIES: list[dict[str, str]] = [
    *({"from_": text} for text in ("", "today", "2027-3-1", "2027-02-29", "2027-13-01", "20270322", "0000-01-01")),
    *({"from_": text} for text in ("2027-03-22T00:00:00Z", "10000-01-01", "+2027-03-22", "２０２７-03-22")),
    *({"to": text} for text in ("2027-04-31", "1969-12-31", "0001-01-01", "2027-W12-1")),
    *({"visit_type": text} for text in ("", "x" * 65, "a\0b", "a\nb")),
    {"unknown": "1"},
    {"From": "2027-03-22"},
]


async def test_a_bad_query_is_malformed(clinic: Clinic) -> None:
    for query in BAD_QUERIES:
        (await ask(clinic, **query)).is_problem(400, "malformed")
    twice = f"/clinicians/{clinic.amira}/slots?from=2027-03-22&from=2027-03-23"
    (await clinic.send("GET", twice)).is_problem(400, "malformed")


async def test_the_ends_of_the_calendar_are_answered(clinic: Clinic) -> None:
    for query in (
        *({"from_": day} for day in ("9999-12-31", "9999-11-30", "1970-01-01", "2028-02-29")),
        *({"to": day} for day in ("9999-12-31", "1970-01-01", "1970-03-31")),
        {"from_": "9999-12-31", "to": "9999-12-31"},
    ):
        assert (await ask(clinic, **query)).is_ok()["slots"] == []
        assert (await ask(clinic, clinic.jonas, **query)).is_ok()["slots"] == []


async def test_unknown_clinicians_and_visit_types_are_not_found(clinic: Clinic) -> None:
    (await ask(clinic, "unknown")).is_problem(404, "not-found")
    (await ask(clinic, visit_type="unknown")).is_problem(404, "not-found")
    (await ask(clinic, clinic.jonas, visit_type=clinic.telephone)).is_problem(404, "not-found")


async def test_the_notice_takes_a_start_away_at_its_instant(clinic: Clinic) -> None:
    clinic.clock.set(at("2027-03-22T08:30Z") * 1000)
    assert (await clinic.slots(visit_type=clinic.follow_up))[0]["start"] == "2027-03-22T09:00:00Z"
    clinic.clock.advance(0.001)
    assert (await clinic.slots(visit_type=clinic.follow_up))[0]["start"] == "2027-03-22T09:20:00Z"


@pytest.mark.parametrize("notice", ["0", "86400"])
async def test_the_notice_is_a_setting(template: Template, tmp_path: Path, notice: str) -> None:
    async with template.running(tmp_path / "clinic", minimum_notice_seconds=notice, horizon_days="2") as clinic:
        clinic.clock.set(at("2027-03-22T09:00Z") * 1000)
        slots = await clinic.slots(visit_type=clinic.follow_up)
        first = "2027-03-22T09:00:00Z" if notice == "0" else NINE
        assert (slots[0]["start"], slots[-1]["start"]) == (first, "2027-03-24T11:40:00Z")


async def test_a_new_day_brings_a_new_day_of_the_horizon_in_the_clinicians_zone(clinic: Clinic) -> None:
    clinic.clock.set(at("2027-03-30T22:59:59Z") * 1000)  # Berlin: 00:59:59, London: 23:59:59
    assert (await clinic.slots())[-1]["start"][:10] == "2027-05-28"  # 29 May is a Saturday
    clinic.clock.set(at("2027-04-01T22:59:59Z") * 1000)
    assert (await clinic.slots())[-1]["start"][:10] == "2027-05-31"
    clinic.clock.advance(1)
    assert (await clinic.slots())[-1]["start"][:10] == "2027-06-01"


async def test_an_unchanged_answer_is_not_sent_again_and_now_is_always_fresh(clinic: Clinic) -> None:
    first = await ask(clinic)
    etag = first.headers["ETag"]
    clinic.clock.advance(61)
    for tags in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        reply = await ask(clinic, etag=tags)
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", etag)
    assert (await ask(clinic, etag='"other"')).status == 200
    second = await ask(clinic)
    assert second.headers["ETag"] == etag
    assert second.is_ok()["now"] == "2027-03-22T07:01:01Z"
    assert second.is_ok()["slots"] == first.is_ok()["slots"]


async def test_the_cached_answer_follows_every_change(clinic: Clinic) -> None:
    async def look(*, changed: bool) -> None:
        nonlocal etags, seqs
        for kind in kinds:
            query = {"visit_type": kind} if kind else {}
            reply = await ask(clinic, **query)
            assert reply.headers["ETag"] != etags.get(kind) or not changed
            told = reply.is_ok()
            assert told["seq"] >= seqs.get(kind, 0)
            etags[kind], seqs[kind] = reply.headers["ETag"], told["seq"]

    kinds: list[str | None] = [None, clinic.follow_up, clinic.examination]
    etags: dict[str | None, str] = {}
    seqs: dict[str | None, int] = {}
    await look(changed=False)
    hold = await clinic.hold(NINE)
    await look(changed=True)
    (await hold.act("release")).is_ok()
    await look(changed=True)
    expiring = await clinic.hold(NINE)
    clinic.clock.advance(900)
    await look(changed=True)
    assert (await expiring.read())["status"] == "expired"
    assert (await clinic.slots(visit_type=clinic.follow_up))[0]["state"] == "open"
    booked = await clinic.book(NINE)
    await look(changed=True)
    (await booked.act("cancel")).is_ok()
    await look(changed=True)
    windows = f"/clinicians/{clinic.amira}/availability"
    window = {"weekday": 5, "start_minute": 600, "end_minute": 660}
    added = (await clinic.post(windows, window, auth="staff")).is_ok(201)["availability"]["id"]
    await look(changed=True)
    saturday = await clinic.slots(from_="2027-03-27", to="2027-03-27")
    assert len(saturday) == 2
    (await clinic.send("PATCH", f"/availability/{added}", {"active": False}, auth="staff")).is_ok()
    await look(changed=True)
    assert await clinic.slots(from_="2027-03-27", to="2027-03-27") == []
    assert (await clinic.send("DELETE", f"/availability/{added}", auth="staff")).status == 204
    await look(changed=True)
    (await clinic.send("PATCH", f"/clinicians/{clinic.amira}", {"slot_minutes": 60}, auth="admin")).is_ok()
    await look(changed=True)
    assert len(await clinic.slots(from_="2027-03-23", to="2027-03-23")) == 3
    (await clinic.send("PATCH", f"/clinicians/{clinic.amira}", {"timezone": "Asia/Kathmandu"}, auth="admin")).is_ok()
    await look(changed=True)
    assert (await clinic.slots(from_="2027-03-23", to="2027-03-23"))[0]["start"] == "2027-03-23T03:15:00Z"


async def test_time_alone_changes_the_cached_answer_too(clinic: Clinic) -> None:
    before = await ask(clinic, visit_type=clinic.follow_up)
    clinic.clock.set(at("2027-03-22T08:30Z") * 1000 + 1)
    after = await ask(clinic, visit_type=clinic.follow_up, etag=before.headers["ETag"])
    assert after.status == 200
    assert after.is_ok()["seq"] == before.is_ok()["seq"]
    assert after.is_ok()["slots"] == before.is_ok()["slots"][1:]


async def test_a_cached_answer_survives_neither_a_restart_nor_what_happened_meanwhile(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    before = await ask(clinic, visit_type=clinic.follow_up)
    await clinic.restart()
    same = await ask(clinic, visit_type=clinic.follow_up)
    assert same.body == before.body
    await clinic.stop()
    clinic.clock.advance(900)
    await clinic.start()
    after = await ask(clinic, visit_type=clinic.follow_up, etag=before.headers["ETag"])
    assert after.status == 200
    assert after.is_ok()["slots"][9]["state"] == "open"
    assert (await hold.read())["status"] == "expired"


async def test_many_readers_during_changes_each_see_one_true_state(unlimited: Clinic) -> None:
    clinic = unlimited

    async def read() -> Any:
        return (await ask(clinic, visit_type=clinic.follow_up, from_="2027-03-23", to="2027-03-23")).is_ok()

    starts = [slot["start"] for slot in (await read())["slots"]]
    _, *seen = await asyncio.gather(
        asyncio.gather(*(clinic.hold(start) for start in starts)), *(read() for _ in range(40))
    )
    by_seq = {told["seq"]: told["slots"] for told in seen}
    assert all(told["slots"] == by_seq[told["seq"]] for told in seen)
    assert [slot["state"] for slot in (await read())["slots"]] == ["held"] * 9
