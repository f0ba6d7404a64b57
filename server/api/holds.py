"""Placing a hold, keeping it longer and letting it go."""

from aiohttp import hdrs, web

from actors.calendar.messages import ExtendHold, OnAppointment, ReleaseHold
from actors.calendar.state import Appointment
from actors.command import Remember
from actors.journal import Record
from server.answers import json_answer
from server.api import present
from server.api.call import PREFIX, Call, Nothing
from server.booking.holds import Wish
from server.booking.reading import AppointmentView
from server.fields import Body, Identifier, Instant
from server.problems import Fault, Problem, Slug
from server.shield import SHIELD

Told = tuple[AppointmentView, int]  # a view, and the moment (ms) at which its actions were possible


class NewHold(Body):
    """`POST /clinicians/{id}/holds`."""

    start: Instant
    visit_type: Identifier | None = None
    partner: Identifier | None = None


async def place_hold(call: Call) -> web.Response:
    """`POST /clinicians/{id}/holds`: anybody may; the answer has the token that everything else needs."""
    clinician = call.path("id")
    await call.booking.times.require(clinician)
    foreign = call.data.get("partner") not in (None, call.credential.partner)
    body = call.body(NewHold, *([Fault("/partner", "is not a partner of this clinic")] if foreign else []))

    async def do(remember: Remember | None) -> Told:
        wish = Wish(
            clinician=clinician,
            start=body.start,
            visit_type=body.visit_type,
            by=call.by,
            partner=call.credential.partner,
            address=_address(call),
            remember=remember,
        )
        answer = await call.booking.holds.place(wish)
        return await call.booking.reading.answered(answer), answer.at_ms

    view, at_ms = await call.booking.once.run(await call.remember(), do, replay(call))
    found = view.appointment
    fields = {
        "appointment": present.appointment(view, present.role_of(call.credential), call.booking.terms, at_ms),
        "token": call.booking.links.token("manage", found),
    }
    headers = {hdrs.LOCATION: f"{PREFIX}/appointments/{found.id}", hdrs.ETAG: etag(found)}
    return json_answer(fields, 201, headers)


async def extend(call: Call) -> web.Response:
    """`POST /appointments/{id}/extend`."""
    found = await _own(call)
    call.body(Nothing)
    return await _carry_out(
        call, lambda remember: ExtendHold(by=call.by, remember=remember, appointment=found.id, version=call.version())
    )


async def release(call: Call) -> web.Response:
    """`POST /appointments/{id}/release`."""
    found = await _own(call)
    call.body(Nothing)
    return await _carry_out(
        call, lambda remember: ReleaseHold(by=call.by, remember=remember, appointment=found.id, version=call.version())
    )


def replay(call: Call):  # type: ignore[no-untyped-def]
    """How a remembered answer becomes a view again."""

    async def again(kept: Record, at_ms: int) -> Told:
        return await call.booking.reading.replayed(kept), at_ms

    return again


def etag(found: Appointment) -> str:
    """The entity tag of an appointment: its version."""
    return f'"{found.version}"'


def answer(call: Call, view: AppointmentView, at_ms: int, **more: object) -> web.Response:
    """`{appointment}` with its entity tag."""
    role = present.role_of(call.credential)
    fields = {"appointment": present.appointment(view, role, call.booking.terms, at_ms), **more}
    return json_answer(fields, headers={hdrs.ETAG: etag(view.appointment)})


async def _carry_out(call: Call, command) -> web.Response:  # type: ignore[no-untyped-def]
    async def do(remember: Remember | None) -> Told:
        said: OnAppointment = command(remember)
        done = await call.booking.holds.command(said)
        return await call.booking.reading.answered(done), done.at_ms

    view, at_ms = await call.booking.once.run(await call.remember(call.path("id")), do, replay(call))
    return answer(call, view, at_ms)


async def _own(call: Call) -> Appointment:
    """The hold of whoever shows its token; a key is not its holder."""
    found = await call.held()
    if call.credential.scope is not None:
        raise Problem(Slug.FORBIDDEN, "Only the holder's token can do this.")
    return found


def _address(call: Call) -> str | None:
    if call.credential.scope is not None:
        return None
    block = call.request.app[SHIELD].addresses.block(call.request)
    return call.booking.links.keyed("address", block)
