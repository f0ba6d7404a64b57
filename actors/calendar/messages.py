"""The closed vocabulary of a calendar: commands in the imperative, events in the past tense, and questions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from actors.calendar.availability import Window
from actors.command import By, Remember

STAFF = frozenset({"staff", "support", "admin", "clinician"})  # exempt from minimum notice; must give reasons


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text that stands in a table of its own; the log keeps `commitment(salt, text)` only."""

    id: str
    kind: str  # note, access_needs, reason, staff_note
    salt: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as told at confirmation. `certain`: known by a partner's customer id, or merged by support."""

    id: str
    salt: bytes
    name: str
    email: str | None
    phone: str | None
    partner: str | None = None
    customer_id: str | None = None
    certain: bool = False
    created_at_ms: int | None = None  # of a patient who came before


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries: who, and whether its answer is to be remembered."""

    by: By
    remember: Remember | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCalendar(Command):
    """Add a clinician: the first row of a calendar. `row` is the clinician's table row without `adopted`."""

    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCalendar(Command):
    """Change some columns of the clinician's row."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWindow(Command):
    """Add weekly hours. Overlap with another live window is refused at `/start_minute`."""

    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow(Command):
    """Change some fields of a window; also pauses and resumes. Bookings under it never move."""

    window: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWindow(Command):
    """Soft delete: the row stays with who and when."""

    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptTerms(Command):
    """Apply changed clinic rules: notice, horizon, visit types. A row only when the open set is touched."""

    terms: Any  # state.Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(Command):
    """Hold a start. `appointment`, `number` and `reference` are given, so that deciding stays pure.

    `replaces` is a hold of the same holder in this calendar that is let go in the same step.
    """

    appointment: str
    number: int
    reference: str
    start: int
    visit_type: str | None = None
    partner: str | None = None
    anonymous: bool = False
    capped: bool = True
    session: str | None = None
    address: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnAppointment(Command):
    """A command on an existing appointment; `version` is what `If-Match` named."""

    appointment: str
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold(OnAppointment):
    """Keep a hold longer by one extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold(OnAppointment):
    """Let a hold go. Twice is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(OnAppointment):
    """Make a hold an appointment. Twice answers the same; the second data are ignored."""

    patient: Patient
    note: Sealed | None = None
    access_needs: Sealed | None = None
    for_other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(OnAppointment):
    """Cancel a hold or an appointment; everyone but the patient must give a reason that the patient will read."""

    reason: Sealed | None = None
    staff_note: Sealed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete(OnAppointment):
    """The visit took place: from its start on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkNoShow(OnAppointment):
    """The patient did not come: only after the join window."""


@dataclass(frozen=True, slots=True)
class ReadTimes:
    """All starts of some local days, both included, that time still allows: open, held or taken."""

    visit_type: str | None
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class NextOpen:
    """The first open start of any visit type."""


@dataclass(frozen=True, slots=True)
class Since:
    """A client's position in a calendar's stream."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Follow the open set of one visit type. `deliver` gets the first frames in the step that subscribes."""

    visit_type: str | None
    since: Since | None
    subscriber: Callable[[bytes], None]
    deliver: Callable[[Any], None] = field(compare=False)  # takes publish.Frame


@dataclass(frozen=True, slots=True)
class Touch:
    """Come into memory and do what is due."""


@dataclass(frozen=True, slots=True)
class OfferVisitTypes:
    """The clinic's visit types as they are now: id -> minutes."""

    catalogue: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CalendarOpened:
    """The clinician's row, with the terms that shape the open set."""

    row: Mapping[str, Any]
    by: By


@dataclass(frozen=True, slots=True)
class CalendarChanged:
    """Some columns of the clinician's row, before and after."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    by: By


@dataclass(frozen=True, slots=True)
class TermsAdopted:
    """The shaping part of the terms, before and after."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WindowAdded:
    """A new weekly rule."""

    window: Window
    by: By


@dataclass(frozen=True, slots=True)
class WindowChanged:
    """A weekly rule before and after."""

    before: Window
    after: Window
    by: By


@dataclass(frozen=True, slots=True)
class WindowRemoved:
    """A weekly rule that no longer counts."""

    window: Window
    by: By


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    """open -> held."""

    appointment: str
    number: int
    reference: str
    visit_type: str | None
    start: int
    end: int
    timezone: str
    wall_start: str
    buffer_seconds: int
    expires_at: int
    partner: str | None
    anonymous: bool
    session: str | None
    address: str | None
    by: By


@dataclass(frozen=True, slots=True)
class HoldExtended:
    """held, for longer."""

    appointment: str
    expires_at: int
    by: By


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """held -> expired; `cause` is `timeout` or `released`."""

    appointment: str
    cause: str
    by: By


@dataclass(frozen=True, slots=True)
class AppointmentConfirmed:
    """held -> confirmed."""

    appointment: str
    patient: Patient
    note: Sealed | None
    access_needs: Sealed | None
    for_other: bool
    by: By


@dataclass(frozen=True, slots=True)
class AppointmentCancelled:
    """held or confirmed -> cancelled."""

    appointment: str
    reason: Sealed | None
    staff_note: Sealed | None
    by: By


@dataclass(frozen=True, slots=True)
class AppointmentClosed:
    """confirmed -> completed or no_show."""

    appointment: str
    status: str
    by: By


AvailabilityEvent = CalendarOpened | CalendarChanged | TermsAdopted | WindowAdded | WindowChanged | WindowRemoved
AppointmentEvent = (
    HoldPlaced | HoldExtended | HoldExpired | AppointmentConfirmed | AppointmentCancelled | AppointmentClosed
)
Event = AvailabilityEvent | AppointmentEvent
