"""The clinic, its visit types, clinicians and weekly windows: read, added, changed, removed; and every change shows."""

import asyncio
from typing import Any

import pytest

from tests.stories.clinic import CLINIC_ROW, Clinic, Reply

WINDOW = {"weekday": 5, "start_minute": 600, "end_minute": 660}  # Saturday 10:00-11:00
WINDOW_FIELDS = {
    *("id", "clinician", "weekday", "start_minute", "end_minute", "slot_minutes", "buffer_minutes", "active"),
    *("valid_from", "valid_until", "removed_at", "removed_by"),
}


async def saturday(clinic: Clinic, **query: str) -> list[str]:
    """The local times of Saturday's starts (London is on winter time)."""
    slots = await clinic.slots(from_="2027-03-27", to="2027-03-27", **query)
    return [slot["start"][11:16] for slot in slots]


async def add(clinic: Clinic, auth: str = "staff", **more: Any) -> Reply:
    """Add hours on Saturday to Amira's calendar."""
    return await clinic.post(f"/clinicians/{clinic.amira}/availability", WINDOW | more, auth=auth)


async def change(clinic: Clinic, path: str, auth: str = "admin", /, **fields: Any) -> Reply:
    """PATCH."""
    return await clinic.send("PATCH", path, fields, auth=auth)


async def test_the_clinic_tells_everybody_what_it_offers_and_nothing_personal(clinic: Clinic) -> None:
    await clinic.book("2027-03-23T09:00:00Z")
    reply = await clinic.get("/clinic")
    told = reply.is_ok()
    assert set(told) == {*CLINIC_ROW, "visit_types", "clinicians"}
    assert {name: told[name] for name in CLINIC_ROW} == CLINIC_ROW
    kinds = {kind["id"]: kind for kind in told["visit_types"]}
    assert kinds[clinic.follow_up] == {"id": clinic.follow_up, "name": "Follow-up", "minutes": 20, "way": "video"}
    assert [kind["way"] for kind in told["visit_types"]] == ["video", "clinic", "phone"]
    amira, jonas = told["clinicians"]
    assert set(amira) == {"id", "name", "title", "about", "timezone", "visit_types"}
    assert (amira["name"], amira["title"], amira["timezone"]) == ("Amira Haddad", "Dr", "Europe/London")
    assert amira["visit_types"] == list(kinds)
    assert jonas["visit_types"] == [clinic.follow_up, clinic.examination]
    assert b"@" not in reply.body
    assert b"Maria" not in reply.body


async def test_a_visit_type_is_added_found_and_offered(clinic: Clinic) -> None:
    body = {"name": "Vaccination", "minutes": 5, "way": "clinic", "address": "12 Harbour Street\nSecond floor"}
    reply = await clinic.post("/visit-types", body, auth="admin")
    kind = reply.is_ok(201)["visit_type"]
    assert kind == body | {"id": kind["id"]}
    assert reply.headers["Location"] == f"/api/v1/visit-types/{kind['id']}"
    read = await clinic.get(f"/visit-types/{kind['id']}", auth="staff")
    assert read.is_ok() == {"visit_type": kind}
    assert (await clinic.get("/visit-types", auth="staff")).is_ok()["visit_types"][-1] == kind
    assert len(await clinic.slots(visit_type=kind["id"], from_="2027-03-23", to="2027-03-23")) == 36
    (await clinic.get(f"/clinicians/{clinic.jonas}/slots?visit_type={kind['id']}")).is_problem(404, "not-found")
    plain = (await clinic.post("/visit-types", {"name": "Plain", "minutes": 480}, auth="admin")).is_ok(201)
    assert plain["visit_type"] == plain["visit_type"] | {"way": "video", "address": None}


async def test_a_clinician_is_added_found_and_changed(clinic: Clinic) -> None:
    body = {"name": "Ines Novak", "title": "Prof", "email": "ines@clinic.example", "timezone": "America/New_York"}
    reply = await clinic.post("/clinicians", body | {"visit_types": [clinic.follow_up]}, auth="admin")
    made = reply.is_ok(201)["clinician"]
    expected = body | {"id": made["id"], "about": "", "slot_minutes": 30, "visit_types": [clinic.follow_up]}
    assert made == expected
    path = f"/clinicians/{made['id']}"
    assert reply.headers["Location"] == f"/api/v1{path}"
    assert (await clinic.get(path, auth="staff")).is_ok()["clinician"] == made
    assert (await clinic.get("/clinicians", auth="staff")).is_ok()["clinicians"][-1] == made
    assert await clinic.slots(made["id"]) == []
    changed = (await change(clinic, path, name="Ines Novak-Lee", title=None, slot_minutes=45, visit_types=None)).is_ok()
    every = [clinic.follow_up, clinic.examination, clinic.telephone]
    expected |= {"name": "Ines Novak-Lee", "title": "", "slot_minutes": 45, "visit_types": every}
    assert changed["clinician"] == expected
    assert (await change(clinic, path, email=None)).is_ok()["clinician"] == expected | {"email": None}
    assert (await change(clinic, path)).is_ok()["clinician"] == expected | {"email": None}
    assert (await change(clinic, path, visit_types=[])).is_ok()["clinician"]["visit_types"] == []


async def test_what_always_has_a_value_cannot_become_null_and_every_fault_is_told(clinic: Clinic) -> None:
    person = f"/clinicians/{clinic.amira}"
    (await change(clinic, person, name=None, timezone=None, slot_minutes=None, title=5, visit_types=["x"])).is_problem(
        422, "validation", "/name", "/timezone", "/slot_minutes", "/title", "/visit_types/0"
    )
    made = (await add(clinic)).is_ok(201)["availability"]
    window = f"/availability/{made['id']}"
    nulls = dict.fromkeys(("weekday", "start_minute", "end_minute", "buffer_minutes", "active"))
    (await change(clinic, window, "staff", **nulls, valid_from="x")).is_problem(
        422, "validation", "/weekday", "/start_minute", "/end_minute", "/buffer_minutes", "/active", "/valid_from"
    )
    assert (await clinic.get(window, auth="staff")).is_ok()["availability"] == made


async def test_a_window_is_added_found_changed_paused_and_removed(clinic: Clinic) -> None:
    reply = await add(clinic, slot_minutes=20, buffer_minutes=10, valid_from="2027-03-27", valid_until="2027-03-27")
    made = reply.is_ok(201)["availability"]
    assert made == {
        **WINDOW,
        "id": made["id"],
        "clinician": clinic.amira,
        "slot_minutes": 20,
        "buffer_minutes": 10,
        "active": True,
        "valid_from": "2027-03-27",
        "valid_until": "2027-03-27",
        "removed_at": None,
        "removed_by": None,
    }
    path = f"/availability/{made['id']}"
    assert reply.headers["Location"] == f"/api/v1{path}"
    assert (await clinic.get(path, auth="staff")).is_ok()["availability"] == made
    assert await saturday(clinic) == ["10:00", "10:30"]
    assert await clinic.slots(from_="2027-04-03", to="2027-04-03") == []
    changed = (await change(clinic, path, "staff", valid_until=None, valid_from=None, slot_minutes=None)).is_ok()
    assert changed["availability"] == made | {"valid_from": None, "valid_until": None, "slot_minutes": None}
    assert await saturday(clinic) == ["10:00"]  # thirty minutes and ten between: a second would end too late
    assert len(await clinic.slots(from_="2027-04-03", to="2027-04-03")) == 1
    (await change(clinic, path, "staff", active=False)).is_ok()
    assert await saturday(clinic) == []
    (await change(clinic, path, "staff", active=True, buffer_minutes=0.0, start_minute=570)).is_ok()
    assert await saturday(clinic) == ["09:30", "10:00", "10:30"]
    removed = await clinic.send("DELETE", path, auth="staff")
    assert (removed.status, removed.body) == (204, b"")
    assert await saturday(clinic) == []
    for method in ("GET", "PATCH", "DELETE"):
        (await clinic.send(method, path, auth="staff")).is_problem(404, "not-found")


async def test_removed_windows_stay_with_who_and_when(clinic: Clinic) -> None:
    made = (await add(clinic)).is_ok(201)["availability"]
    clinic.clock.advance(60)
    await clinic.send("DELETE", f"/availability/{made['id']}", auth="support")
    listing = f"/clinicians/{clinic.amira}/availability"

    async def listed(**query: str) -> dict[str, dict[str, Any]]:
        told = (await clinic.get(listing, auth="staff", **query)).is_ok()
        assert set(told) == {"availability"}
        assert all(set(one) == WINDOW_FIELDS for one in told["availability"])
        return {one["id"]: one for one in told["availability"]}

    assert made["id"] not in await listed()
    assert await listed(deleted="false") == await listed()
    gone = (await listed(deleted="true"))[made["id"]]
    assert gone == made | {"removed_at": "2027-03-22T07:01:00Z", "removed_by": clinic.key_ids["support"]}
    for bad in ("", "1", "True", "yes"):
        (await clinic.get(listing, auth="staff", deleted=bad)).is_problem(400, "malformed")


async def test_overlapping_windows_are_refused_at_the_start(clinic: Clinic) -> None:
    made = (await add(clinic)).is_ok(201)["availability"]
    for start, end in ((600, 660), (0, 601), (659, 700), (610, 620), (0, 1440)):
        (await add(clinic, start_minute=start, end_minute=end)).is_problem(422, "validation", "/start_minute")
    (await add(clinic, start_minute=600, active=False)).is_problem(422, "validation", "/start_minute")
    before = (await add(clinic, start_minute=540, end_minute=600)).is_ok(201)["availability"]
    (await add(clinic, start_minute=660, end_minute=1440)).is_ok(201)
    path = f"/availability/{before['id']}"
    (await change(clinic, path, "staff", end_minute=601)).is_problem(422, "validation", "/start_minute")
    (await change(clinic, path, "staff", weekday=6)).is_ok()
    (await change(clinic, f"/availability/{made['id']}", "staff", active=False)).is_ok()
    (await add(clinic)).is_problem(422, "validation", "/start_minute")  # a paused one counts
    assert (await clinic.send("DELETE", f"/availability/{made['id']}", auth="staff")).status == 204
    (await add(clinic)).is_ok(201)


async def test_windows_of_different_times_of_the_year_do_not_overlap(clinic: Clinic) -> None:
    (await add(clinic, valid_until="2027-04-03")).is_ok(201)
    (await add(clinic, valid_from="2027-04-03")).is_problem(422, "validation", "/start_minute")
    (await add(clinic, valid_from="2027-04-04", start_minute=630)).is_ok(201)
    assert await saturday(clinic) == ["10:00", "10:30"]
    assert [slot["start"][11:16] for slot in await clinic.slots(from_="2027-04-10", to="2027-04-10")] == ["09:30"]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"start_minute": 600, "end_minute": 600}, ["/end_minute"]),
        ({"start_minute": 660, "end_minute": 600}, ["/end_minute"]),
        ({"start_minute": 1440, "end_minute": 1440}, ["/start_minute", "/end_minute"]),
        ({"start_minute": -1}, ["/start_minute"]),
        ({"end_minute": 1441}, ["/end_minute"]),
        ({"weekday": 7}, ["/weekday"]),
        ({"weekday": -1, "slot_minutes": 0, "buffer_minutes": -1}, ["/weekday", "/slot_minutes", "/buffer_minutes"]),
        ({"slot_minutes": 481}, ["/slot_minutes"]),
        ({"buffer_minutes": 60}, ["/buffer_minutes"]),
        ({"valid_from": "2027-04-02", "valid_until": "2027-04-01"}, ["/valid_until"]),
        ({"valid_from": "2027-02-29", "valid_until": "2027-04-31"}, ["/valid_from", "/valid_until"]),
    ],
)
async def test_windows_have_bounds(clinic: Clinic, fields: dict[str, Any], pointers: list[str]) -> None:
    (await add(clinic, **fields)).is_problem(422, "validation", *pointers)
    made = (await add(clinic)).is_ok(201)["availability"]
    (await change(clinic, f"/availability/{made['id']}", "staff", **fields)).is_problem(422, "validation", *pointers)
    assert (await clinic.get(f"/availability/{made['id']}", auth="staff")).is_ok()["availability"] == made


async def test_the_widest_and_the_narrowest_values_are_taken(clinic: Clinic) -> None:
    (await add(clinic, start_minute=0, end_minute=1440, slot_minutes=1)).is_ok(201)
    assert len(await clinic.slots(from_="2027-03-27", to="2027-03-27")) == 1440
    for minutes in (1, 480):
        (await clinic.post("/visit-types", {"name": "x", "minutes": minutes}, auth="admin")).is_ok(201)
        (await change(clinic, f"/clinicians/{clinic.amira}", slot_minutes=minutes)).is_ok()
    for minutes in (0, 481, -1, 1.5, True, "30", 2**64):
        reply = await clinic.post("/visit-types", {"name": "x", "minutes": minutes}, auth="admin")
        reply.is_problem(422, "validation", "/minutes")
        (await change(clinic, f"/clinicians/{clinic.amira}", slot_minutes=minutes)).is_problem(
            422, "validation", "/slot_minutes"
        )


async def test_visit_types_that_a_clinician_no_longer_offers_have_no_times(clinic: Clinic) -> None:
    held = await clinic.hold("2027-03-23T09:00:00Z")
    (await change(clinic, f"/clinicians/{clinic.amira}", visit_types=[clinic.telephone])).is_ok()
    slots = f"/clinicians/{clinic.amira}/slots"
    (await clinic.get(slots, visit_type=clinic.follow_up)).is_problem(404, "not-found")
    assert (await clinic.slots(visit_type=clinic.telephone, from_="2027-03-23", to="2027-03-23"))[0]["state"] == "held"
    (await held.confirm()).is_ok()
    assert (await held.read())["visit_type"] == clinic.follow_up


async def test_before_it_is_set_up_there_is_no_clinic(clinic: Clinic) -> None:
    empty = clinic.folder / "empty"
    empty.mkdir()
    clinic.settings = dict(clinic.settings) | {"HOLDFAST_DATABASE": str(empty / "holdfast.db")}
    await clinic.restart()
    (await clinic.get("/clinic")).is_problem(404, "not-found")
    (await clinic.get(f"/clinicians/{clinic.amira}/slots")).is_problem(404, "not-found")


async def test_two_changes_of_one_window_at_once_both_hold(clinic: Clinic) -> None:
    path = f"/availability/{(await add(clinic)).is_ok(201)['availability']['id']}"
    for turn in range(10):
        both = await asyncio.gather(
            change(clinic, path, buffer_minutes=turn + 1), change(clinic, path, slot_minutes=20 + turn)
        )
        assert [reply.status for reply in both] == [200, 200]
        found = (await clinic.get(path, auth="staff")).is_ok()["availability"]
        assert (found["buffer_minutes"], found["slot_minutes"]) == (turn + 1, 20 + turn)


async def test_bookings_are_judged_by_the_zone_that_the_clinician_has_now(clinic: Clinic) -> None:
    hold = await clinic.book("2027-03-23T09:00:00Z")
    (await change(clinic, f"/clinicians/{clinic.amira}", timezone="Asia/Tokyo")).is_ok()
    assert (await hold.read(auth="staff"))["outside_hours"] is True
    listed = (await clinic.get("/appointments", auth="staff")).is_ok()["appointments"]
    assert [one["outside_hours"] for one in listed if one["id"] == hold.id] == [True]
