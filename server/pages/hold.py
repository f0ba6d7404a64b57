"""A held time and the details that make it an appointment (P3): confirm, keep, let go, change, hold again.

Every press sends the same fields, so that what was typed is kept whatever was pressed. A script may ask the
same addresses for JSON and then gets the state of the hold, or where to go.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import MultiDict

from actors.calendar.state import Appointment, Status
from actors.command import PATIENT
from actors.refusals import (
    HoldLapsed,
    Invalid,
    NotFound,
    OutcomeUnknown,
    PatientBusy,
    SlotUnavailable,
    TooManyHolds,
    TransitionInvalid,
    Unavailable,
)
from server.answers import json_answer
from server.booking.booking import Booking
from server.booking.details import Details
from server.booking.drafts import Draft
from server.booking.holds import Wish
from server.booking.reading import PlacedView
from server.booking.sessions import BookingSession
from server.pages.forms import ALL_CHIPS, CHIPS, Fault, draft_from, faults_from, faults_of, has_details
from server.pages.holding import Hold, HoldPage, hold_of
from server.pages.messages import clinic_or_none_yet, tell
from server.pages.nearby import look_around
from server.pages.render import BOOKING, FORMATS, respond
from server.pages.texts import lines
from server.pages.visits import lost
from server.pages.when import local_date
from server.reading import read_form
from server.shield import SHIELD

LONGEST_INSTANT = 11  # digits of a Unix time until the year 5138
ENDED_AS_A_HOLD = frozenset({Status.HELD, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class Own:
    """A hold, or what became of it, of the browser that asks."""

    booking: Booking
    session: BookingSession
    placed: PlacedView

    @property
    def appointment(self) -> Appointment:
        """The record."""
        return self.placed.view.appointment

    @property
    def is_held(self) -> bool:
        """Whether the time is kept now."""
        found = self.appointment
        return found.status is Status.HELD and not found.has_lapsed(self.booking.clock.now_ms())

    @property
    def is_more(self) -> bool:
        """Whether it became an appointment, which has a page of its own."""
        return self.appointment.status not in ENDED_AS_A_HOLD


Press = Callable[[web.Request, Own, MultiDict[str]], Awaitable[web.Response]]


def add_routes(router: web.UrlDispatcher) -> None:
    """The addresses of this file."""
    router.add_get("/hold/{id}", show)
    router.add_get("/hold/{id}/state", state)
    router.add_post("/hold/{id}", pressed(confirm))
    router.add_post("/hold/{id}/extend", pressed(extend))
    router.add_post("/hold/{id}/release", pressed(release))
    router.add_post("/hold/{id}/change", pressed(change))
    router.add_post("/hold/{id}/draft", pressed(keep_draft))


async def show(request: web.Request) -> web.Response:
    """The page of the hold, with what was typed before."""
    own = await _own(request)
    if own is None:
        return await lost(request, "hold")
    if own.is_more:
        raise web.HTTPSeeOther(_card(own))
    return await _page(request, own)


async def state(request: web.Request) -> web.Response:
    """The hold for the page's script."""
    own = await _own(request)
    if own is None:
        raise web.HTTPNotFound
    return json_answer(await _script_state(request, own))


def pressed(act: Press) -> Handler:
    """Guard a press: a page of ours sent it, for the sender's own hold. What was typed is kept first."""

    async def handler(request: web.Request) -> web.Response:
        if not request.app[SHIELD].same_origin(request):
            return await tell(request, "foreign", status=403)
        form = await read_form(request)
        own = await _own(request)
        if own is None:
            return await lost(request, "hold")
        if not own.booking.sessions.is_from_form(own.session, form.get("csrf", "")):
            return await tell(request, "foreign", status=403)
        if has_details(form):
            own.booking.drafts.keep(own.session.hash, draft_from(form))
        return await act(request, own, form)

    return handler


async def confirm(request: web.Request, own: Own, form: MultiDict[str]) -> web.Response:
    """Make it an appointment. Pressed twice, or sent again after a lost answer, it answers the same."""
    if "again" in form:
        return await _hold_again(request, own, form["again"])
    draft = draft_from(form)
    wrong = faults_of(draft)
    if own.is_held and wrong:
        return await _page(request, own, 422, draft=draft, wrong=wrong)
    if own.is_held:
        refused = await _promise(request, own, draft)
        if refused is not None:
            return refused
    elif not own.is_more:
        return await _page(request, own, 410, draft=draft)
    own.booking.drafts.drop(own.session.hash)
    return _go(request, f"{_card(own)}?new=1")


async def extend(request: web.Request, own: Own, form: MultiDict[str]) -> web.Response:
    """Keep the time longer; at the limit, or too late, the page simply shows how things stand."""
    try:
        await own.booking.holds.extend(own.appointment.id)
    except (HoldLapsed, TransitionInvalid):
        pass  # the state that is read next says so
    except (Unavailable, OutcomeUnknown):
        return await _busy(request, own)
    return await _show_again(request, own)


async def release(request: web.Request, own: Own, form: MultiDict[str]) -> web.Response:
    """Let the time go. From its own page to the card that says so, from the times back to the times."""
    try:
        await own.booking.holds.release(own.appointment.id)
    except (HoldLapsed, TransitionInvalid):
        pass
    except (Unavailable, OutcomeUnknown):
        return await _busy(request, own)
    return await _show_again(request, own) if has_details(form) else _go(request, _times(own))


async def change(request: web.Request, own: Own, form: MultiDict[str]) -> web.Response:
    """On to the times of that day; the hold stays until another is taken."""
    return _go(request, _times(own))


async def keep_draft(request: web.Request, own: Own, form: MultiDict[str]) -> web.Response:
    """The page was put away: its fields are kept by now."""
    return web.Response(status=204)


async def _own(request: web.Request) -> Own | None:
    booking = request.app[BOOKING]
    session = booking.sessions.read(request)
    if session is None:
        return None
    try:
        placed = await booking.reading.placed(request.match_info["id"])
    except NotFound:
        return None
    holder = placed.view.appointment.session or ""
    return Own(booking, session, placed) if hmac.compare_digest(holder, session.hash) else None


async def _promise(request: web.Request, own: Own, draft: Draft) -> web.Response | None:
    """Confirm; None when it is confirmed, else the page that says why not."""
    try:
        await own.booking.promises.confirm(own.appointment.id, _details(request, draft), PATIENT)
    except HoldLapsed:
        return await _page(request, await _again(request, own), 410, draft=draft)
    except Invalid as refusal:
        return await _page(request, own, 422, draft=draft, wrong=faults_from(refusal.faults))
    except PatientBusy:
        return await _page(request, own, 409, draft=draft, trouble="overlap")
    except TransitionInvalid:
        return _go(request, _card(own))
    except Unavailable:
        return await _busy(request, own)
    except OutcomeUnknown:
        return await _page(request, own, 503, draft=draft, trouble="unknown")
    return None


async def _hold_again(request: web.Request, own: Own, start: str) -> web.Response:
    """Hold the same time, or one near it, with the same kind of visit; what was typed is waiting there."""
    if own.is_more:
        return _go(request, _card(own))
    if own.is_held and start == str(own.appointment.start):
        return await _show_again(request, own)
    if not (start.isascii() and start.isdigit() and len(start) <= LONGEST_INSTANT):
        return await _page(request, own, 422, trouble="taken")
    try:
        answer = await own.booking.holds.place(_wish(request, own, int(start)))
    except (SlotUnavailable, Invalid, NotFound):
        return await _page(request, own, 409, trouble="taken")
    except TooManyHolds:
        return await _page(request, own, 429, trouble="too-many")
    except (Unavailable, OutcomeUnknown):
        return await _busy(request, own)
    assert answer.appointment is not None  # placing a hold always answers with it
    response = _go(request, f"/hold/{answer.appointment.id}")
    own.booking.sessions.keep(own.session, response)
    return response


def _wish(request: web.Request, own: Own, start: int) -> Wish:
    old = own.appointment
    address = own.booking.links.keyed("address", request.app[SHIELD].addresses.block(request))
    return Wish(
        clinician=old.clinician,
        start=start,
        visit_type=old.visit_type,
        partner=old.partner,
        session=own.session.hash,
        address=address,
    )


def _details(request: web.Request, draft: Draft) -> Details:
    asked = {"access": draft.access, "language": draft.access_language, "other": draft.access_other}
    return Details(
        name=draft.name,
        email=draft.email,
        phone=draft.phone or None,
        note=draft.note or None,
        access_needs=tuple(lines(request, "access_needs.txt", asked)),
        for_other=draft.who == "else",
    )


async def _busy(request: web.Request, own: Own) -> web.Response:
    return await _page(request, own, 503, trouble="busy")


async def _show_again(request: web.Request, own: Own) -> web.Response:
    """After a press: the hold as it is by now."""
    if _wants_json(request):
        return json_answer(await _script_state(request, await _again(request, own)))
    raise web.HTTPSeeOther(f"/hold/{own.appointment.id}")


async def _again(request: web.Request, own: Own) -> Own:
    return Own(own.booking, own.session, await own.booking.reading.placed(own.appointment.id))


async def _script_state(request: web.Request, own: Own) -> dict[str, object]:
    if own.is_more:
        return {"status": own.appointment.status.value, "location": _card(own)}
    return (await _hold(request, own)).script_state()


async def _page(
    request: web.Request,
    own: Own,
    status: int = 200,
    *,
    draft: Draft | None = None,
    wrong: list[Fault] | None = None,
    trouble: str = "",
) -> web.Response:
    hold = await _hold(request, own)
    page = HoldPage(
        clinic=await clinic_or_none_yet(request),
        hold=hold,
        draft=draft or own.booking.drafts.read(own.session.hash) or Draft(),
        csrf=own.session.csrf,
        chips=CHIPS.get(hold.way, ALL_CHIPS),
        wrong=tuple(wrong or ()),
        trouble=trouble,
    )
    response = respond(request, page, status)
    if status in (429, 503):
        response.headers[hdrs.RETRY_AFTER] = "1"
    return response


async def _hold(request: web.Request, own: Own) -> Hold:
    when, terms = request.app[FORMATS], own.booking.terms
    now_ms = own.booking.clock.now_ms()
    open_starts = () if own.is_held else await look_around(own.booking, own.appointment, now_ms)
    return hold_of(own.placed, terms, now_ms, open_starts, when)


def _card(own: Own) -> str:
    return f"/a/{own.booking.links.token('manage', own.appointment)}"


def _times(own: Own) -> str:
    found = own.appointment
    query = {"visit_type": found.visit_type} if found.visit_type else {}
    day = local_date(found.start, found.timezone)
    return f"/book/{found.clinician}?{urlencode(query | {'day': day.isoformat()})}"


def _go(request: web.Request, path: str) -> web.Response:
    if _wants_json(request):
        return json_answer({"location": path})
    return web.Response(status=303, headers={hdrs.LOCATION: path})


def _wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get(hdrs.ACCEPT, "")
