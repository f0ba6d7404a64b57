"""The table of the API's routes."""

from collections.abc import Mapping

from aiohttp import web

from server.api import appointments, availability, call, clinic, holds, slots
from server.fields import Body

ROUTES = (
    # aiohttp tries them in this order; a hold is what many patients send at once.
    ("POST", "/clinicians/{id}/holds", holds.place_hold),
    ("GET", "/clinic", clinic.get_clinic),
    ("GET", "/clinicians", clinic.list_clinicians),
    ("POST", "/clinicians", clinic.add_clinician),
    ("GET", "/clinicians/{id}", clinic.get_clinician),
    ("PATCH", "/clinicians/{id}", clinic.change_clinician),
    ("GET", "/clinicians/{id}/slots", slots.get_slots),
    ("GET", "/clinicians/{id}/availability", availability.list_windows),
    ("POST", "/clinicians/{id}/availability", availability.add_window),
    ("GET", "/availability/{id}", availability.get_window),
    ("PATCH", "/availability/{id}", availability.change_window),
    ("DELETE", "/availability/{id}", availability.remove_window),
    ("GET", "/visit-types", clinic.list_visit_types),
    ("POST", "/visit-types", clinic.add_visit_type),
    ("GET", "/visit-types/{id}", clinic.get_visit_type),
    ("GET", "/appointments", appointments.list_appointments),
    ("GET", "/appointments/{id}", appointments.get_appointment),
    ("POST", "/appointments/{id}/confirm", appointments.confirm),
    ("POST", "/appointments/{id}/cancel", appointments.cancel),
    ("POST", "/appointments/{id}/extend", holds.extend),
    ("POST", "/appointments/{id}/release", holds.release),
)


# What a route knows of a query; the others know no parameter.
QUERIES: Mapping[object, type[Body]] = {
    appointments.list_appointments: appointments.WhichAppointments,
    availability.list_windows: availability.WhichWindows,
    slots.get_slots: slots.WhichSlots,
}


def setup(app: web.Application) -> None:
    """Serve the API."""
    call.setup(app)
    app[slots.CACHE] = slots.SlotBodies()
    for method, path, handler in ROUTES:
        call.route(app, method, path, handler, QUERIES.get(handler, call.Nothing))
