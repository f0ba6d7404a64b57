"""One request of the API: what the edge has read before a handler runs, and the way from a handler to a route.

Faults are judged in the contract's order: size, syntax, credentials, route, existence, role, body, state.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from actors.calendar.messages import Touch
from actors.calendar.state import Appointment
from actors.command import By, Remember
from actors.refusals import Invalid
from server.access import Credential, credential_of, require_holder
from server.booking.booking import Booking
from server.engine import Engine
from server.fields import Body
from server.problems import Fault, unauthenticated
from server.reading import read_body, read_json, read_query, validate
from server.shield import SHIELD

PREFIX: Final = "/api/v1"
ENGINE: Final = web.AppKey("engine", Engine)
KEY_HEADER: Final = "Idempotency-Key"
LONGEST_KEY = 255
# Without a credential only the key itself keeps strangers from asking for somebody's answer.
SHORTEST_ANONYMOUS_KEY = 16
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OF_AN_APPOINTMENT: Final = re.compile(rf"{PREFIX}/appointments/[^/]+(/.*)?")
_CREDENTIAL: Final = web.RequestKey("credential", Credential)
_DATA: Final = web.RequestKey("data", dict[str, Any])
_QUERY: Final = web.RequestKey("query", Body)
_QUERIES: Final = web.AppKey("queries", dict[object, type[Body]])

Model = TypeVar("Model", bound=BaseModel)


class Nothing(Body):
    """A body without fields, a query without parameters."""


class Call:
    """A request as handlers see it: the use cases, who asks, and the parsed body."""

    __slots__ = ("booking", "credential", "engine", "now_ms", "request")

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.engine = request.app[ENGINE]
        self.booking: Booking = self.engine.booking
        self.credential = request[_CREDENTIAL]
        self.now_ms = self.engine.clock.now_ms()

    @property
    def by(self) -> By:
        """The actor of what this request does."""
        return self.credential.by

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    @property
    def data(self) -> dict[str, Any]:
        """The body as JSON, not yet judged."""
        return self.request[_DATA]

    def body(self, model: type[Model], *more: Fault) -> Model:
        """The body as a model; raises `validation` with every fault. Ask after existence and role are judged.

        `more` are faults that the model cannot see, found in `data`.
        """
        return validate(model, self.data, *more)

    def query(self, model: type[Model]) -> Model:
        """The query as the model that the table of routes names for this handler."""
        found = self.request[_QUERY]
        if not isinstance(found, model):
            raise TypeError(type(found).__name__)
        return found

    def version(self) -> int | None:
        """The version that `If-Match` names; `*` and none at all name every version."""
        header = self.request.headers.get(hdrs.IF_MATCH)
        if header is None or header.strip() == "*":
            return None
        digits = header.strip().removeprefix("W/").strip('"')
        return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else -1

    async def held(self) -> Appointment:
        """The appointment in the path, if whoever asks may know of it. Raises 404, or 401 without credentials."""
        if self.credential.is_anonymous:
            raise unauthenticated()
        found = await self.booking.reading.appointment(self.path("id"))
        require_holder(self.credential, found, self.booking.links)
        if found.has_lapsed(self.now_ms):  # its calendar is about to write that down
            await self.booking.calendars.ask(found.clinician, Touch())
            found = await self.booking.reading.appointment(found.id)
        return found

    async def remember(self, token_of: str | None = None) -> Remember | None:
        """Under which idempotency key the answer is kept. Authorisation was judged before."""
        key = self.request.headers.get(KEY_HEADER)
        if key is None:
            return None
        if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise Invalid(faults=(("", f"{KEY_HEADER} must have 1 to {LONGEST_KEY} printable characters"),))
        scope = f"appointment:{token_of}" if self.credential.token and token_of else self.credential.name
        if scope == "anonymous" and len(key) < SHORTEST_ANONYMOUS_KEY:
            detail = f"without credentials {KEY_HEADER} must have at least {SHORTEST_ANONYMOUS_KEY} characters"
            raise Invalid(faults=(("", detail),))
        return Remember(scope, key, self._fingerprint(await read_body(self.request)))

    def _fingerprint(self, body: bytes) -> str:
        """A keyed hash of method, path, query and body: it tells nothing of what was sent."""
        target = f"{self.request.method}\n{self.request.raw_path}\n".encode()
        return hmac.new(self.engine.secret, target + body, hashlib.sha256).hexdigest()


def nulls(data: Mapping[str, Any], never: Sequence[str]) -> list[Fault]:
    """The faults of a change that sets to null what always has a value."""
    return [Fault(f"/{name}", "must not be null") for name in never if name in data and data[name] is None]


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Size, syntax and credentials of every request under the API, known route or not."""
    path = request.path
    if not path.startswith(PREFIX):
        return await handler(request)
    request[_DATA] = await read_json(request) if request.method in _WITH_BODY else {}
    model = request.app[_QUERIES].get(request.match_info.handler)
    if model is not None:
        request[_QUERY] = read_query(request, model)
    engine = request.app[ENGINE]
    credential = await credential_of(request, engine.storage.queries)
    if credential.token is not None:
        if request.method in _WITH_BODY:
            # A made-up Bearer must not be a way around the limit on requests without credentials.
            request.app[SHIELD].charge(request)
        if not _OF_AN_APPOINTMENT.fullmatch(path):
            raise unauthenticated()
    request[_CREDENTIAL] = credential
    return await handler(request)


def setup(app: web.Application) -> None:
    """Prepare an application for routes of the API."""
    app.middlewares.append(edge)
    app[_QUERIES] = {}


def route(
    app: web.Application,
    method: str,
    path: str,
    handler: Callable[[Call], Awaitable[web.Response]],
    query: type[Body] = Nothing,
) -> None:
    """Serve a path below the prefix, with the parameters that it knows."""

    async def handle(request: web.Request) -> web.Response:
        return await handler(Call(request))

    app[_QUERIES][handle] = query
    app.router.add_route(method, PREFIX + path, handle)
    if method == "GET":
        app.router.add_route("HEAD", PREFIX + path, handle)
