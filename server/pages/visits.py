"""What the pages of one appointment share: finding it by its link, and the facts that they tell."""

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from aiohttp import web

from actors.calendar.state import Appointment, Status
from actors.refusals import NotFound
from server.booking.catalogue import Clinic
from server.booking.links import Purpose
from server.booking.reading import PlacedView
from server.pages.messages import clinic_or_none_yet
from server.pages.render import BOOKING, FORMATS, PRIVATE, Page, initials, respond
from server.pages.ticket import WAY_BY_DEFAULT, Joining, Ticket, clock, joining
from server.pages.when import Formats, local_date


class Facts(TypedDict):
    """The fields of `AppointmentPage`."""

    clinic: Clinic
    ticket: Ticket
    joining: Joining | None
    is_over: bool
    held_until: str
    reason: str
    by_patient: bool
    phone_given: str
    join_url: str
    book_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentPage(Page):
    """Base of P4, P5 and the join page. `joining` is None where nobody joins in a browser."""

    cache: ClassVar[str] = PRIVATE

    ticket: Ticket
    joining: Joining | None
    is_over: bool  # the join window has closed
    held_until: str
    reason: str
    by_patient: bool
    phone_given: str
    join_url: str
    book_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPage(Page):
    """Nothing here, or nothing for this visitor: the two look the same. `what` is `appointment` or `hold`."""

    template: ClassVar[str] = "lost.html"
    cache: ClassVar[str] = PRIVATE

    what: str


async def by_link(request: web.Request, purpose: Purpose) -> PlacedView | None:
    """The appointment whose present token of that purpose stands in the address."""
    booking, token = request.app[BOOKING], request.match_info["token"]
    named = booking.links.named(token)
    if named is None:
        return None
    try:
        placed = await booking.reading.placed(named)
    except NotFound:
        return None
    return placed if booking.links.fits(purpose, token, placed.view.appointment) else None


async def lost(request: web.Request, what: str) -> web.Response:
    """The page for what does not exist or is not the visitor's."""
    return respond(request, LostPage(clinic=await clinic_or_none_yet(request), what=what), 404)


async def facts(request: web.Request, placed: PlacedView) -> Facts:
    """Everything that is told of an appointment, as it is now."""
    booking, when = request.app[BOOKING], request.app[FORMATS]
    found, patient = placed.view.appointment, placed.view.patient
    now_ms = booking.clock.now_ms()
    ticket = ticket_of(placed, status_of(found, now_ms), when)
    before, after = booking.terms.join_opens_before_seconds, booking.terms.join_closes_after_seconds
    window = joining(found.start, found.end, found.timezone, before, after, now_ms, when)
    return Facts(
        clinic=await clinic_or_none_yet(request),
        ticket=ticket,
        joining=window if ticket.way == "video" else None,
        is_over=window.face == "after",
        held_until=clock(found.expires_at, found.timezone, when) if found.expires_at else "",
        reason=placed.view.reason or "",
        by_patient=found.cancelled_by == "patient",
        phone_given=(patient.phone if patient else None) or "",
        join_url=booking.links.join(found),
        book_url=f"/book/{found.clinician}",
    )


def ticket_of(placed: PlacedView, status: str, when: Formats) -> Ticket:
    """The appointment as a ticket."""
    found, kind, patient = placed.view.appointment, placed.visit_type, placed.view.patient
    day = local_date(found.start, found.timezone)
    return Ticket(
        status=status,
        way=kind.way if kind else WAY_BY_DEFAULT,
        start=found.start,
        end=found.end,
        timezone=found.timezone,
        person=placed.clinician.full_name,
        initials=initials(placed.clinician.name),
        visit=kind.name if kind else "",
        patient=(patient.name if patient else None) or "",
        reference=found.reference,
        address=(kind.address if kind else None) or "",
        date_full=f"{when.date_long(day)} {day.year}",
    )


def status_of(found: Appointment, now_ms: int) -> str:
    """The state as it is now: a hold past its deadline has expired, whatever the timer has done."""
    return (Status.EXPIRED if found.has_lapsed(now_ms) else found.status).value
