"""The list of appointments: what is active, the filters, paging, and that nobody learns who is booking just now."""

import base64
from typing import Any

from tests.stories.clinic import PATIENT, Clinic, Hold, at, instant

TUESDAY, WEDNESDAY = "2027-03-23", "2027-03-24"


async def listed(clinic: Clinic, auth: str = "staff", **query: str) -> list[dict[str, Any]]:
    """The appointments of one page that must be the last."""
    named = {name.rstrip("_"): value for name, value in query.items()}
    told = (await clinic.get("/appointments", auth=auth, **named)).is_ok()
    assert set(told) == {"appointments", "next_cursor"}
    assert told["next_cursor"] is None
    found: list[dict[str, Any]] = told["appointments"]
    return found


async def ids(clinic: Clinic, **query: str) -> set[str]:
    """Which appointments a list shows."""
    return {one["id"] for one in await listed(clinic, **query)}


async def in_every_state(clinic: Clinic) -> dict[str, Hold]:
    """One appointment of each state that this release can reach, on Tuesday."""
    found = {
        "confirmed": await clinic.book(f"{TUESDAY}T09:00:00Z", note="My knee."),
        "cancelled": await clinic.book(f"{TUESDAY}T09:20:00Z"),
        "expired": await clinic.hold(f"{TUESDAY}T09:40:00Z"),
        "held": await clinic.hold(f"{TUESDAY}T10:00:00Z"),
    }
    (await found["cancelled"].act("cancel", {})).is_ok()
    (await found["expired"].act("release")).is_ok()
    return found


async def test_each_status_shows_its_own_and_active_the_live_ones(clinic: Clinic) -> None:
    found = await in_every_state(clinic)
    for status, hold in found.items():
        assert await ids(clinic, status=status) == {hold.id}
        assert {one["status"] for one in await listed(clinic, status=status)} == {status}
    assert await ids(clinic) == await ids(clinic, status="active") == {found["confirmed"].id, found["held"].id}
    assert await ids(clinic, status="all") == {hold.id for hold in found.values()}
    assert await ids(clinic, status="completed") == await ids(clinic, status="no_show") == set()


async def test_the_list_shows_each_one_as_its_own_address_does(clinic: Clinic) -> None:
    found = await in_every_state(clinic)
    for who in ("staff", "support", "admin"):
        for one in await listed(clinic, who, status="all"):
            assert one == (await clinic.get(f"/appointments/{one['id']}", auth=who)).is_ok()["appointment"]
            assert ("note" in one) == (who != "staff")
    held = next(one for one in await listed(clinic, "admin") if one["id"] == found["held"].id)
    assert held["patient"] is None
    assert (held["note"], held["access_needs"], held["staff_note"]) == (None, [], None)


async def test_a_confirmed_one_is_active_until_its_join_window_closes(clinic: Clinic) -> None:
    booked = await clinic.book(f"{TUESDAY}T09:00:00Z")  # until 09:20, joining until 10:20
    clinic.clock.set(at(f"{TUESDAY}T10:20Z") * 1000)
    assert await ids(clinic) == {booked.id}
    clinic.clock.set(at(f"{TUESDAY}T10:20:01Z") * 1000)
    assert await ids(clinic) == set()
    assert await ids(clinic, status="confirmed") == {booked.id}


async def test_from_and_to_are_instants_on_the_start_and_to_is_not_included(clinic: Clinic) -> None:
    nine, twenty, next_day = [
        (await clinic.hold(start)).id
        for start in (f"{TUESDAY}T09:00:00Z", f"{TUESDAY}T09:20:00Z", f"{WEDNESDAY}T09:00:00Z")
    ]
    assert await ids(clinic, from_=f"{TUESDAY}T09:00:00Z") == {nine, twenty, next_day}
    assert await ids(clinic, from_=f"{TUESDAY}T09:00:01Z") == {twenty, next_day}
    assert await ids(clinic, to=f"{TUESDAY}T09:20:00Z") == {nine}
    assert await ids(clinic, from_=f"{TUESDAY}T09:20:00Z", to=f"{WEDNESDAY}T09:00:00Z") == {twenty}
    assert await ids(clinic, from_=f"{WEDNESDAY}T09:00:00Z", to=f"{TUESDAY}T09:00:00Z") == set()


async def test_one_clinicians_own(clinic: Clinic) -> None:
    amiras = await clinic.hold(f"{TUESDAY}T09:00:00Z")
    jonas = await clinic.hold(f"{TUESDAY}T08:00:00Z", clinician=clinic.jonas)
    assert await ids(clinic, clinician=clinic.amira) == {amiras.id}
    assert await ids(clinic, clinician=clinic.jonas, status="held") == {jonas.id}
    (await clinic.get("/appointments", auth="staff", clinician="unknown")).is_problem(404, "not-found")


async def test_free_text_finds_the_patient_or_the_reference(clinic: Clinic) -> None:
    maria = await clinic.book(f"{TUESDAY}T09:00:00Z", note="Needle in a haystack.")
    jo = PATIENT | {"name": "Jo 100% O'Neil_x", "email": "jo@clinic.example", "phone": "+44 555"}
    other = await clinic.book(f"{TUESDAY}T09:20:00Z", patient=jo)
    held = await clinic.hold(f"{TUESDAY}T09:40:00Z")
    assert await ids(clinic, q="maria") == await ids(clinic, q="RUIZ") == await ids(clinic, q="m.ruiz@") == {maria.id}
    assert await ids(clinic, q="0% o'neil_") == await ids(clinic, q="+44 555") == {other.id}
    assert await ids(clinic, q=maria.first["reference"]) == {maria.id}
    assert await ids(clinic, q=held.first["reference"].lower()) == {held.id}
    for nobody in ("needle", "%", "_aria", "!", "nobody"):
        assert maria.id not in await ids(clinic, q=nobody)
    assert await ids(clinic, q="ruiz", status="cancelled") == set()


async def test_pages_follow_each_other_over_equal_starts(unlimited: Clinic) -> None:
    clinic = unlimited
    nine, eight = f"{TUESDAY}T09:00:00Z", f"{TUESDAY}T08:00:00Z"
    expected = []
    for _ in range(4):  # several of one start: each let go before the next
        hold = await clinic.hold(nine)
        (await hold.act("release")).is_ok()
        expected.append((nine, hold.id))
        jonas = await clinic.hold(eight, clinician=clinic.jonas)
        (await jonas.act("release")).is_ok()
        expected.append((eight, jonas.id))
    expected.append((nine, (await clinic.hold(nine)).id))
    expected.sort()
    for limit in (1, 2, 3, 9, 200):
        seen, query = [], {"status": "all", "limit": str(limit)}
        while True:
            told = (await clinic.get("/appointments", auth="staff", **query)).is_ok()
            assert 0 < len(told["appointments"]) <= limit
            seen += [(one["start"], one["id"]) for one in told["appointments"]]
            if told["next_cursor"] is None:
                break
            query["cursor"] = told["next_cursor"]
        assert seen == expected


async def test_fifty_are_shown_unless_told(unlimited: Clinic) -> None:
    for day in (23, 24, 25):
        for slot in await unlimited.slots(
            visit_type=unlimited.telephone, from_=f"2027-03-{day}", to=f"2027-03-{day}"
        ):
            await unlimited.hold(slot["start"], visit_type=unlimited.telephone)
    told = (await unlimited.get("/appointments", auth="staff")).is_ok()
    assert len(told["appointments"]) == 50
    rest = (await unlimited.get("/appointments", auth="staff", cursor=told["next_cursor"])).is_ok()
    assert (len(rest["appointments"]), rest["next_cursor"]) == (4, None)
    starts = [one["start"] for one in told["appointments"] + rest["appointments"]]
    assert starts == sorted(starts)


async def test_a_bad_query_is_malformed(clinic: Clinic) -> None:
    bad: list[dict[str, str]] = [
        *({"status": text} for text in ("", "open", "HELD", "held,confirmed", "noshow")),
        *({"limit": text} for text in ("", "0", "-1", "201", "1.0", "1e2", "ten", "٣", "99999999999999999999")),
        *({"from": text} for text in ("", "2027-03-23", "2027-03-23T09:00:00", "2027-03-23T09:00:00+00:00")),
        *({"to": text} for text in ("2027-02-29T09:00:00Z", "2027-03-23T24:00:00Z", "2027-03-23T09:00:60Z")),
        *({"to": text} for text in ("1803200400", "0000-01-01T00:00:00Z", "2027-03-23t09:00:00z", "now")),
        *({"cursor": text} for text in ("", "x", "!!!!", "AAAA", base64.urlsafe_b64encode(b"\xff.\xff").decode())),
        *({"clinician": text} for text in ("", "x" * 65, "a\0b")),
        *({"q": text} for text in ("", " ", "x" * 201, "a\0b", "a\x1bb")),
        {"unknown": "1"},
    ]
    for query in bad:
        (await clinic.get("/appointments", auth="staff", **query)).is_problem(400, "malformed")
    (await clinic.get("/appointments?limit=1&limit=2", auth="staff")).is_problem(400, "malformed")


async def test_far_instants_are_answered(clinic: Clinic) -> None:
    await clinic.hold(f"{TUESDAY}T09:00:00Z")
    for moment in ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        await listed(clinic, from_=moment)
        await listed(clinic, to=moment)
    assert len(await listed(clinic, from_=instant(0), to="9999-12-31T23:59:59Z")) == 1


async def test_outside_hours_is_told_in_the_list_too(clinic: Clinic) -> None:
    booked = await clinic.book(f"{TUESDAY}T09:00:00Z")
    windows = (await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")).is_ok()["availability"]
    tuesday = next(one for one in windows if one["weekday"] == 1)
    paused = await clinic.send("PATCH", f"/availability/{tuesday['id']}", {"active": False}, auth="staff")
    paused.is_ok()
    assert [(one["id"], one["outside_hours"]) for one in await listed(clinic)] == [(booked.id, True)]
