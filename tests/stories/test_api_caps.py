"""Limits of what one visitor can hold, and of how much one address can ask for."""

import asyncio
from pathlib import Path

from tests.stories.clinic import Clinic, Template

TUESDAY = "2027-03-23"


async def start_times(clinic: Clinic, day: str) -> list[str]:
    """The open telephone times of a day: eighteen of ten minutes."""
    slots = await clinic.slots(visit_type=clinic.telephone, from_=day, to=day)
    return [slot["start"] for slot in slots if slot["state"] == "open"]


async def test_half_of_a_day_can_be_held_by_nobody_in_particular(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    starts = await start_times(clinic, TUESDAY)
    assert len(starts) == 18
    for start in starts[:9]:
        await clinic.hold(start, visit_type=clinic.telephone)
        clinic.clock.advance(10)
    body = {"start": starts[9], "visit_type": clinic.telephone}
    refused = await clinic.post(path, body)
    refused.is_problem(429, "too-many-holds")
    assert refused.headers["Retry-After"] == str(900 - 90)
    # Another day, and everybody who is known, are free of it.
    await clinic.hold("2027-03-24T09:00:00Z", visit_type=clinic.telephone)
    for start, who in zip(starts[9:], ("partner", "staff"), strict=False):
        await clinic.hold(start, visit_type=clinic.telephone, auth=who)
    clinic.clock.advance(900 - 90)
    # One of nine has ended, sixteen of eighteen are open or so held: eight of them at most.
    (await clinic.post(path, body | {"start": starts[11]})).is_problem(429, "too-many-holds")
    clinic.clock.advance(10)
    (await clinic.post(path, body | {"start": starts[11]})).is_ok(201)


async def test_a_small_day_always_lets_three_choose(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.jonas}/holds"
    slots = await clinic.slots(clinic.jonas, from_="2027-03-28", to="2027-03-28")
    starts = [slot["start"] for slot in slots]
    assert len(starts) == 4
    holds = [(await clinic.post(path, {"start": start})).is_ok(201) for start in starts[:3]]
    (await clinic.post(path, {"start": starts[3]})).is_problem(429, "too-many-holds")
    gone = holds[1]["appointment"]["id"]
    (await clinic.post(f"/appointments/{gone}/release", auth=holds[1]["token"])).is_ok()
    (await clinic.post(path, {"start": starts[3]})).is_ok(201)


async def test_many_at_once_do_not_get_past_the_share(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    bodies = [{"start": start, "visit_type": clinic.telephone} for start in await start_times(clinic, TUESDAY)]
    replies = await asyncio.gather(*(clinic.post(path, body) for body in bodies))
    assert sorted(reply.status for reply in replies) == [201] * 9 + [429] * 9


async def test_forty_holds_from_one_address(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    days = [f"2027-03-{day}" for day in (23, 24, 25, 26, 29, 30)]
    starts = [start for day in days for start in (await start_times(clinic, day))[:7]]
    assert len(starts) == 42
    bodies = [{"start": start, "visit_type": clinic.telephone} for start in starts]
    first = (await clinic.post(path, bodies[0])).is_ok(201)
    clinic.clock.advance(100)
    replies = await asyncio.gather(*(clinic.post(path, body) for body in bodies[1:]))
    assert sorted(reply.status for reply in replies) == [201] * 39 + [429] * 2
    for reply in replies:
        if reply.status == 429:
            reply.is_problem(429, "too-many-holds")
            assert reply.headers["Retry-After"] == "800"
    refused = [body for body, reply in zip(bodies[1:], replies, strict=True) if reply.status == 429]
    await clinic.hold(refused[0]["start"], visit_type=clinic.telephone, auth="partner")
    confirmed = await clinic.post(
        f"/appointments/{first['appointment']['id']}/confirm",
        {"patient": {"name": "Maria Ruiz", "email": "m@example.org"}},
        auth=first["token"],
    )
    confirmed.is_ok()
    (await clinic.post(path, refused[1])).is_ok(201)  # what is confirmed is no hold any more


async def test_the_count_of_an_address_survives_a_restart(clinic: Clinic) -> None:
    for day in (23, 24, 25, 26, 29, 30):
        for start in (await start_times(clinic, f"2027-03-{day}"))[: 7 if day < 30 else 5]:
            await clinic.hold(start, visit_type=clinic.telephone)
    await clinic.restart()
    body = {"start": (await start_times(clinic, "2027-03-31"))[0], "visit_type": clinic.telephone}
    (await clinic.post(f"/clinicians/{clinic.amira}/holds", body)).is_problem(429, "too-many-holds")


async def test_addresses_are_told_apart_by_trusted_proxies_only(template: Template, tmp_path: Path) -> None:
    async with template.running(tmp_path / "clinic", trusted_proxies="127.0.0.1") as clinic:
        path = f"/clinicians/{clinic.amira}/holds"
        starts = [s for day in (23, 24, 25, 26, 29, 30) for s in (await start_times(clinic, f"2027-03-{day}"))[:7]]
        for start in starts[:40]:
            await clinic.hold(start, visit_type=clinic.telephone)
        body = {"start": starts[40], "visit_type": clinic.telephone}
        (await clinic.post(path, body)).is_problem(429, "too-many-holds")
        for address in ("203.0.113.5", "2001:db8:0:ff01::1"):
            reply = await clinic.send("POST", path, body, headers={"X-Forwarded-For": address})
            reply.is_ok(201)
            body["start"] = starts[41]


async def test_too_many_requests_without_a_live_key_are_put_off(clinic: Clinic) -> None:
    async def ask(who: str | None) -> int:
        return (await clinic.post(f"/appointments/{'z' * 20}/release", {}, auth=who)).status

    statuses = [await ask(None if number % 2 else "made-up") for number in range(600)]
    assert set(statuses) == {401, 404}
    for who in (None, "made-up"):
        reply = await clinic.post(f"/appointments/{'z' * 20}/release", {}, auth=who)
        reply.is_problem(429, "rate-limited")
        assert reply.headers["Retry-After"] == "1"
    (await clinic.get("/clinic")).is_ok()
    (await clinic.post("/visit-types", {"name": "Still", "minutes": 5}, auth="admin")).is_ok(201)
    clinic.clock.advance(1)
    assert await ask(None) == 401
