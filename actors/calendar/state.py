"""What a calendar holds in memory: live appointments, windows and terms. What may happen is in `rules.py`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from actors.calendar.availability import Slot, Window, Zone, day_slots

# Grids of that many (day, visit type) pairs are kept; about four visit types over the longest horizon.
GRIDS_KEPT = 2_000
HOUR_SECONDS = 3_600


class Status(StrEnum):
    """The six stored states. "Open" is derived from availability and never stored."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


LIVE = frozenset({Status.HELD, Status.CONFIRMED})


@dataclass(slots=True)
class Appointment:
    """One appointment as stored; the fields are the columns of its table. Instants are Unix seconds, `_ms` are not.

    `session` and `address` are keyed hashes; `note`, `access_needs`, `reason` and `staff_note` name rows of texts;
    `wall_start` is the promised local time in `timezone`; `links` is the rotation counter of the personal links.
    """

    id: str
    number: int
    reference: str
    clinician: str
    status: Status
    version: int
    visit_type: str | None
    start: int
    end: int
    timezone: str
    wall_start: str
    buffer_seconds: int
    expires_at: int | None
    created_at_ms: int
    updated_at_ms: int
    extensions: int = 0
    cause: str | None = None
    patient: str | None = None
    partner: str | None = None
    anonymous: int = 0
    session: str | None = None
    address: str | None = None
    reason: str | None = None
    note: str | None = None
    access_needs: str | None = None
    staff_note: str | None = None
    cancelled_by: str | None = None
    for_other: int = 0
    overlap: int = 0
    links: int = 0

    @property
    def is_live(self) -> bool:
        """Held or confirmed: occupies its interval."""
        return self.status in LIVE

    def has_lapsed(self, now_ms: int) -> bool:
        """Whether it is a hold whose time is over, whatever the timer has done: `now >= expires_at`."""
        return self.status is Status.HELD and now_ms >= (self.expires_at or 0) * 1000

    def copied(self) -> "Appointment":
        """The same values in another object."""
        return Appointment(*_values(self))

    def record(self) -> dict[str, Any]:
        """Its table row."""
        row = dict(zip(APPOINTMENT_FIELDS, _values(self)))  # noqa: B905 - of equal length by construction, on every hold
        row["status"] = self.status.value
        return row


APPOINTMENT_FIELDS = tuple(item.name for item in fields(Appointment))
_values = attrgetter(*APPOINTMENT_FIELDS)


def appointment_from(record: Mapping[str, Any]) -> Appointment:
    """The appointment of a table row."""
    values = {name: record[name] for name in APPOINTMENT_FIELDS}
    return Appointment(**(values | {"status": Status(record["status"])}))


@dataclass(frozen=True, slots=True)
class Terms:
    """The clinic's rules as this calendar applies them. The first three shape the open set and are rows in the log."""

    notice_seconds: int
    horizon_days: int
    visit_types: Mapping[str, int]  # id -> minutes, those that this clinician offers
    hold_seconds: int = 900
    extension_seconds: int = 300
    extensions: int = 10
    cancel_notice_seconds: int = 0
    join_opens_before_seconds: int = 600
    join_closes_after_seconds: int = 3600

    def offering(self, catalogue: Mapping[str, int], offered: Iterable[str] | None) -> "Terms":
        """The same terms with the visit types that a clinician offers; None offers all."""
        names = catalogue if offered is None else [name for name in offered if name in catalogue]
        return replace(self, visit_types={name: catalogue[name] for name in names})

    def shaping(self) -> dict[str, Any]:
        """What of the terms decides which starts are open, as plain JSON."""
        types = dict(sorted(self.visit_types.items()))
        return {"notice_seconds": self.notice_seconds, "horizon_days": self.horizon_days, "visit_types": types}


@dataclass(slots=True)
class Calendar:
    """One clinician's calendar in memory. Plain and mutable: a failed append throws it away."""

    id: str
    terms: Terms
    zone: Zone = field(default_factory=lambda: Zone("UTC"))
    slot_minutes: int = 30
    clinician: dict[str, Any] = field(default_factory=dict)  # its table row; empty until opened
    catalogue: Mapping[str, int] = field(default_factory=dict)  # all visit types of the clinic: id -> minutes
    windows: dict[str, Window] = field(default_factory=dict)
    window_rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    live: dict[str, Appointment] = field(default_factory=dict)
    recalled: dict[str, Appointment] = field(default_factory=dict)  # ended ones that this turn's commands name
    expiries: list[tuple[int, str]] = field(default_factory=list)  # a heap; entries that no longer hold are skipped
    _busy: dict[int, list[Appointment]] = field(default_factory=dict)  # by the hour in which they start
    _longest: int = 0  # seconds, of all that were live in this stay in memory
    _grids: dict[tuple[int, str | None], dict[int, Slot]] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the calendar exists at all."""
        return bool(self.clinician)

    def find(self, appointment: str) -> Appointment | None:
        """A live appointment, or an ended one that was recalled for this turn."""
        return self.live.get(appointment) or self.recalled.get(appointment)

    def offers(self, visit_type: str | None) -> bool:
        """Whether starts may be asked for with that visit type (none at all is always possible)."""
        return visit_type is None or visit_type in self.terms.visit_types

    def minutes(self, visit_type: str | None) -> int:
        """The length of a visit; without a type the clinician's own."""
        return self.terms.visit_types[visit_type] if visit_type else self.slot_minutes

    def grid(self, day: date, visit_type: str | None) -> Mapping[int, Slot]:
        """Every start that the windows make on a local date for a visit type, taken or not, in order."""
        key = (day.toordinal(), visit_type)
        slots = self._grids.get(key)
        if slots is None:
            if len(self._grids) >= GRIDS_KEPT:
                self._grids.clear()
            slots = {}
            if self.offers(visit_type):
                minutes = self.terms.visit_types[visit_type] if visit_type else None
                slots = {slot.start: slot for slot in self._starting_on(day, minutes)}
            self._grids[key] = slots
        return slots

    def _starting_on(self, day: date, minutes: int | None) -> list[Slot]:
        """Slots that begin on a local date: a gap before midnight moves an evening's last ones to the next."""
        zone, ordinal = self.zone, day.toordinal()
        if zone.is_plain(ordinal) and zone.is_plain(ordinal - 1):
            return day_slots(zone, self.windows.values(), day, minutes, self.slot_minutes)
        made = (date.fromordinal(ordinal - 1), day)
        found = [day_slots(zone, self.windows.values(), one, minutes, self.slot_minutes) for one in made]
        return [slot for slots in found for slot in slots if zone.day_of(slot.start) == day]

    def forget_grids(self) -> None:
        """After every change of windows, zone, lengths or visit types."""
        self._grids.clear()

    def conflicts(self, slot: Slot, now_ms: int, ignoring: str | None = None) -> Iterable[Appointment]:
        """Live appointments in the way of a slot: `s < e2 + b and s2 < e + b`, b the buffer of the slot's window."""
        since, until = slot.start - slot.buffer, slot.end + slot.buffer
        for hour in range((since - self._longest) // HOUR_SECONDS, until // HOUR_SECONDS + 1):
            for other in self._busy.get(hour, ()):
                if other.end > since and other.start < until and other.id != ignoring and not other.has_lapsed(now_ms):
                    yield other

    def occupy(self, appointment: Appointment) -> None:
        """A live appointment takes its interval."""
        self.live[appointment.id] = appointment
        self._longest = max(self._longest, appointment.end - appointment.start)
        self._busy.setdefault(appointment.start // HOUR_SECONDS, []).append(appointment)
        if appointment.expires_at is not None:
            self.watch_expiry(appointment)

    def watch_expiry(self, appointment: Appointment) -> None:
        """Note when a hold ends, at first and after every extension."""
        heappush(self.expiries, (appointment.expires_at or 0, appointment.id))

    def next_expiry(self) -> int | None:
        """The earliest `expires_at` of a hold; entries of holds that ended or were extended are dropped on the way."""
        while self.expiries:
            expires_at, name = self.expiries[0]
            hold = self.live.get(name)
            if hold is not None and hold.expires_at == expires_at:
                return expires_at
            heappop(self.expiries)
        return None

    def recall(self, appointment: Appointment) -> None:
        """An older appointment comes back into memory because a command names it."""
        if appointment.is_live:
            self.occupy(appointment)
        else:
            self.recalled[appointment.id] = appointment

    def vacate(self, appointment: Appointment) -> None:
        """An ended appointment leaves its interval; the record stays for the rest of the turn."""
        del self.live[appointment.id]
        hour = appointment.start // HOUR_SECONDS
        self._busy[hour] = [other for other in self._busy[hour] if other is not appointment]
        if not self._busy[hour]:
            del self._busy[hour]
        self.recalled[appointment.id] = appointment


def calendar_from(calendar: str, terms: Terms, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Calendar:
    """A calendar from its table rows (`Journal.load`); `terms` are the clinic's, without visit types."""
    state = Calendar(calendar, terms)
    state.catalogue = {row["id"]: row["minutes"] for row in rows.get("visit_types", ())}
    for row in rows.get("clinicians", ()):
        offered = row["visit_types"]
        parsed = {"visit_types": json.loads(offered) if offered else None, "adopted": json.loads(row["adopted"])}
        adopt_clinician(state, {**row, **parsed})
        # What the log says counts until other terms are adopted, by a row of their own.
        state.terms = replace(terms, **parsed["adopted"])
    for row in rows.get("windows", ()):
        state.windows[row["id"]] = window_from(row)
        state.window_rows[row["id"]] = dict(row)
    for row in rows.get("appointments", ()):
        state.occupy(appointment_from(row))
    return state


def adopt_clinician(state: Calendar, row: dict[str, Any]) -> None:
    """Take over a clinician's row: zone and length shape the grid."""
    state.clinician = row
    if state.zone.name != row["timezone"]:
        state.zone = Zone(row["timezone"])
    state.slot_minutes = row["slot_minutes"]
    state.forget_grids()


def window_from(row: Mapping[str, Any]) -> Window:
    """The window of a table row or of a log payload."""
    return Window(
        id=row["id"],
        weekday=row["weekday"],
        start_minute=row["start_minute"],
        end_minute=row["end_minute"],
        slot_minutes=row["slot_minutes"],
        buffer_minutes=row["buffer_minutes"],
        active=bool(row["active"]),
        valid_from=_day(row["valid_from"]),
        valid_until=_day(row["valid_until"]),
    )


def window_values(window: Window) -> dict[str, Any]:
    """A window as plain JSON, for rows and payloads."""
    return {
        "id": window.id,
        "weekday": window.weekday,
        "start_minute": window.start_minute,
        "end_minute": window.end_minute,
        "slot_minutes": window.slot_minutes,
        "buffer_minutes": window.buffer_minutes,
        "active": int(window.active),
        "valid_from": window.valid_from.isoformat() if window.valid_from else None,
        "valid_until": window.valid_until.isoformat() if window.valid_until else None,
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
