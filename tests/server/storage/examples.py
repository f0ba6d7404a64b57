"""Rows and appends for tests of storage: complete, valid, and different in what a test names."""

from collections.abc import Iterable
from typing import Any

from actors.journal import GENESIS, Append, Appended, Entry, Outcome, Record, Remembered, Row
from actors.tables import TABLES

NINE = 1_800_003_600  # the start of most examples
HALF_HOUR = 1800
NOW_MS = 1_800_000_000_000


def record(table: str, values: Record, **changes: Any) -> Record:
    """A full row: what is not given is NULL."""
    return dict.fromkeys(TABLES[table]) | values | changes


def appointment(key: str, **changes: Any) -> Record:
    number = int.from_bytes(key.encode()[:6], "big")
    values = {
        "id": key,
        "number": number,
        "reference": f"R{number}",
        "clinician": "anna",
        "status": "held",
        "version": 1,
    }
    values |= {
        "start": NINE,
        "end": NINE + HALF_HOUR,
        "timezone": "Europe/Berlin",
        "wall_start": "2027-01-15T09:00",
    }
    values |= {
        "buffer_seconds": 0,
        "expires_at": NINE - 900,
        "extensions": 0,
        "anonymous": 1,
        "for_other": 0,
        "overlap": 0,
    }
    return record(
        "appointments", values | {"links": 0, "created_at_ms": NOW_MS, "updated_at_ms": NOW_MS}, **changes
    )


def claim(key: str, start: int = NINE, end: int | None = None, **changes: Any) -> Row:
    values = {"appointment": key, "clinician": "anna", "start": start, "end": end or start + HALF_HOUR}
    return Row("claims", record("claims", values | {"live": 1, "overlap": 0}, **changes))


def window(key: str, **changes: Any) -> Record:
    values = {
        "id": key,
        "clinician": "anna",
        "weekday": 0,
        "start_minute": 540,
        "end_minute": 720,
        "buffer_minutes": 0,
    }
    return record(
        "windows", values | {"active": 1, "created_at_ms": NOW_MS, "updated_at_ms": NOW_MS}, **changes
    )


def visit_type(key: str, **changes: Any) -> Record:
    values = {
        "id": key,
        "name": "First visit",
        "minutes": 30,
        "way": "video",
        "position": 1,
        "created_at_ms": NOW_MS,
    }
    return record("visit_types", values, **changes)


def clinician(key: str, **changes: Any) -> Record:
    values = {
        "id": key,
        "name": "Anna Weiss",
        "title": "Dr",
        "timezone": "Europe/Berlin",
        "slot_minutes": 30,
        "position": 1,
    }
    return record("clinicians", values | {"created_at_ms": NOW_MS, "updated_at_ms": NOW_MS}, **changes)


def clinic(**changes: Any) -> Record:
    values = {"id": "clinic", "name": "Example Clinic", "timezone": "Europe/Berlin", "created_at_ms": NOW_MS}
    return record("clinic", values, **changes)


def patient(key: str, **changes: Any) -> Record:
    return record("patients", {"id": key, "salt": b"salt", "certain": 0, "created_at_ms": NOW_MS}, **changes)


def text(key: str, **changes: Any) -> Record:
    return record(
        "texts",
        {"id": key, "appointment": "first", "kind": "note", "salt": b"salt", "text": "knee"},
        **changes,
    )


def remembered(key: str, **changes: Any) -> Remembered:
    values: dict[str, Any] = {
        "scope": "key-1",
        "key": key,
        "fingerprint": "f",
        "at_ms": NOW_MS,
        "answer": {"status": 201},
    }
    return Remembered(**(values | changes))


def append(
    stream: str,
    *rows: Row,
    after: Outcome | None = None,
    entries: Iterable[Entry] | None = None,
    answers: Iterable[Remembered] = (),
) -> Append:
    """An append that follows `after` (the stream's beginning when there is none)."""
    assert after is None or isinstance(after, Appended), after
    head, previous = (after.seq, after.hash) if after else (0, GENESIS)
    given = tuple(entries) if entries is not None else (Entry(NOW_MS, "noted", {"b": 1, "a": [2, "ü"]}),)
    return Append(stream, head, previous, given, rows, tuple(answers))


def rows(table: str, *records: Record) -> tuple[Row, ...]:
    return tuple(Row(table, values) for values in records)
