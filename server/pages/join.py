"""The join page: when joining opens, what to do then, that it is over. Looking at it never counts as arriving."""

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from server.pages.render import respond
from server.pages.visits import AppointmentPage, by_link, facts, lost


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPage(AppointmentPage):
    """The page behind a join link."""

    template: ClassVar[str] = "join.html"


def add_routes(router: web.UrlDispatcher) -> None:
    """The address of this file."""
    router.add_get("/j/{token}", show)


async def show(request: web.Request) -> web.Response:
    """What is true of joining now."""
    placed = await by_link(request, "join")
    if placed is None:
        return await lost(request, "appointment")
    return respond(request, JoinPage(**await facts(request, placed)))
