"""What the journal gets of a turn: one log row an event, and the final image of every table row that it touched."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from actors.calendar import messages as m
from actors.calendar.state import Appointment, Calendar, Status, window_values
from actors.command import SYSTEM, By
from actors.journal import Entry, Record, Row, commitment

# Columns of a clinician's row that are personal: the log keeps a commitment to them, never the words.
PERSONAL = ("name", "title", "email", "about")


def entry(state: Calendar, event: m.Event, at_ms: int) -> Entry:
    """The log row of an event that was applied to `state` just now."""
    match event:
        case m.HoldPlaced():
            return Entry(at_ms, KINDS[m.HoldPlaced], _placed(event), subject=event.appointment)
        case m.HoldExtended():
            facts = _arrow("extend", "held", "held", event.by) | {"expires_at": event.expires_at}
        case m.HoldExpired():
            action = "release" if event.cause == "released" else "expire"
            facts = _arrow(action, "held", "expired", event.by) | {"cause": event.cause}
        case m.AppointmentConfirmed():
            facts = _arrow("confirm", "held", "confirmed", event.by) | _promised(event)
        case m.AppointmentCancelled():
            facts = _cancelled(state, event)
        case m.AppointmentClosed():
            action = "complete" if event.status == Status.COMPLETED else "no-show"
            facts = _arrow(action, "confirmed", event.status, event.by)
        case _:
            return Entry(at_ms, KINDS[type(event)], _availability_facts(state, event))
    named = _appointment(state, event.appointment)
    facts |= {"appointment": named.id, "start": named.start, "end": named.end}
    return Entry(at_ms, KINDS[type(event)], facts, subject=named.id)


def rows(state: Calendar, events: Iterable[m.Event]) -> list[Row]:
    """The table rows that the events touched, each once, as they are now."""
    images: dict[tuple[str, str], Row] = {}
    for event in events:
        for row in _rows(state, event):
            images[(row.table, row.values["appointment" if row.table == "claims" else "id"])] = row
    return list(images.values())


def clinician_record(row: Mapping[str, Any]) -> Record:
    """A clinician's row as the table keeps it: lists and maps as canonical JSON."""
    offered = row["visit_types"]
    return {
        **row,
        "visit_types": None if offered is None else _json(list(offered)),
        "adopted": _json(row["adopted"]),
    }


def _rows(state: Calendar, event: m.Event) -> list[Row]:
    match event:
        case m.WindowAdded() | m.WindowRemoved():
            return [Row("windows", dict(state.window_rows[event.window.id]))]
        case m.WindowChanged():
            return [Row("windows", dict(state.window_rows[event.after.id]))]
        case m.CalendarOpened() | m.CalendarChanged() | m.TermsAdopted():
            return [Row("clinicians", clinician_record(state.clinician))]
    appointment = _appointment(state, event.appointment)
    found = [Row("appointments", appointment.record()), Row("claims", _claim(appointment, event))]
    match event:
        case m.AppointmentConfirmed():
            found.append(Row("patients", _patient(event.patient, appointment)))
            found.extend(_text(sealed, appointment) for sealed in (event.note, event.access_needs) if sealed)
        case m.AppointmentCancelled():
            found.extend(_text(sealed, appointment) for sealed in (event.reason, event.staff_note) if sealed)
    return found


def _claim(appointment: Appointment, event: m.Event) -> Record:
    # Two bookings of one certain patient may not overlap; of others nobody knows whether they are one person.
    is_certain = isinstance(event, m.AppointmentConfirmed) and event.patient.certain
    return {
        "appointment": appointment.id,
        "clinician": appointment.clinician,
        "start": appointment.start,
        "end": appointment.end,
        "live": int(appointment.is_live),
        "overlap": appointment.overlap,
        "patient": appointment.patient if is_certain else None,
    }


def _patient(patient: m.Patient, appointment: Appointment) -> Record:
    return {
        "id": patient.id,
        "salt": patient.salt,
        "name": patient.name,
        "email": patient.email,
        "phone": patient.phone,
        "partner": patient.partner,
        "customer_id": patient.customer_id,
        "certain": int(patient.certain),
        "created_at_ms": patient.created_at_ms or appointment.updated_at_ms,
    }


def _text(sealed: m.Sealed, appointment: Appointment) -> Row:
    values = {"id": sealed.id, "appointment": appointment.id, "kind": sealed.kind}
    return Row("texts", values | {"salt": sealed.salt, "text": sealed.text})


def _arrow(action: str, before: str, after: str, by: By) -> dict[str, Any]:
    return {"action": action, "from": before, "to": after, "by": _by(by)}


def _by(by: By) -> dict[str, Any]:
    return {"kind": by.kind, "id": by.id}


def _placed(event: m.HoldPlaced) -> dict[str, Any]:
    return {
        "action": "hold",
        "from": "open",
        "to": "held",
        "by": _by(event.by),
        "appointment": event.appointment,
        "start": event.start,
        "end": event.end,
        "number": event.number,
        "reference": event.reference,
        "visit_type": event.visit_type,
        "timezone": event.timezone,
        "wall_start": event.wall_start,
        "buffer_seconds": event.buffer_seconds,
        "expires_at": event.expires_at,
        "partner": event.partner,
        "anonymous": event.anonymous,
    }


def _promised(event: m.AppointmentConfirmed) -> dict[str, Any]:
    patient = event.patient
    # A partner's customer comes again, perhaps under another name: the log commits to what never changes.
    known = [patient.customer_id] if patient.certain else [patient.name, patient.email, patient.phone]
    told = _json(known)
    return {
        "patient": {"id": patient.id, "commitment": commitment(patient.salt, told), "certain": patient.certain},
        "note": _sealed(event.note),
        "access_needs": _sealed(event.access_needs),
        "for_other": event.for_other,
    }


def _cancelled(state: Calendar, event: m.AppointmentCancelled) -> dict[str, Any]:
    named = _appointment(state, event.appointment)
    before = "confirmed" if named.expires_at is None else "held"
    texts = {"reason": _sealed(event.reason), "staff_note": _sealed(event.staff_note)}
    return _arrow("cancel", before, "cancelled", event.by) | texts


def _sealed(sealed: m.Sealed | None) -> dict[str, str] | None:
    return {"id": sealed.id, "commitment": commitment(sealed.salt, sealed.text)} if sealed else None


def _availability_facts(state: Calendar, event: m.AvailabilityEvent) -> dict[str, Any]:
    match event:
        case m.CalendarOpened():
            return {"after": _public(state, event.row), "by": _by(event.by)}
        case m.CalendarChanged():
            return {"before": _public(state, event.before), "after": _public(state, event.after), "by": _by(event.by)}
        case m.TermsAdopted():
            return {"before": dict(event.before), "after": dict(event.after), "by": _by(SYSTEM)}
        case m.WindowAdded():
            return {"after": window_values(event.window), "by": _by(event.by)}
        case m.WindowChanged():
            both = {"before": window_values(event.before), "after": window_values(event.after)}
            return both | {"by": _by(event.by)}
        case m.WindowRemoved():
            return {"before": window_values(event.window), "by": _by(event.by)}


def _public(state: Calendar, row: Mapping[str, Any]) -> dict[str, Any]:
    """A clinician's columns for the log: commitments instead of the personal ones, no salt."""
    salt = state.clinician["salt"]
    facts = {name: value for name, value in row.items() if name not in PERSONAL and name != "salt"}
    return facts | {name: commitment(salt, row[name] or "") for name in PERSONAL if name in row}


def _appointment(state: Calendar, appointment: str) -> Appointment:
    found = state.find(appointment)
    if found is None:  # an event that was applied names an appointment in memory
        raise LookupError(appointment)
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


KINDS: dict[type, str] = {
    m.HoldPlaced: "hold_placed",
    m.CalendarOpened: "calendar_opened",
    m.CalendarChanged: "calendar_changed",
    m.TermsAdopted: "terms_adopted",
    m.WindowAdded: "window_added",
    m.WindowChanged: "window_changed",
    m.WindowRemoved: "window_removed",
    m.HoldExtended: "hold_extended",
    m.HoldExpired: "hold_expired",
    m.AppointmentConfirmed: "appointment_confirmed",
    m.AppointmentCancelled: "appointment_cancelled",
    m.AppointmentClosed: "appointment_closed",
}
