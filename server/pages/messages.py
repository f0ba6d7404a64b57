"""Pages that only say something: an unknown clinician, a clinic without set-up, and every HTTP error to a person."""

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from server.booking.catalogue import Clinic
from server.pages.render import BOOKING, PRIVATE, Page, respond
from server.problems import Problem, Slug

# What stands at the head of a page while nobody has set the clinic up.
NO_CLINIC = Clinic("Holdfast", "UTC", "", "", "", "", (), ())
KINDS = {
    Slug.NOT_FOUND: "not-found",
    Slug.RATE_LIMITED: "rate-limited",
    Slug.TOO_MANY_HOLDS: "rate-limited",
    Slug.UNAVAILABLE: "busy",
    Slug.OUTCOME_UNKNOWN: "unknown-outcome",
    Slug.INTERNAL: "defect",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage(Page):
    """`kind` names the words in message.html."""

    template: ClassVar[str] = "message.html"
    cache: ClassVar[str] = PRIVATE

    kind: str


def add_routes(router: web.UrlDispatcher) -> None:
    """The addresses of this file."""
    router.add_get("/sign-in", sign_in)


async def sign_in(request: web.Request) -> web.Response:
    """Where the first administrator's link leads: the truth, until people can sign in."""
    return await tell(request, "sign-in", status=200)


async def tell(request: web.Request, kind: str, status: int) -> web.Response:
    """Answer with the page of that kind."""
    return respond(request, MessagePage(clinic=await clinic_or_none_yet(request), kind=kind), status)


async def page_problem(request: web.Request, problem: Problem) -> web.StreamResponse:
    """How an error looks to a person: what happened, whether anything was booked, what to do."""
    return await tell(request, KINDS.get(problem.slug, "refused"), problem.status)


async def clinic_or_none_yet(request: web.Request) -> Clinic:
    """The clinic, or a nameless one that lets a page be drawn."""
    return await request.config_dict[BOOKING].catalogue.clinic() or NO_CLINIC
