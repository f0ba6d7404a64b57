"""The page behind a personal link, its calendar file and the join page: each state is told as it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from actors.calendar.messages import Complete, MarkNoShow
from actors.command import By
from server.booking.links import Purpose
from tests.server.pages.harbour import START, Harbour, Seen, Visitor, harbour

MINUTE = 60
STAFF = By("staff")


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as found:
        yield found


@pytest.fixture
async def maria(clinic: Harbour) -> AsyncIterator[Visitor]:
    async with clinic.visitor() as visitor:
        yield visitor


def named(clinic: Harbour, path: str) -> str:
    """The id of the appointment that a page's path names."""
    return clinic.booking.links.named(path.rsplit("/", 1)[-1]) or ""


async def link(clinic: Harbour, path: str, purpose: Purpose) -> str:
    """Another link of the appointment at `path`."""
    found = await clinic.booking.reading.appointment(named(clinic, path))
    token = clinic.booking.links.token(purpose, found)
    return {"manage": f"/a/{token}", "join": f"/j/{token}", "calendar": f"/a/{token}/calendar.ics"}[purpose]


def event_of(seen: Seen) -> Any:
    """The one entry of a calendar file."""
    (event,) = Calendar.from_ical(seen.body).walk("VEVENT")
    return event


def at(clinic: Harbour, instant: int) -> None:
    """Move the clock there."""
    clinic.clock.set(instant * 1000)


async def test_a_new_confirmation_promises_nothing_that_does_not_happen(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    seen = await maria.get(f"{path}?new=1")
    assert "Appointment confirmed" in seen.text
    assert "Tuesday 24 November 2026" in seen.text
    assert "11:20 to 11:40 London time (GMT)" in seen.text
    assert "Follow-up, for Maria Ruiz" in seen.text
    assert f"{clinic.url}{path}" in seen.text
    assert "no email is sent" in seen.text
    assert "we do not send reminders" in seen.text
    assert "To change or cancel, call the clinic: 020 7946 0000" in seen.text
    assert not any(word in seen.text.lower() for word in ("we have sent", "we remind you", "cancel appointment"))
    assert seen.headers["Cache-Control"] == "no-store"


async def test_coming_back_the_page_tells_the_state_and_when_joining_opens(maria: Visitor) -> None:
    seen = await maria.get(await maria.book())
    assert "Your appointment" in seen.text
    assert "Joining opens at 11:10 You can join in 28 minutes." in seen.text
    assert "Appointment confirmed" not in seen.text


@pytest.mark.parametrize(
    ("instant", "words", "can_join"),
    [
        (START - 10 * MINUTE - 1, "Joining opens at 11:10", False),
        (START - 10 * MINUTE, "Joining is open until 12:40.", True),
        (START + 80 * MINUTE, "Joining is open until 12:40.", True),
        (START + 80 * MINUTE + 1, "Joining closed on Tuesday 24 November at 12:40.", False),
    ],
)
async def test_joining_opens_and_closes_to_the_second(
    clinic: Harbour, maria: Visitor, instant: int, words: str, can_join: bool
) -> None:
    path = await maria.book()
    at(clinic, instant)
    seen = await maria.get(path)
    assert words in seen.text
    assert ("Join appointment" in seen.page.links) is can_join


async def test_a_day_ahead_the_day_of_joining_is_named(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold(START + 7 * 24 * 3_600)
    seen = await maria.press(path, {"name": "Maria", "email": "m@example.org"})
    seen = await maria.get(seen.location.partition("?")[0])
    assert "Joining opens on Tuesday 1 December at 11:10 You can join in 7 days." in seen.text


async def test_a_visit_at_the_clinic_has_an_address_and_nothing_to_join(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book(way="clinic")
    seen = await maria.get(f"{path}?new=1")
    assert "Where: 12 Harbour Street" in seen.text
    assert "Come to the clinic a few minutes before 11:20" in seen.text
    assert "Join" not in seen.text
    joined = await maria.get(await link(clinic, path, "join"))
    assert "please come to the clinic" in joined.text


async def test_a_visit_by_phone_says_who_calls_whom(maria: Visitor) -> None:
    path = await maria.book(way="phone")
    assert "At 11:20 the clinic calls you on 07700 900123" in (await maria.get(f"{path}?new=1")).text


async def test_a_visit_by_phone_without_a_number_says_that_the_patient_calls(maria: Visitor) -> None:
    path = await maria.book(way="phone", phone="")
    seen = await maria.get(f"{path}?new=1")
    assert "You gave no phone number: at 11:20 please call the clinic on 020 7946 0000" in seen.text


async def test_a_cancelled_appointment_shows_the_reason_to_the_patient_and_never_the_staff_note(
    clinic: Harbour, maria: Visitor
) -> None:
    path = await maria.book()
    reason, note = "Dr Haddad is ill.", "Third time this month."
    await clinic.booking.promises.cancel(named(clinic, path), reason, STAFF, staff_note=note)
    for page in (path, f"{path}?new=1", await link(clinic, path, "join")):
        seen = await maria.get(page)
        assert "The clinic cancelled this appointment." in seen.text
        assert f"The reason {reason}" in seen.text
        assert note not in seen.body
        assert "Book another time" in seen.page.links
        assert not any(word in seen.text for word in ("Join appointment", "Add to calendar", "confirmed."))


async def test_one_cancelled_by_the_patient_says_so(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    await clinic.booking.promises.cancel(named(clinic, path), None, By("patient"))
    assert "You cancelled this appointment." in (await maria.get(path)).text


async def test_a_completed_visit_and_a_missed_one_are_told_apart(clinic: Harbour, maria: Visitor) -> None:
    done = await maria.book(way="phone")
    missed = (await _booked_later(maria)).partition("?")[0]
    at(clinic, START + 4 * 3_600)
    await clinic.booking.holds.command(Complete(by=STAFF, appointment=named(clinic, done)))
    await clinic.booking.holds.command(MarkNoShow(by=STAFF, appointment=named(clinic, missed)))
    assert "This visit has taken place and is closed." in (await maria.get(done)).text
    assert "The clinic closed this visit as missed." in (await maria.get(missed)).text


async def test_a_held_time_says_held_and_never_booked(clinic: Harbour, maria: Visitor) -> None:
    hold = (await maria.hold()).removeprefix("/hold/")
    found = await clinic.booking.reading.appointment(hold)
    path = f"/a/{clinic.booking.links.token('manage', found)}"
    seen = await maria.get(path)
    assert "Held, not booked yet" in seen.text
    assert "This time is held until 10:57. Nothing is booked until it is confirmed." in seen.text
    clinic.clock.advance(15 * MINUTE)
    seen = await maria.get(path)
    assert "This hold has ended" in seen.text
    assert "No appointment was booked." in seen.text


async def test_an_open_page_can_ask_whether_it_is_still_true(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    before = await maria.get(f"{path}?part=state")
    assert before.body == (await maria.get(f"{path}?part=state")).body
    await clinic.booking.promises.cancel(named(clinic, path), "Ill.", STAFF)
    assert before.body != (await maria.get(f"{path}?part=state")).body


async def test_a_link_opens_its_own_page_only(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    token = path.removeprefix("/a/")
    join = (await link(clinic, path, "join")).removeprefix("/j/")
    wrong = (f"/a/{join}", f"/j/{token}", f"/a/{token}/calendar.ics", f"/a/{token[:-1]}", "/a/x", "/j/nonsense")
    for address in wrong:
        seen = await maria.get(address)
        assert seen.status == 404, address
        assert "We cannot find this appointment" in seen.text
        assert "an appointment that you booked is still booked" in seen.text
        assert "Maria" not in seen.body


async def test_the_calendar_file_is_one_entry_with_the_way_back(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    seen = await maria.get(await link(clinic, path, "calendar"))
    assert seen.headers["Content-Type"] == "text/calendar; charset=utf-8"
    event = event_of(seen)
    assert event["UID"] == f"{named(clinic, path)}@127.0.0.1"
    assert event["DTSTART"].dt == datetime(2026, 11, 24, 11, 20, tzinfo=UTC)
    assert (event["STATUS"], event["SEQUENCE"]) == ("CONFIRMED", 0)
    assert event["SUMMARY"] == "Video appointment with Dr Amira Haddad"
    assert f"Join: {clinic.url}{await link(clinic, path, 'join')}" in event["DESCRIPTION"]
    assert event["URL"] == f"{clinic.url}{path}"
    assert "Maria" not in seen.body


async def test_the_calendar_file_of_a_cancelled_appointment_cancels_the_entry(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    await clinic.booking.promises.cancel(named(clinic, path), "Ill & <sorry>.", STAFF)
    event = event_of(await maria.get(await link(clinic, path, "calendar")))
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 1)
    assert "sorry" not in event.get("DESCRIPTION", "")


async def test_the_join_page_says_when_it_opens_and_what_to_do_then(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book()
    join = await link(clinic, path, "join")
    assert "You can join from 11:10 It opens in 28 minutes." in (await maria.get(join)).text
    at(clinic, START)
    seen = await maria.get(join)
    assert "The video call does not open on this page yet." in seen.text
    assert "The clinic calls you for your visit with Dr Amira Haddad, on 07700 900123." in seen.text
    at(clinic, START + 81 * MINUTE)
    seen = await maria.get(join)
    assert "This appointment’s time has passed" in seen.text
    assert seen.page.links["Book another time"] == f"/book/{clinic.clinician}"


async def test_words_of_people_are_escaped(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.book(name='<img src=x onerror="alert(1)">')
    assert "<img" not in (await maria.get(path)).body


async def _booked_later(visitor: Visitor) -> str:
    path = await visitor.hold(START + 40 * MINUTE, way="phone")
    seen = await visitor.press(path, {"name": "Maria", "email": "m@example.org"})
    return seen.location
