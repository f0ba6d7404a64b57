"""Stories about a calendar's rules: `given(events).at(time).when(command).then(events)`, or `.refused(why)`.

Everything happens around Monday, 1 March 2027, in Berlin (UTC+1, no change of clocks near). Times are local:
`"09:00"` is that Monday, `"Tue 09:00"` the day after, seconds and milliseconds may follow.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actors.calendar import messages as m
from actors.calendar.availability import Window
from actors.calendar.evolve import apply
from actors.calendar.rules import decide
from actors.calendar.state import Appointment, Calendar, Status, Terms
from actors.command import PATIENT, By
from actors.refusals import Refusal

ZONE = "Europe/Berlin"
MONDAY = date(2027, 3, 1)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TYPES = {"short": 15, "half": 30, "long": 60}
TERMS = Terms(notice_seconds=1800, horizon_days=14, visit_types={}, hold_seconds=900)
STAFF, CLINICIAN, SUPPORT = By("staff", "key1"), By("clinician", "u1"), By("support", "u2")
ANNA = m.Patient("p-anna", b"salt-of-anna", "Anna Muster", "anna@example.org", "030 1234")


def ms(text: str) -> int:
    """Unix milliseconds of a local time."""
    day, _, clock = text.rpartition(" ")
    when = MONDAY + timedelta(days=WEEKDAYS.index(day) if day in WEEKDAYS else int(day or 0))
    parts = [int(part) for part in clock.replace(".", ":").split(":")]
    hour, minute, second, milli = (*parts, 0, 0)[:4]
    # 24:00 is the midnight that ends the day.
    wall = datetime(when.year, when.month, when.day, tzinfo=ZoneInfo(ZONE)) + timedelta(hours=hour, minutes=minute)
    return round(wall.timestamp()) * 1000 + second * 1000 + milli


def sec(text: str) -> int:
    """Unix seconds of a local time."""
    return ms(text) // 1000


def row(**changes: Any) -> dict[str, Any]:
    """A clinician's row as a calendar is opened with."""
    values = {"id": "cal", "name": "Ada Weiss", "title": "Dr", "email": "ada@example.org", "about": "Hears well."}
    values |= {"timezone": ZONE, "slot_minutes": 30, "visit_types": None, "salt": b"salt-of-ada", "position": 1}
    return values | changes


def hours(span: str = "09:00-12:00", *, name: str = "morning", day: str = "Mon", **more: Any) -> Window:
    """A weekly window."""
    first, last = (int(edge[:2]) * 60 + int(edge[3:]) for edge in span.split("-"))
    return Window(name, WEEKDAYS.index(day), first, last, **more)


def open_for(*spans: str, day: str = "Mon", **more: Any) -> list[m.Event]:
    """Windows of one weekday."""
    return [m.WindowAdded(hours(span, name=f"{day} {span}", day=day, **more), STAFF) for span in spans]


def held(
    name: str, at: str, minutes: int = 30, *, until: str = "23:00", anonymous: bool = False, **more: Any
) -> m.HoldPlaced:
    """A hold was placed."""
    facts: dict[str, Any] = {"number": abs(hash(name)) % 10**9, "reference": f"R-{name}", "visit_type": None}
    facts |= {"timezone": ZONE, "wall_start": f"2027-03-01T{at}", "buffer_seconds": 0, "partner": None}
    facts |= {"session": None, "address": None, "by": PATIENT} | more
    start = sec(at)
    return m.HoldPlaced(
        appointment=name, start=start, end=start + minutes * 60, expires_at=sec(until), anonymous=anonymous, **facts
    )


def confirmed(name: str, patient: m.Patient = ANNA) -> m.AppointmentConfirmed:
    """A hold was confirmed."""
    return m.AppointmentConfirmed(name, patient, None, None, False, PATIENT)


def booked(name: str, at: str, minutes: int = 30) -> list[m.Event]:
    """A time was held and confirmed."""
    return [held(name, at, minutes), confirmed(name)]


def cancelled(name: str) -> m.AppointmentCancelled:
    """An appointment was cancelled."""
    return m.AppointmentCancelled(name, None, None, PATIENT)


def closed(name: str, status: Status) -> m.AppointmentClosed:
    """An appointment was completed, or the patient did not come."""
    return m.AppointmentClosed(name, status.value, CLINICIAN)


def hold(at: str | int, name: str = "new", *, by: By = PATIENT, **more: Any) -> m.PlaceHold:
    """Hold a start."""
    start = at if isinstance(at, int) else sec(at)
    return m.PlaceHold(by=by, appointment=name, number=1, reference="K7-49Q", start=start, **more)


def confirm(name: str = "a", *, by: By = PATIENT, patient: m.Patient = ANNA, **more: Any) -> m.Confirm:
    """Confirm a hold."""
    return m.Confirm(by=by, appointment=name, patient=patient, **more)


def cancel(name: str = "a", reason: str | None = None, *, by: By = PATIENT, **more: Any) -> m.Cancel:
    """Cancel, with or without a reason."""
    sealed = None if reason is None else m.Sealed("t1", "reason", b"salt", reason)
    return m.Cancel(by=by, appointment=name, reason=sealed, **more)


class Story:
    """A calendar, a moment, and what came of the last command."""

    def __init__(self, state: Calendar) -> None:
        self.state = state
        self.now_ms = ms("08:00")
        self.events: list[m.Event] = []
        self.refusal: Refusal | None = None

    def at(self, time: str) -> "Story":
        """Move the clock."""
        self.now_ms = ms(time)
        return self

    def when(self, command: m.Command) -> "Story":
        """Give a command; what it leads to happens."""
        self.events, self.refusal = [], None
        try:
            self.events = decide(self.state, command, self.now_ms)
        except Refusal as refusal:
            self.refusal = refusal
        for event in self.events:
            apply(self.state, event, self.now_ms)
        return self

    def then(self, *events: m.Event | type[m.Event]) -> "Story":
        """Exactly these events came of it; a type stands for any event of it."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert len(self.events) == len(events), self.events
        pairs = zip(events, self.events, strict=True)
        wanted = [type(found) if isinstance(event, type) else found for event, found in pairs]
        assert wanted == list(events)
        return self

    def nothing(self) -> "Story":
        """It was fine and changed nothing."""
        return self.then()

    def refused(self, why: type[Refusal], **facts: Any) -> "Story":
        """It was refused for that reason, with these facts, and nothing happened."""
        assert type(self.refusal) is why, self.refusal or self.events
        assert {name: getattr(self.refusal, name) for name in facts} == facts
        return self

    def faults(self, *pointers: str) -> "Story":
        """It was refused as wrong in these places."""
        found = getattr(self.refusal, "faults", ())
        assert tuple(pointer for pointer, _ in found) == pointers, self.refusal or self.events
        return self

    def appointment(self, name: str = "a") -> Appointment:
        """The appointment as it is now."""
        found = self.state.find(name)
        assert found is not None
        return found


def given(*events: m.Event | list[m.Event], types: Mapping[str, int] = TYPES, **terms: Any) -> Story:
    """A calendar in which these events happened; keywords change the clinic's terms.

    Opened with windows on Monday morning where the events open none.
    """
    flat = [one for event in events for one in (event if isinstance(event, list) else [event])]
    state = Calendar("cal", replace(TERMS, **terms), catalogue=dict(types))
    if not any(isinstance(event, m.CalendarOpened) for event in flat):
        opened = m.OpenCalendar(by=STAFF, row=row())
        flat = [*decide(state, opened, ms("00:00")), *flat]
    if not any(isinstance(event, m.WindowAdded) for event in flat):
        flat = [flat[0], m.WindowAdded(hours(), STAFF), *flat[1:]]
    for event in flat:
        apply(state, event, ms("00:00"))
    return Story(state)
