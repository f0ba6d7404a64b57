"""One appointment by its personal link: the confirmed card and manage page (P4, P5), and its calendar file."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from actors.calendar.state import Appointment, Status
from server.answers import json_answer
from server.notify.ical import CONTENT_TYPE, Entry, calendar, uid
from server.pages.render import BOOKING, PRIVATE, respond
from server.pages.texts import lines
from server.pages.visits import AppointmentPage, by_link, facts, lost, status_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPage(AppointmentPage):
    """P4 and P5 in one. `new` changes what is said first; by `version` an open page sees that it is old."""

    template: ClassVar[str] = "card.html"

    new: bool
    version: str
    manage_url: str
    calendar_url: str


def add_routes(router: web.UrlDispatcher) -> None:
    """The addresses of this file."""
    router.add_get("/a/{token}", show)
    router.add_get("/a/{token}/calendar.ics", calendar_file)


async def show(request: web.Request) -> web.Response:
    """The card; with `?part=state` only what an open page needs to see whether it is still true."""
    placed = await by_link(request, "manage")
    if placed is None:
        return await lost(request, "appointment")
    booking, found = request.app[BOOKING], placed.view.appointment
    version = _version(found, booking.clock.now_ms())
    if request.query.get("part") == "state":
        return json_answer({"version": version})
    told = await facts(request, placed)
    page = CardPage(
        **told,
        new="new" in request.query and not told["is_over"],
        version=version,
        manage_url=booking.links.manage(found),
        calendar_url=booking.links.calendar(found),
    )
    return respond(request, page)


async def calendar_file(request: web.Request) -> web.Response:
    """The appointment for a calendar program: the same entry whenever it is fetched, changed or cancelled."""
    placed = await by_link(request, "calendar")
    if placed is None:
        return await lost(request, "appointment")
    links, found = request.app[BOOKING].links, placed.view.appointment
    told = await facts(request, placed)
    summary, *description = lines(request, "calendar.txt", told)
    entry = Entry(
        uid=uid(found.id, urlsplit(links.base_url).hostname or "localhost"),
        sequence=int(found.status is Status.CANCELLED),  # times cannot change yet
        status=told["ticket"].status,
        start=found.start,
        end=found.end,
        stamp=found.updated_at_ms // 1000,
        summary=summary,
        description="\n".join(description),
        location=told["ticket"].address,
        url=links.manage(found),
    )
    headers = {
        hdrs.CONTENT_TYPE: CONTENT_TYPE,
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="appointment-{found.reference}.ics"',
        hdrs.CACHE_CONTROL: PRIVATE,
    }
    return web.Response(body=calendar(entry).encode(), headers=headers)


def _version(found: Appointment, now_ms: int) -> str:
    return f"{found.version}-{status_of(found, now_ms)}"
