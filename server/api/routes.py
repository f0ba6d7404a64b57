"""The table of the API's routes."""

from aiohttp import web

from server.api import appointments, availability, clinic, holds, slots
from server.api.call import edge, route

ROUTES = (
    ("GET", "/clinic", clinic.get_clinic),
    ("GET", "/clinicians", clinic.list_clinicians),
    ("POST", "/clinicians", clinic.add_clinician),
    ("GET", "/clinicians/{id}", clinic.get_clinician),
    ("PATCH", "/clinicians/{id}", clinic.change_clinician),
    ("GET", "/clinicians/{id}/slots", slots.get_slots),
    ("POST", "/clinicians/{id}/holds", holds.place_hold),
    ("GET", "/clinicians/{id}/availability", availability.list_windows),
    ("POST", "/clinicians/{id}/availability", availability.add_window),
    ("PATCH", "/availability/{id}", availability.change_window),
    ("DELETE", "/availability/{id}", availability.remove_window),
    ("GET", "/visit-types", clinic.list_visit_types),
    ("POST", "/visit-types", clinic.add_visit_type),
    ("GET", "/appointments", appointments.list_appointments),
    ("GET", "/appointments/{id}", appointments.get_appointment),
    ("POST", "/appointments/{id}/confirm", appointments.confirm),
    ("POST", "/appointments/{id}/cancel", appointments.cancel),
    ("POST", "/appointments/{id}/extend", holds.extend),
    ("POST", "/appointments/{id}/release", holds.release),
)


def setup(app: web.Application) -> None:
    """Serve the API."""
    app.middlewares.append(edge)
    app[slots.CACHE] = slots.SlotBodies()
    for method, path, handler in ROUTES:
        route(app, method, path, handler)
