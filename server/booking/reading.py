"""An appointment with everything that stands around it, as last committed."""

import json
from dataclasses import dataclass

from actors.calendar.availability import Window, Zone
from actors.calendar.openness import covered
from actors.calendar.state import Appointment, appointment_from, window_from
from actors.calendar.turn import Answer
from actors.journal import Record
from actors.refusals import NotFound
from server.booking.catalogue import Catalogue, Clinician, VisitType
from server.storage.queries import Queries

Hours = tuple[Zone, list[Window]]  # a clinician's zone and windows as they are now


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as the patient and staff may see them; erased fields are None."""

    id: str
    name: str | None
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class AppointmentView:
    """One appointment with its texts. A held one has no patient."""

    appointment: Appointment
    patient: Person | None = None
    note: str | None = None
    reason: str | None = None
    staff_note: str | None = None
    access_needs: tuple[str, ...] = ()
    outside_hours: bool = False


@dataclass(frozen=True, slots=True)
class PlacedView:
    """A view together with the clinician and the visit type, as pages need it."""

    view: AppointmentView
    clinician: Clinician
    visit_type: VisitType | None


class Reading:
    """Reads appointments."""

    def __init__(self, queries: Queries, catalogue: Catalogue) -> None:
        self._queries = queries
        self._catalogue = catalogue

    async def appointment(self, key: str) -> Appointment:
        """The record alone; raises `NotFound`."""
        row = await self._queries.appointment(key)
        if row is None:
            raise NotFound
        return appointment_from(row)

    async def view(self, key: str) -> AppointmentView:
        """The appointment and all around it; raises `NotFound`."""
        found = await self.appointment(key)
        return await self.around(found, await self._outside_hours(found))

    async def placed(self, key: str) -> PlacedView:
        """As `view`, with clinician and visit type; raises `NotFound`."""
        view = await self.view(key)
        clinician = await self._catalogue.clinician(view.appointment.clinician)
        types = {one.id: one for one in await self._catalogue.visit_types()}
        return PlacedView(view, clinician, types.get(view.appointment.visit_type or ""))

    async def answered(self, answer: Answer) -> AppointmentView:
        """The view of an answer to a command: the record as it was then, with patient and texts joined in."""
        if answer.appointment is None:
            raise NotFound
        return await self.around(answer.appointment, answer.outside_hours)

    async def replayed(self, kept: Record) -> AppointmentView:
        """The view of a remembered answer."""
        return await self.around(appointment_from(kept["appointment"]), kept["outside_hours"])

    async def listed(self, found: list[Appointment]) -> list[AppointmentView]:
        """Views of a list, with one query a kind of thing."""
        people = await self._queries.patients({one.patient for one in found if one.patient})
        texts = await self._queries.texts({name for one in found for name in _texts(one)})
        hours = {one: await self._hours(one) for one in {a.clinician for a in found if a.is_live}}
        return [
            _view(one, people.get(one.patient or ""), texts, _is_outside(one, hours.get(one.clinician)))
            for one in found
        ]

    async def around(self, found: Appointment, outside_hours: bool) -> AppointmentView:
        """Join patient and texts to a record; a hold has neither, and costs no query."""
        person = await self._queries.patient(found.patient) if found.patient else None
        names = _texts(found)
        texts = await self._queries.texts(names) if names else {}
        return _view(found, person, texts, outside_hours)

    async def _outside_hours(self, found: Appointment) -> bool:
        return found.is_live and _is_outside(found, await self._hours(found.clinician))

    async def _hours(self, clinician: str) -> "Hours":
        row = await self._queries.clinician(clinician)
        windows = await self._queries.windows(clinician)
        return Zone(row["timezone"] if row else "UTC"), [window_from(window) for window in windows]


def _texts(found: Appointment) -> list[str]:
    return [name for name in (found.note, found.reason, found.staff_note, found.access_needs) if name]


def _view(
    found: Appointment, person: Record | None, texts: dict[str, str | None], outside_hours: bool
) -> AppointmentView:
    needs = texts.get(found.access_needs or "")
    return AppointmentView(
        appointment=found,
        patient=Person(person["id"], person["name"], person["email"], person["phone"]) if person else None,
        note=texts.get(found.note or ""),
        reason=texts.get(found.reason or ""),
        staff_note=texts.get(found.staff_note or ""),
        access_needs=tuple(json.loads(needs)) if needs else (),
        outside_hours=outside_hours,
    )


def _is_outside(found: Appointment, hours: Hours | None) -> bool:
    return hours is not None and found.is_live and not covered(*hours, found.start, found.end)
