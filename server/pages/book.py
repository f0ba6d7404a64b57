"""Choosing: the list of clinicians (P1), the times of one (P2), and the press on a time that holds it."""

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from urllib.parse import urlencode

from aiohttp import hdrs, web

from actors.refusals import Invalid, NotFound, OutcomeUnknown, SlotUnavailable, TooManyHolds, Unavailable
from server.booking.booking import Booking
from server.booking.catalogue import Clinic, Clinician, VisitType
from server.booking.holds import Wish
from server.booking.sessions import BookingSession
from server.pages import when
from server.pages.choices import Holding, KindsPage, Problem, Row, StartPage, TimesPage
from server.pages.grid import grid
from server.pages.messages import clinic_or_none_yet, tell
from server.pages.render import BOOKING, respond
from server.reading import read_form
from server.shield import SHIELD

MOST_OTHERS = 3  # other clinicians offered where one has nothing free; the full list is one press away
LONGEST_INSTANT = 11  # digits of a Unix time until the year 5138


def add_routes(router: web.UrlDispatcher) -> None:
    """The addresses of this file."""
    router.add_get("/", start)
    router.add_get("/book", start)
    router.add_get("/book/{clinician}", show_times)
    router.add_post("/book/{clinician}", press)


async def start(request: web.Request) -> web.Response:
    """P1. A clinic with one clinician goes straight to the times."""
    booking = request.app[BOOKING]
    clinic = await booking.catalogue.clinic()
    if clinic is None:
        return await tell(request, "no-clinic", status=503)
    if len(clinic.clinicians) == 1:
        raise web.HTTPSeeOther(f"/book/{clinic.clinicians[0].id}")
    now_ms = booking.clock.now_ms()
    today = when.local_date(now_ms // 1000, clinic.timezone)
    page = StartPage(
        clinic=clinic,
        rows=await _rows(booking, clinic.clinicians),
        now_ms=now_ms,
        today=today,
        horizon_end=_horizon_end(booking, today),
    )
    return respond(request, page)


async def show_times(request: web.Request) -> web.Response:
    """P2, or the choice of a kind of visit before it."""
    return await _times(request, request.query.get("visit_type"), _date(request.query.get("day", "")))


async def press(request: web.Request) -> web.Response:
    """Hold the pressed time and go on to the details; else the times again, saying why."""
    if not request.app[SHIELD].same_origin(request):
        return await tell(request, "foreign", status=403)
    form = await read_form(request)
    visit_type, pressed = form.get("visit_type") or None, form.get("start", "")
    if not (pressed.isascii() and pressed.isdigit() and len(pressed) <= LONGEST_INSTANT):
        return await _times(request, visit_type, None, Problem("nonsense"), 422)
    start = int(pressed)
    session = request.app[BOOKING].sessions.read_or_begin(request)
    try:
        return await _hold(request, session, start, visit_type)
    except SlotUnavailable as refusal:
        problem, status = Problem("taken", start, refusal.alternatives), 409
    except TooManyHolds as refusal:
        problem, status = Problem("too-many", start, until=refusal.until), 429
    except (Unavailable, OutcomeUnknown):
        # After an unknown outcome the time may be this session's: pressing again finds it.
        problem, status = Problem("busy", start), 503
    except (Invalid, NotFound):
        problem, status = Problem("nonsense"), 422
    response = await _times(request, visit_type, None, problem, status)
    request.app[BOOKING].sessions.keep(session, response)
    return response


async def _hold(
    request: web.Request, session: BookingSession, start: int, visit_type: str | None
) -> web.Response:
    booking = request.app[BOOKING]
    wish = Wish(
        clinician=request.match_info["clinician"],
        start=start,
        visit_type=visit_type,
        session=session.hash,
        address=booking.links.keyed("address", request.app[SHIELD].addresses.block(request)),
    )
    answer = await booking.holds.place(wish)
    assert answer.appointment is not None  # placing a hold always answers with it
    response = web.Response(status=303, headers={hdrs.LOCATION: f"/hold/{answer.appointment.id}"})
    booking.sessions.keep(session, response)
    return response


async def _times(
    request: web.Request, visit_type: str | None, day: date | None, problem: Problem | None = None, status: int = 200
) -> web.Response:
    booking = request.app[BOOKING]
    clinic, clinician = await asyncio.gather(
        clinic_or_none_yet(request), _clinician(booking, request.match_info["clinician"])
    )
    if clinician is None:
        return await tell(request, "unknown-clinician", status=404)
    kind = _visit_type(clinician, visit_type)
    if kind is None and clinician.visit_types:
        return respond(request, KindsPage(clinic=clinic, clinician=clinician), status)
    if day is None and problem is not None and problem.start:
        day = when.local_date(problem.start, clinician.timezone)
    page = await _times_page(request, clinic, clinician, kind, day, problem)
    response = respond(request, page, status)
    if problem is not None and problem.until:
        response.headers[hdrs.RETRY_AFTER] = str(max(1, problem.until - page.now_ms // 1000))
    return response


async def _times_page(
    request: web.Request,
    clinic: Clinic,
    clinician: Clinician,
    kind: VisitType | None,
    day: date | None,
    problem: Problem | None,
) -> TimesPage:
    booking = request.app[BOOKING]
    today = when.local_date(booking.clock.now_ms() // 1000, clinician.timezone)
    end = _horizon_end(booking, today)
    times = await booking.times.read(clinician.id, kind.id if kind else None, today, end)
    shown = grid(times.times, clinician.timezone, day)
    session = booking.sessions.read(request)
    others = (each for each in clinic.clinicians if each.id != clinician.id)
    query = [("visit_type", kind.id)] if kind else []
    return TimesPage(
        clinic=clinic,
        clinician=clinician,
        visit_type=kind,
        grid=shown,
        epoch=times.epoch,
        seq=times.seq,
        now_ms=times.now_ms,
        today=today,
        horizon_end=end,
        hold_minutes=max(1, booking.terms.hold_seconds // 60),
        days_url=f"/book/{clinician.id}?{urlencode([*query, ('day', '')])}",
        refresh_url=f"/book/{clinician.id}?{urlencode([*query, ('day', shown.day or '')])}",
        csrf=session.csrf if session else "",
        others=() if shown.bookable else await _others(booking, others),
        holding=await _holding(booking, session.hash) if session else None,
        problem=problem,
    )


async def _rows(booking: Booking, clinicians: Iterable[Clinician]) -> tuple[Row, ...]:
    return tuple(await asyncio.gather(*(_row(booking, clinician) for clinician in clinicians)))


async def _row(booking: Booking, clinician: Clinician) -> Row:
    types = clinician.visit_types
    return Row(
        id=clinician.id,
        name=clinician.name,
        full_name=clinician.full_name,
        about=clinician.about,
        timezone=clinician.timezone,
        # The page watches one kind of visit; the shortest is the one that fits wherever another does.
        visit_type=min(types, key=lambda each: each.minutes).id if types else None,
        ways=tuple(dict.fromkeys(each.way for each in types)),
        lengths=tuple(sorted({each.minutes for each in types} or {clinician.slot_minutes})),
        next_start=await booking.times.next_open(clinician.id),
    )


async def _others(booking: Booking, clinicians: Iterable[Clinician]) -> tuple[Row, ...]:
    """Those who have a free time, soonest first."""
    rows = [row for row in await _rows(booking, clinicians) if row.next_start is not None]
    return tuple(sorted(rows, key=lambda row: row.next_start or 0)[:MOST_OTHERS])


async def _holding(booking: Booking, session: str) -> Holding | None:
    held = booking.holds.of_session(session)
    if held is None:
        return None
    try:
        appointment = await booking.reading.appointment(held)
    except NotFound:
        return None
    return Holding(appointment.id, appointment.start, appointment.timezone)


async def _clinician(booking: Booking, key: str) -> Clinician | None:
    try:
        return await booking.catalogue.clinician(key)
    except NotFound:
        return None


def _visit_type(clinician: Clinician, key: str | None) -> VisitType | None:
    """The kind of visit asked for; one that is the only choice need not be asked for."""
    return clinician.visit_types[0] if len(clinician.visit_types) == 1 else clinician.visit_type(key)


def _horizon_end(booking: Booking, today: date) -> date:
    return today + timedelta(days=booking.terms.horizon_days)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
