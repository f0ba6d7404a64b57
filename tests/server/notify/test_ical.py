"""The calendar file, read back with a parser that is not ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar

from server.notify.ical import STATUS_WORDS, Entry, calendar, uid

START = int(datetime(2026, 11, 24, 11, 20, tzinfo=UTC).timestamp())
ENTRY = Entry(
    uid=uid("k7mqz2abcdefghijkmnp", "clinic.example.org"),
    sequence=0,
    status="confirmed",
    start=START,
    end=START + 1200,
    stamp=START - 86_400,
    summary="Video appointment with Dr Amira Haddad",
    description="Reference K7-49Q\nJoin: https://clinic.example.org/j/abc",
    location="12 Harbour Street, London; first floor",
    url="https://clinic.example.org/a/abc",
)


def parsed(entry: Entry) -> Any:
    return Calendar.from_ical(calendar(entry)).walk("VEVENT")[0]


def with_(**changes: object) -> Entry:
    fields = {name: getattr(ENTRY, name) for name in Entry.__slots__}
    return Entry(**{**fields, **changes})


def test_a_parser_reads_every_property_back() -> None:
    event = parsed(ENTRY)
    assert event.errors == []
    assert event["UID"] == "k7mqz2abcdefghijkmnp@clinic.example.org"
    assert event["SEQUENCE"] == 0
    assert event["STATUS"] == "CONFIRMED"
    assert event["SUMMARY"] == ENTRY.summary
    assert event["DESCRIPTION"] == ENTRY.description
    assert event["LOCATION"] == ENTRY.location
    assert event["URL"] == ENTRY.url


def test_times_are_written_in_utc() -> None:
    event = parsed(ENTRY)
    assert event["DTSTART"].dt == datetime(2026, 11, 24, 11, 20, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 11, 24, 11, 40, tzinfo=UTC)
    assert event["DTSTAMP"].dt == datetime(2026, 11, 23, 11, 20, tzinfo=UTC)
    assert "DTSTART:20261124T112000Z\r\n" in calendar(ENTRY)


def test_every_line_ends_with_crlf_and_has_at_most_75_octets() -> None:
    text = calendar(with_(summary="Rendez-vous vidéo avec Dr Zoë Łukasiewicz 予約 " * 6))
    assert "\n" not in text.replace("\r\n", "")
    assert text.endswith("END:VCALENDAR\r\n")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


@pytest.mark.parametrize("summary", ["é" * 200, "予" * 100, "🦊" * 60, "a" * 67, "a" * 68, "a" * 66 + "é"])
def test_folding_never_cuts_a_character(summary: str) -> None:
    assert parsed(with_(summary=summary))["SUMMARY"] == summary


@pytest.mark.parametrize("text", ["a,b;c\\d", "line\nline", "\\n is not a break", "ends with \\", "\r\nBEGIN:VALARM"])
def test_special_characters_survive_and_start_no_property(text: str) -> None:
    event = parsed(with_(description="x" + text))
    assert event["DESCRIPTION"] == "x" + text.replace("\r\n", "\n")
    assert event.subcomponents == []


def test_control_characters_are_left_out() -> None:
    assert parsed(with_(summary="a\x00b\x07c\x7fd"))["SUMMARY"] == "abcd"
    assert "\r\nX-EVIL" not in calendar(with_(url="https://x/\r\nX-EVIL:1"))


def test_what_is_empty_is_left_out() -> None:
    event = parsed(with_(description="", location="", url=""))
    assert not {"DESCRIPTION", "LOCATION", "URL"} & set(event)


def test_nobody_is_named_as_organizer_or_attendee() -> None:
    text = calendar(ENTRY)
    assert not any(word in text for word in ("ORGANIZER", "ATTENDEE", "METHOD"))


@pytest.mark.parametrize("status", ["held", "confirmed", "cancelled", "expired", "completed", "no_show"])
def test_each_stored_state_has_a_word_for_calendars(status: str) -> None:
    assert parsed(with_(status=status))["STATUS"] == STATUS_WORDS[status]


def test_a_cancelled_appointment_keeps_its_uid_and_raises_its_sequence() -> None:
    event = parsed(with_(status="cancelled", sequence=1))
    assert event["UID"] == ENTRY.uid
    assert event["SEQUENCE"] == 1
    assert event["STATUS"] == "CANCELLED"
