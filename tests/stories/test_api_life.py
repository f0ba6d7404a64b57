"""The life of an appointment: hold, confirm, extend, release, cancel; and what each role is shown of it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.stories.clinic import BASE_URL, PATIENT, UNSENT, Clinic, Hold, Reply, Template, at, instant

NINE = "2027-03-23T09:00:00Z"  # Tuesday
PUBLIC_FIELDS = {
    *("id", "reference", "status", "version", "clinician", "visit_type", "start", "end", "timezone", "expires_at"),
    *("room", "cause", "reason", "outside_hours", "overlap", "partner", "created_at", "updated_at", "actions"),
}
PATIENT_FIELDS = PUBLIC_FIELDS | {"patient", "access_needs", "note"}
SUPPORT_FIELDS = PATIENT_FIELDS | {"staff_note", "attendance"}
STAFF_FIELDS = SUPPORT_FIELDS - {"note"}


async def test_a_hold_is_answered_with_the_appointment_and_its_token(clinic: Clinic) -> None:
    clinic.clock.advance(0.4)  # the deadline is rounded up, so that the one that is shown is the deadline
    body = {"start": NINE, "visit_type": clinic.follow_up}
    reply = await clinic.post(f"/clinicians/{clinic.amira}/holds", body)
    told = reply.is_ok(201)
    assert set(told) == {"appointment", "token"}
    held = told["appointment"]
    assert set(held) == PATIENT_FIELDS
    assert reply.headers["Location"] == f"/api/v1/appointments/{held['id']}"
    assert reply.headers["ETag"] == '"1"'
    assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", told["token"])
    assert held == held | {
        "status": "held",
        "version": 1,
        "clinician": clinic.amira,
        "visit_type": clinic.follow_up,
        "start": NINE,
        "end": "2027-03-23T09:20:00Z",
        "timezone": "Europe/London",
        "expires_at": "2027-03-22T07:15:01Z",
        "created_at": "2027-03-22T07:00:00Z",
        "updated_at": "2027-03-22T07:00:00Z",
        "patient": None,
        "access_needs": [],
        "outside_hours": False,
        "overlap": False,
        "actions": ["confirm", "extend", "release", "cancel"],
    }
    assert all(held[name] is None for name in ("room", "cause", "reason", "partner", "note"))


async def test_without_a_visit_type_the_length_is_the_clinicians(clinic: Clinic) -> None:
    reply = await clinic.post(f"/clinicians/{clinic.amira}/holds", {"start": NINE})
    held = reply.is_ok(201)["appointment"]
    assert (held["visit_type"], held["end"]) == (None, "2027-03-23T09:30:00Z")


async def test_what_cannot_be_booked_is_refused_with_open_alternatives(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    for start in (
        "2027-03-22T06:40:00Z",  # past
        "1970-01-01T00:00:00Z",
        "2027-03-23T09:10:00Z",  # not on the grid
        "2027-03-23T12:00:00Z",  # after the window
        "2027-03-27T09:00:00Z",  # Saturday
        "2027-06-01T08:00:00Z",  # beyond the horizon
        "9999-12-31T23:59:59Z",
    ):
        reply = await clinic.post(path, {"start": start, "visit_type": clinic.follow_up})
        await are_open_and_nearest(clinic, reply, start)


async def are_open_and_nearest(clinic: Clinic, reply: Reply, start: str) -> None:
    """The refusal's alternatives are the three nearest open starts of follow-ups, earlier first on a tie."""
    told = reply.is_problem(409, "slot-unavailable")
    opens = [slot["start"] for slot in await clinic.slots(visit_type=clinic.follow_up) if slot["state"] == "open"]
    nearest = sorted(opens, key=lambda one: (abs(at(one) - at(start)), at(one)))
    assert told["alternatives"] == nearest[:3]


async def test_notice_counts_to_the_second_for_patients_and_not_at_all_for_staff(clinic: Clinic) -> None:
    path, body = f"/clinicians/{clinic.amira}/holds", {"start": "2027-03-22T09:00:00Z", "visit_type": clinic.follow_up}
    clinic.clock.set(at("2027-03-22T08:30Z") * 1000 + 1)
    (await clinic.post(path, body)).is_problem(409, "slot-unavailable")
    (await clinic.post(path, body, auth="partner")).is_problem(409, "slot-unavailable")
    (await clinic.post(path, body, auth="staff")).is_ok(201)
    clinic.clock.set(at("2027-03-22T08:50Z") * 1000)
    body["start"] = "2027-03-22T09:20:00Z"
    (await clinic.post(path, body)).is_ok(201)
    clinic.clock.set(at("2027-03-22T09:40Z") * 1000 + 1)
    body["start"] = "2027-03-22T09:40:00Z"
    (await clinic.post(path, body, auth="admin")).is_problem(409, "slot-unavailable")


async def test_a_visit_type_that_is_not_offered_is_a_fault_of_the_body(clinic: Clinic) -> None:
    for visit_type in ("unknown", clinic.telephone):  # Jonas does not call
        body = {"start": "2027-03-23T08:00:00Z", "visit_type": visit_type}
        reply = await clinic.post(f"/clinicians/{clinic.jonas}/holds", body)
        reply.is_problem(422, "validation", "/visit_type")


async def test_fifty_at_once_for_one_time_give_one_hold(unlimited: Clinic) -> None:
    clinic = unlimited
    body = {"start": NINE, "visit_type": clinic.follow_up}
    replies = await asyncio.gather(*(clinic.post(f"/clinicians/{clinic.amira}/holds", body) for _ in range(50)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 49
    for reply in replies:
        if reply.status == 409:
            await are_open_and_nearest(clinic, reply, NINE)


async def test_buffers_and_mixed_lengths_conflict_by_interval(clinic: Clinic) -> None:
    await clinic.hold(NINE, visit_type=clinic.examination)  # 09:00-09:45
    held = {slot["start"] for slot in await clinic.slots(visit_type=clinic.follow_up) if slot["state"] == "held"}
    assert held == {NINE, "2027-03-23T09:20:00Z", "2027-03-23T09:40:00Z"}
    # Jonas leaves ten minutes between visits: 08:00-08:20 keeps 08:30 (start of the next) free, 08:29 not.
    await clinic.hold("2027-03-23T08:30:00Z", clinician=clinic.jonas)
    examinations = await clinic.slots(clinic.jonas, visit_type=clinic.examination, from_="2027-03-23", to="2027-03-23")
    assert {slot["start"]: slot["state"] for slot in examinations} == {
        "2027-03-23T08:00:00Z": "held",
        "2027-03-23T08:55:00Z": "held",
        "2027-03-23T09:50:00Z": "open",
    }


async def test_confirming_shows_patient_links_and_text(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    clinic.clock.advance(60)
    reply = await hold.confirm(note="My knee.\nSince May.", access_needs=["Interpreter: BSL"], for_other=True)
    told = reply.is_ok()
    assert set(told) == {"appointment", "links"}
    assert set(told["links"]) == {"manage", "join", "calendar"}
    assert told["links"]["manage"].startswith(f"{BASE_URL}/a/")
    assert told["links"]["join"].startswith(f"{BASE_URL}/j/")
    assert re.fullmatch(rf"{BASE_URL}/a/[\w-]+/calendar\.ics", told["links"]["calendar"])
    assert reply.headers["ETag"] == '"2"'
    confirmed = told["appointment"]
    assert set(confirmed) == PATIENT_FIELDS
    assert {name: value for name, value in confirmed["patient"].items() if name != "id"} == PATIENT
    assert confirmed == hold.first | {
        "status": "confirmed",
        "version": 2,
        "expires_at": None,
        "patient": confirmed["patient"],
        "note": "My knee.\nSince May.",
        "access_needs": ["Interpreter: BSL"],
        "updated_at": "2027-03-22T07:01:00Z",
        "actions": ["cancel"],
    }
    assert await hold.read() == confirmed


async def test_each_role_is_shown_what_it_may_see(clinic: Clinic) -> None:
    hold = await clinic.book(NINE, note="My knee.", access_needs=["Step-free"])
    fields = {"staff": STAFF_FIELDS, "support": SUPPORT_FIELDS, "admin": SUPPORT_FIELDS, hold.token: PATIENT_FIELDS}
    for who, expected in fields.items():
        shown = await hold.read(auth=who)
        assert set(shown) == expected
        assert shown["access_needs"] == ["Step-free"]
    cancelled = (
        await hold.act("cancel", {"reason": "Dr Haddad is ill.", "staff_note": "Call again."}, auth="staff")
    ).is_ok()["appointment"]
    assert (cancelled["reason"], cancelled["staff_note"]) == ("Dr Haddad is ill.", "Call again.")
    assert "note" not in cancelled
    as_patient = await hold.read()
    assert as_patient["reason"] == "Dr Haddad is ill."
    assert "staff_note" not in as_patient
    assert (await hold.read(auth="admin"))["note"] == "My knee."


async def test_a_second_confirm_with_other_data_answers_the_same_and_changes_nothing(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    first = await hold.confirm(note="First.")
    clinic.clock.advance(5)
    second = await hold.act("confirm", {"patient": {"name": "Other", "email": "o@example.org"}, "note": "Second."})
    assert (second.status, second.body) == (200, first.body)
    by_staff = (await hold.confirm(auth="support")).is_ok()["appointment"]
    assert (by_staff["patient"]["name"], by_staff["note"], by_staff["version"]) == ("Maria Ruiz", "First.", 2)


@pytest.mark.parametrize("late_ms", [0, 1, 3_600_000])
async def test_a_hold_ends_at_its_deadline_and_says_whether_the_time_is_open(clinic: Clinic, late_ms: int) -> None:
    hold, taken = await clinic.hold(NINE), await clinic.hold("2027-03-24T09:00:00Z")
    clinic.clock.set(at("2027-03-22T07:15Z") * 1000 + late_ms)
    other = await clinic.hold("2027-03-24T09:00:00Z")
    for action in ("confirm", "extend"):
        body = {"patient": PATIENT} if action == "confirm" else UNSENT
        told = (await hold.act(action, body)).is_problem(410, "hold-expired")
        assert told["slot_open"] is True
        assert (await taken.act(action, body)).is_problem(410, "hold-expired")["slot_open"] is False
    (await hold.act("release")).is_ok()
    (await hold.act("cancel", {})).is_problem(409, "invalid-transition")
    expired = await hold.read()
    assert (expired["status"], expired["cause"], expired["expires_at"], expired["actions"]) == (
        *("expired", "timeout", None),
        [],
    )
    (await other.confirm()).is_ok()


async def test_an_instant_before_its_deadline_a_hold_is_confirmed(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    clinic.clock.set(at("2027-03-22T07:15Z") * 1000 - 1)
    (await hold.confirm()).is_ok()


async def test_reading_at_the_deadline_never_shows_the_hold_any_more(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    clinic.clock.advance(900)
    held, active, shown = await asyncio.gather(
        clinic.get("/appointments", auth="staff", status="held"),
        clinic.get("/appointments", auth="staff"),
        clinic.get(hold.path, auth=hold.token),
    )
    assert held.is_ok()["appointments"] == active.is_ok()["appointments"] == []
    assert shown.is_ok()["appointment"]["status"] == "expired"


async def test_extending_adds_five_minutes_ten_times(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    for turn in range(1, 11):
        told = (await hold.act("extend")).is_ok()["appointment"]
        assert told["expires_at"] == instant(at("2027-03-22T07:15Z") + turn * 300)
        assert told["version"] == turn + 1
        assert ("extend" in told["actions"]) == (turn < 10)
    told = (await hold.act("extend")).is_problem(409, "invalid-transition")
    assert (told["from"], told["action"]) == ("held", "extend")
    clinic.clock.set(at("2027-03-22T08:05Z") * 1000 - 1)
    assert (await hold.read())["status"] == "held"
    clinic.clock.advance(0.001)
    (await hold.confirm()).is_problem(410, "hold-expired")


async def test_letting_go_is_final_and_can_be_said_twice(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    for _ in range(2):
        told = (await hold.act("release", {})).is_ok()["appointment"]
        assert (told["status"], told["cause"], told["version"]) == ("expired", "released", 2)
    (await hold.confirm()).is_problem(410, "hold-expired")
    (await hold.act("extend")).is_problem(410, "hold-expired")
    assert [slot["state"] for slot in await clinic.slots(visit_type=clinic.follow_up)][:1] == ["open"]
    booked = await clinic.book(NINE)
    assert (await booked.act("release")).is_problem(409, "invalid-transition")["from"] == "confirmed"
    assert (await booked.act("extend")).is_problem(409, "invalid-transition")["action"] == "extend"


async def test_a_patient_cancels_without_a_reason_until_the_start(clinic: Clinic) -> None:
    silent, talking, late = [await clinic.book(f"2027-03-23T{time}:00Z") for time in ("09:00", "09:20", "09:40")]
    told = (await silent.act("cancel")).is_ok()["appointment"]
    assert (told["status"], told["reason"], told["version"], told["actions"]) == ("cancelled", None, 3, [])
    assert (await talking.act("cancel", {"reason": "Feeling better."})).is_ok()["appointment"]["reason"] == (
        "Feeling better."
    )
    again = (await silent.act("cancel")).is_problem(409, "invalid-transition")
    assert (again["from"], again["action"]) == ("cancelled", "cancel")
    assert (await silent.confirm()).is_problem(409, "invalid-transition")["from"] == "cancelled"
    clinic.clock.set(at("2027-03-23T09:40Z") * 1000 + 1)
    assert (await late.read())["actions"] == []
    (await late.act("cancel")).is_problem(409, "too-late")
    assert "cancel" in (await late.read(auth="staff"))["actions"]
    (await late.act("cancel", {"reason": "No show up."}, auth="staff")).is_ok()


async def test_the_clinics_notice_for_cancelling_counts_for_patients(
    template: Template, tmp_path: Path
) -> None:
    async with template.running(tmp_path / "clinic", cancel_notice_seconds="86400") as clinic:
        booked = await clinic.book("2027-03-24T09:00:00Z")
        clinic.clock.set(at("2027-03-23T09:00Z") * 1000 + 1)
        (await booked.act("cancel")).is_problem(409, "too-late")
        clinic.clock.set(at("2027-03-23T09:00Z") * 1000)
        (await booked.act("cancel")).is_ok()


async def test_staff_give_a_reason_for_every_cancellation(clinic: Clinic) -> None:
    held, booked = await clinic.hold(NINE), await clinic.book("2027-03-23T09:20:00Z")
    for hold in (held, booked):
        for who in ("staff", "support", "admin"):
            for body in ({}, {"reason": ""}, {"reason": " \n "}, {"reason": None}, {"staff_note": "x"}):
                (await hold.act("cancel", body, auth=who)).is_problem(422, "reason-required", "/reason")
        told = (await hold.act("cancel", {"reason": "Closed."}, auth="staff")).is_ok()["appointment"]
        assert (told["status"], told["reason"]) == ("cancelled", "Closed.")
    assert (await held.read())["patient"] is None


async def test_a_patient_cannot_write_a_staff_note(clinic: Clinic) -> None:
    hold = await clinic.book(NINE)
    (await hold.act("cancel", {"staff_note": "x"})).is_problem(422, "validation", "/staff_note")
    assert (await hold.read())["status"] == "confirmed"


async def test_staff_book_on_the_phone_without_an_email_address(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE, auth="staff")
    only_name: dict[str, Any] = {"name": "Agnes Old"}
    for body in ({"patient": only_name}, {"patient": only_name | {"email": None, "phone": None}}):
        (await hold.act("confirm", body, auth="staff")).is_problem(422, "validation", "/patient/phone")
    by_patient = await hold.act("confirm", {"patient": only_name | {"phone": "0123"}})
    by_patient.is_problem(422, "validation", "/patient/email")
    told = (await hold.act("confirm", {"patient": only_name | {"phone": "0123"}}, auth="staff")).is_ok()
    patient = told["appointment"]["patient"]
    assert patient == {"id": patient["id"], "name": "Agnes Old", "email": None, "phone": "0123"}


async def test_customer_ids_come_from_partners_only(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE, auth="partner")
    patient = PATIENT | {"customer_id": "c-1"}
    for who in (hold.token, "staff", "admin"):
        reply = await hold.act("confirm", {"patient": patient}, auth=who)
        reply.is_problem(422, "validation", "/patient/customer_id")
    (await hold.act("confirm", {"patient": patient}, auth="partner")).is_ok()


async def as_customer(clinic: Clinic, start: str, customer: str, clinician: str) -> tuple[Hold, Reply]:
    """A partner books for its customer."""
    hold = await clinic.hold(start, clinician=clinician, auth="partner")
    return hold, await hold.act("confirm", {"patient": PATIENT | {"customer_id": customer}}, auth="partner")


async def test_the_same_customer_is_the_same_patient_and_cannot_be_in_two_places(clinic: Clinic) -> None:
    first, reply = await as_customer(clinic, NINE, "c-1", clinic.amira)
    reply.is_ok()
    again, reply = await as_customer(clinic, "2027-03-23T10:00:00Z", "c-1", clinic.amira)
    reply.is_ok()
    other, reply = await as_customer(clinic, "2027-03-24T09:00:00Z", "c-2", clinic.amira)
    reply.is_ok()
    ids = [(await hold.read(auth="support"))["patient"]["id"] for hold in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    busy, reply = await as_customer(clinic, "2027-03-23T09:00:00Z", "c-1", clinic.jonas)
    reply.is_problem(409, "patient-busy")
    assert (await busy.read())["status"] == "held"
    (await first.act("cancel")).is_ok()
    (await busy.act("confirm", {"patient": PATIENT | {"customer_id": "c-1"}}, auth="partner")).is_ok()
    # An address alone proves nothing: the same words without a customer id are another patient.
    await clinic.book("2027-03-23T09:00:00Z")


async def test_one_customer_confirming_twice_at_once_becomes_one_patient(clinic: Clinic) -> None:
    starts = [f"2027-03-23T{hour:02}:{minute}:00Z" for hour in (9, 10, 11) for minute in ("00", "20")]
    holds = [await clinic.hold(start, auth="partner") for start in starts]
    body = {"patient": PATIENT | {"customer_id": "c-9"}}
    replies = await asyncio.gather(*(hold.act("confirm", body, auth="partner") for hold in holds))
    assert {reply.status for reply in replies} == {200}
    assert len({(await hold.read(auth="admin"))["patient"]["id"] for hold in holds}) == 1


async def test_if_match_guards_every_change_of_an_appointment(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)

    async def act(action: str, tag: str, body: Any = UNSENT) -> Reply:
        return await clinic.send("POST", f"{hold.path}/{action}", body, auth=hold.token, headers={"If-Match": tag})

    confirmation = {"patient": PATIENT}
    for tag in ('"2"', '"0"', '"x"', "2", '"18446744073709551616"', '""'):
        for action, body in (("extend", UNSENT), ("confirm", confirmation), ("cancel", {}), ("release", {})):
            told = (await act(action, tag, body)).is_problem(412, "conflict")
            assert told["version"] == 1
    assert (await act("extend", '"1"')).headers["ETag"] == '"2"'
    (await act("extend", '"1"')).is_problem(412, "conflict")
    assert (await act("confirm", "*", confirmation)).headers["ETag"] == '"3"'
    read = await clinic.get(hold.path, auth=hold.token)
    assert read.headers["ETag"] == '"3"'
    (await act("cancel", '"3"', {})).is_ok()


async def test_one_customer_at_two_clinicians_at_once_is_in_one_place(clinic: Clinic) -> None:
    holds = [await clinic.hold(NINE, clinician=one, auth="partner") for one in (clinic.amira, clinic.jonas)]
    body = {"patient": PATIENT | {"customer_id": "c-7"}}
    replies = await asyncio.gather(*(hold.act("confirm", body, auth="partner") for hold in holds))
    assert sorted(reply.status for reply in replies) == [200, 409]
    (refused,) = (reply for reply in replies if reply.status == 409)
    refused.is_problem(409, "patient-busy")
    assert sorted([(await hold.read())["status"] for hold in holds]) == ["confirmed", "held"]


async def test_windows_that_change_leave_bookings_where_they_are(clinic: Clinic) -> None:
    held, booked = await clinic.hold(NINE), await clinic.book("2027-03-23T09:20:00Z")
    windows = (await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")).is_ok()["availability"]
    tuesday = next(one for one in windows if one["weekday"] == 1)
    assert (await clinic.send("DELETE", f"/availability/{tuesday['id']}", auth="staff")).status == 204
    for hold in (held, booked):
        assert (await hold.read())["outside_hours"] is True
    confirmed = (await held.confirm()).is_ok()["appointment"]
    assert (confirmed["status"], confirmed["outside_hours"]) == ("confirmed", True)


async def test_references_are_short_and_never_the_same(unlimited: Clinic) -> None:
    slots = await unlimited.slots(visit_type=unlimited.telephone, from_="2027-03-23", to="2027-03-24")
    holds = [await unlimited.hold(slot["start"], visit_type=unlimited.telephone) for slot in slots]
    references = {hold.first["reference"] for hold in holds}
    assert len(references) == len(holds) == 36
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{2}-[2-9A-HJ-NP-Z]{3}", reference) for reference in references)
