"""What a calendar knows after an event: `apply(state, event, at_ms)`. Never refuses; what happened, happened."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from actors.calendar import messages as m
from actors.calendar.state import Appointment, Calendar, Status, adopt_clinician, window_values


def apply(state: Calendar, event: m.Event, at_ms: int) -> None:
    """Take one event into memory."""
    match event:
        case m.HoldPlaced():
            state.occupy(_held(state, event, at_ms))
        case m.HoldExtended():
            hold = _changed(state, event.appointment, at_ms)
            hold.expires_at = event.expires_at
            hold.extensions += 1
            state.watch_expiry(hold)
        case m.HoldExpired():
            hold = _changed(state, event.appointment, at_ms)
            hold.status, hold.cause = Status.EXPIRED, event.cause
            state.vacate(hold)
        case m.AppointmentConfirmed():
            _confirm(_changed(state, event.appointment, at_ms), event)
        case m.AppointmentCancelled():
            appointment = _changed(state, event.appointment, at_ms)
            appointment.status, appointment.cancelled_by = Status.CANCELLED, event.by.kind
            appointment.reason = event.reason.id if event.reason else None
            appointment.staff_note = event.staff_note.id if event.staff_note else appointment.staff_note
            state.vacate(appointment)
        case m.AppointmentClosed():
            appointment = _changed(state, event.appointment, at_ms)
            appointment.status = Status(event.status)
            state.vacate(appointment)
        case _:
            _apply_availability(state, event, at_ms)


def _apply_availability(state: Calendar, event: m.AvailabilityEvent, at_ms: int) -> None:
    match event:
        case m.CalendarOpened():
            adopt_clinician(state, {**event.row, "created_at_ms": at_ms, "updated_at_ms": at_ms})
            _adopt(state, event.row["adopted"])
        case m.CalendarChanged():
            adopt_clinician(state, {**state.clinician, **event.after, "updated_at_ms": at_ms})
        case m.TermsAdopted():
            adopt_clinician(state, {**state.clinician, "adopted": event.after, "updated_at_ms": at_ms})
            _adopt(state, event.after)
        case m.WindowAdded():
            row = {**window_values(event.window), "clinician": state.id, "created_at_ms": at_ms, "updated_at_ms": at_ms}
            state.windows[event.window.id] = event.window
            state.window_rows[event.window.id] = row | {"removed_at_ms": None, "removed_by": None}
        case m.WindowChanged():
            state.windows[event.after.id] = event.after
            state.window_rows[event.after.id] |= window_values(event.after) | {"updated_at_ms": at_ms}
        case m.WindowRemoved():
            del state.windows[event.window.id]
            row = state.window_rows[event.window.id]
            row |= {"removed_at_ms": at_ms, "removed_by": event.by.id or event.by.kind, "updated_at_ms": at_ms}
    state.forget_grids()


def _adopt(state: Calendar, shaping: Mapping[str, Any]) -> None:
    state.terms = replace(state.terms, **shaping)


def _held(state: Calendar, event: m.HoldPlaced, at_ms: int) -> Appointment:
    return Appointment(
        id=event.appointment,
        number=event.number,
        reference=event.reference,
        clinician=state.id,
        status=Status.HELD,
        version=1,
        visit_type=event.visit_type,
        start=event.start,
        end=event.end,
        timezone=event.timezone,
        wall_start=event.wall_start,
        buffer_seconds=event.buffer_seconds,
        expires_at=event.expires_at,
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
        partner=event.partner,
        anonymous=int(event.anonymous),
        session=event.session,
        address=event.address,
    )


def _confirm(appointment: Appointment, event: m.AppointmentConfirmed) -> None:
    appointment.status, appointment.expires_at = Status.CONFIRMED, None
    appointment.patient = event.patient.id
    appointment.note = event.note.id if event.note else None
    appointment.access_needs = event.access_needs.id if event.access_needs else None
    appointment.for_other = int(event.for_other)
    # The keyed hashes served the caps on holds only.
    appointment.address = None


def _changed(state: Calendar, appointment: str, at_ms: int) -> Appointment:
    found = state.live[appointment]
    found.version += 1
    found.updated_at_ms = at_ms
    return found
