"""Records as the contract spells them. What a role may not see is left out here and nowhere else."""

from typing import Any, Literal

from actors.calendar.rules import possible_actions
from actors.calendar.state import Appointment, Status, Terms
from actors.journal import Record
from server.access import Credential
from server.booking.catalogue import Clinic, Clinician, VisitType
from server.booking.reading import AppointmentView
from server.fields import instant_text

Role = Literal["patient", "partner", "staff", "support"]


def role_of(credential: Credential) -> Role:
    """As whom a credential reads an appointment; support stands for administrators too."""
    if credential.is_at_least("support"):
        return "support"
    if credential.is_at_least("staff"):
        return "staff"
    return "partner" if credential.scope == "partner" else "patient"


def appointment(view: AppointmentView, role: Role, terms: Terms, now_ms: int) -> dict[str, Any]:
    """One appointment as a role may see it. Actions are those possible at `now_ms`."""
    found = view.appointment
    is_staff = role in ("staff", "support")
    fields: dict[str, Any] = {
        "id": found.id,
        "reference": found.reference,
        "status": found.status.value,
        "version": found.version,
        "clinician": found.clinician,
        "visit_type": found.visit_type,
        "start": instant_text(found.start),
        "end": instant_text(found.end),
        "timezone": found.timezone,
        "expires_at": _deadline(found),
        "room": None,
        "cause": found.cause,
        "reason": None if role == "partner" else view.reason,
        "outside_hours": view.outside_hours,
        "overlap": bool(found.overlap),
        "partner": found.partner,
        "created_at": instant_text(found.created_at_ms // 1000),
        "updated_at": instant_text(found.updated_at_ms // 1000),
        "actions": possible_actions(found, is_staff, terms, now_ms, role == "patient"),
        "patient": _patient(view),
        "access_needs": list(view.access_needs),
    }
    if role in ("patient", "support"):
        fields["note"] = view.note
    if is_staff:
        fields["staff_note"] = view.staff_note
        fields["attendance"] = None
    return fields


def clinic(found: Clinic) -> dict[str, Any]:
    """What everybody may know of the clinic."""
    return {
        "name": found.name,
        "timezone": found.timezone,
        "phone": found.phone,
        "help_hours": found.help_hours,
        "emergency_number": found.emergency_number,
        "urgent_notice": found.urgent_notice,
        "visit_types": [
            {"id": one.id, "name": one.name, "minutes": one.minutes, "way": one.way} for one in found.visit_types
        ],
        "clinicians": [
            {
                "id": one.id,
                "name": one.name,
                "title": one.title,
                "about": one.about,
                "timezone": one.timezone,
                "visit_types": [offered.id for offered in one.visit_types],
            }
            for one in found.clinicians
        ],
    }


def clinician(found: Clinician, email: str | None) -> dict[str, Any]:
    """A clinician for staff."""
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "about": found.about,
        "email": email,
        "timezone": found.timezone,
        "slot_minutes": found.slot_minutes,
        "visit_types": [one.id for one in found.visit_types],
    }


def visit_type(found: VisitType) -> dict[str, Any]:
    """A kind of visit."""
    return {
        "id": found.id,
        "name": found.name,
        "minutes": found.minutes,
        "way": found.way,
        "address": found.address,
    }


def availability(row: Record) -> dict[str, Any]:
    """A weekly window; a removed one says when and by whom."""
    removed = row["removed_at_ms"]
    return {
        "id": row["id"],
        "clinician": row["clinician"],
        "weekday": row["weekday"],
        "start_minute": row["start_minute"],
        "end_minute": row["end_minute"],
        "slot_minutes": row["slot_minutes"],
        "buffer_minutes": row["buffer_minutes"],
        "active": bool(row["active"]),
        "valid_from": row["valid_from"],
        "valid_until": row["valid_until"],
        "removed_at": instant_text(removed // 1000) if removed is not None else None,
        "removed_by": row["removed_by"],
    }


def _patient(view: AppointmentView) -> dict[str, Any] | None:
    person = view.patient
    if person is None:
        return None
    return {"id": person.id, "name": person.name, "email": person.email, "phone": person.phone}


def _deadline(found: Appointment) -> str | None:
    """Null unless held."""
    if found.status is not Status.HELD or found.expires_at is None:
        return None
    return instant_text(found.expires_at)
