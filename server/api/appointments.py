"""Appointments: read one, list them, confirm and cancel."""

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import Field

from actors.calendar.messages import Touch
from actors.calendar.state import appointment_from
from actors.command import Remember
from actors.journal import Record
from actors.refusals import ReasonRequired
from server.access import require
from server.answers import json_answer
from server.api import present
from server.api.call import Call
from server.api.holds import Told, answer, replay
from server.booking.details import Details
from server.fields import Body, Email, FilledText, Identifier, Instant, Name, Phone, QueryBetween, Text
from server.problems import Fault, malformed
from server.storage.queries import Wanted

MOST_NEEDS = 20
MOST_ROWS = 200
Shown = Literal["active", "all", "held", "confirmed", "cancelled", "expired", "completed", "no_show"]
ALL: Final = ("held", "confirmed", "cancelled", "expired", "completed", "no_show")


class ToldPatient(Body):
    """Who the patient is; `customer_id` comes from partners only."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None
    customer_id: Identifier | None = None


class Confirmation(Body):
    """`POST /appointments/{id}/confirm`."""

    patient: ToldPatient
    note: Text | None = None
    access_needs: Annotated[list[FilledText], Field(max_length=MOST_NEEDS)] | None = None
    for_other: bool = False


class Cancellation(Body):
    """`POST /appointments/{id}/cancel`; the patient never reads `staff_note`, only staff may write one."""

    reason: Text | None = None
    staff_note: Text | None = None


class WhichAppointments(Body):
    """The query of `GET /appointments`; `[from_, to)` on the start."""

    status: Shown = "active"
    clinician: Identifier | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    q: Name | None = None
    limit: Annotated[int, QueryBetween(1, MOST_ROWS)] = 50
    cursor: Identifier | None = None


async def get_appointment(call: Call) -> web.Response:
    """`GET /appointments/{id}`."""
    found = await call.held()
    return answer(call, await call.booking.reading.view(found.id), call.now_ms)


async def confirm(call: Call) -> web.Response:
    """`POST /appointments/{id}/confirm`: the holder, or staff on the phone."""
    found = await call.held()
    body = call.body(Confirmation, *_contact_faults(call))
    details = Details(
        name=body.patient.name,
        email=body.patient.email,
        phone=body.patient.phone,
        partner=call.credential.partner,
        customer_id=body.patient.customer_id,
        note=body.note,
        access_needs=tuple(body.access_needs or ()),
        for_other=body.for_other,
    )

    async def do(remember: Remember | None) -> Told:
        done = await call.booking.promises.confirm(
            found.id, details, call.by, remember=remember, version=call.version()
        )
        return await call.booking.reading.answered(done), done.at_ms

    view, at_ms = await call.booking.once.run(await call.remember(found.id), do, replay(call))
    links = call.booking.links
    named = view.appointment
    addresses = {"manage": links.manage(named), "join": links.join(named), "calendar": links.calendar(named)}
    return answer(call, view, at_ms, links=addresses)


async def cancel(call: Call) -> web.Response:
    """`POST /appointments/{id}/cancel`: the patient without a reason if they like, everybody else with one."""
    found = await call.held()
    is_staff = call.credential.is_at_least("staff")
    foreign = not is_staff and call.data.get("staff_note") is not None
    body = call.body(Cancellation, *([Fault("/staff_note", "is for staff only")] if foreign else []))
    if is_staff and not body.reason:
        raise ReasonRequired

    async def do(remember: Remember | None) -> Told:
        done = await call.booking.promises.cancel(
            found.id,
            body.reason,
            call.by,
            staff_note=body.staff_note,
            remember=remember,
            version=call.version(),
        )
        return await call.booking.reading.answered(done), done.at_ms

    view, at_ms = await call.booking.once.run(await call.remember(found.id), do, replay(call))
    return answer(call, view, at_ms)


async def list_appointments(call: Call) -> web.Response:
    """`GET /appointments`: by start, a page at a time."""
    query = call.query(WhichAppointments)
    after = _place(query.cursor)
    require(call.credential, "staff")
    if query.clinician is not None:
        await call.booking.times.require(query.clinician)
    wanted = Wanted(
        status="active" if query.status == "active" else ALL if query.status == "all" else (query.status,),
        now=call.now_ms // 1000,
        join_closes_after=call.booking.terms.join_closes_after_seconds,
        clinician=query.clinician,
        start_from=query.from_,
        start_before=query.to,
        text=query.q,
        limit=query.limit + 1,
        after=after,
    )
    rows = await _rows(call, wanted)
    views = await call.booking.reading.listed([appointment_from(row) for row in rows[: query.limit]])
    role = present.role_of(call.credential)
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    return json_answer(
        {
            "appointments": [present.appointment(one, role, call.booking.terms, call.now_ms) for one in views],
            "next_cursor": _cursor(last["start"], last["id"]) if last else None,
        }
    )


async def _rows(call: Call, wanted: Wanted) -> list[Record]:
    """The rows; holds whose time is over are written down as expired before they are shown."""
    queries = call.engine.storage.queries
    rows = await queries.appointments(wanted)
    lapsed = {row["clinician"] for row in rows if appointment_from(row).has_lapsed(call.now_ms)}
    if not lapsed:
        return rows
    for clinician in lapsed:
        await call.booking.calendars.ask(clinician, Touch())
    return await queries.appointments(wanted)


def _contact_faults(call: Call) -> Iterator[Fault]:
    told = call.data.get("patient")
    if not isinstance(told, dict):
        return
    if told.get("email") is None:
        if not call.credential.is_at_least("staff"):
            yield Fault("/patient/email", "is required")
        elif told.get("phone") is None:
            yield Fault("/patient/phone", "is required when there is no e-mail address")
    if told.get("customer_id") is not None and call.credential.scope != "partner":
        yield Fault("/patient/customer_id", "comes from the partner that made the hold only")


def _cursor(start: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{start}.{key}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        start, _, key = text.partition(".")
        return int(start[:15]), key
    except (binascii.Error, ValueError):
        raise malformed("Query: cursor is not one that was given out.") from None


