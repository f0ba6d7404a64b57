"""The outermost layer of the application: security headers on every response, and every error as a problem.

One middleware and one signal; `protect` fastens both. Rights and content are judged further in.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDict, istr

from actors.clock import Clock
from actors.ids import Ids
from actors.refusals import Refusal
from actors.runtime.errors import wordless
from server.addresses import Addresses
from server.config import Config
from server.problems import Problem, Slug, problem_of_http, problem_of_refusal, retry_later
from server.rates import Rates
from server.reading import BROKEN_BODY

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HSTS_SECONDS = 365 * 86_400  # what browsers ask for before they take a host for https-only
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MACHINE_PATHS: Final = ("/api", "/live", "/healthz", "/readyz", "/metrics")
_CONTENT_SECURITY_POLICY: Final = istr("Content-Security-Policy")
_FRAME_OPTIONS: Final = istr("X-Frame-Options")
_STANDARD_PORTS: Final = {"http": ":80", "https": ":443"}

logger = logging.getLogger(__name__)

PageProblem = Callable[[web.Request, Problem], Awaitable[web.StreamResponse]]
PAGE_PROBLEM: Final = web.AppKey[PageProblem]("page_problem")
"""How an error looks to a person; without it pages answer with problem+json as well."""


class Shield:
    """Guards one application. `addresses` tells who asks, `same_origin` whether a page of ours sent it."""

    def __init__(self, config: Config, clock: Clock, ids: Ids, rates: Rates | None = None) -> None:
        self.addresses = Addresses(config.trusted_proxies)
        self._rates = (Rates(clock) if rates is None else rates) if config.rate_limits else None
        self._clock, self._ids = clock, ids
        self._base_host = _host_of(config.base_url or "")
        self._fixed = CIMultiDict(_fixed_headers(config))

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers of a response that brings none of its own: for answers from below the application."""
        own = {_CONTENT_SECURITY_POLICY: CSP, _FRAME_OPTIONS: "DENY", hdrs.CACHE_CONTROL: "no-store"}
        return MappingProxyType({**self._fixed, **own})

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turns every error into its answer; put it outermost."""
        try:
            self.addresses.watch(request)
            if request.method not in _SAFE_METHODS and not _shows_credentials(request):
                self.charge(request)
            return await handler(request)
        except Exception as error:
            return await self._answer(request, error)

    async def dress(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Adds the headers just before a response goes out: errors, files and WebSocket handshakes too.

        A handler may bring its own Cache-Control, and its own Content-Security-Policy, which then rules on
        framing as well.
        """
        headers = response.headers
        headers.update(self._fixed)
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        if _CONTENT_SECURITY_POLICY not in headers:
            headers[_CONTENT_SECURITY_POLICY] = CSP
            headers[_FRAME_OPTIONS] = "DENY"

    def charge(self, request: web.Request) -> None:
        """Count one state-changing request against its address; raises `rate-limited`.

        The middleware charges requests without credentials. Call it for those whose credentials are no live
        key or session, else a made-up one would be a way around the limit.
        """
        if self._rates is not None:
            wait_seconds = self._rates.take(self.addresses.block(request))
            if wait_seconds:
                raise retry_later(Slug.RATE_LIMITED, wait_seconds)

    def same_origin(self, request: web.BaseRequest) -> bool:
        """Whether a page of ours sent this, by Origin, else Sec-Fetch-Site, else Referer; none is no."""
        headers = request.headers
        origins = headers.getall(hdrs.ORIGIN, [])
        if origins:
            return len(origins) == 1 and self._is_ours(origins[0], request)
        site = headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in ("same-origin", "none")  # none: the person's own doing, a reload of a sent form
        return self._is_ours(headers.get(hdrs.REFERER, ""), request)

    def _is_ours(self, url: str, request: web.BaseRequest) -> bool:
        host = _host_of(url)
        if not host:
            return False
        scheme = url.partition(":")[0].lower()
        return host in (_without_port(request.headers.get(hdrs.HOST, ""), scheme), self._base_host)

    async def _answer(self, request: web.Request, error: Exception) -> web.StreamResponse:
        if isinstance(error, ConnectionError) and request.transport is None:
            raise error  # the client has gone: nobody to tell
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise error
        try:
            problem = self._problem(request, error)
        except Exception as defect:  # a refusal that has no problem, or none that can be written down
            problem = self._defect(request, defect)
        if problem.slug is not Slug.INTERNAL:
            # The one line that a refusal leaves: nothing of what was sent, not even the path.
            logger.info("refused %s %s: %d %s", request.method, _route(request), problem.status, problem.slug)
        if request.writer.output_size > 0:
            raise ConnectionResetError("the response had begun") from None
        return await self._render(request, problem)

    def _problem(self, request: web.Request, error: Exception) -> Problem:
        match error:
            case Problem():
                return error
            case Refusal():
                return problem_of_refusal(error, self._clock.now_ms())
            case web.HTTPException() if error.status < 500:
                return problem_of_http(error)
            case RequestPayloadError() | HttpProcessingError():
                return Problem(Slug.MALFORMED, BROKEN_BODY, closes=True)
            case _:
                return self._defect(request, error)

    def _defect(self, request: web.Request, error: Exception) -> Problem:
        incident = self._ids.new_id()
        logger.error("incident %s in %s %s", incident, request.method, _route(request), exc_info=wordless(error))
        return Problem(Slug.INTERNAL, members={"incident": incident})

    async def _render(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        page = None if _is_for_machines(request.path) else request.config_dict.get(PAGE_PROBLEM)
        if page is None:
            return problem.response()
        try:
            response = await page(request, problem)
        except Exception:
            logger.exception("the error page failed for %s", problem.slug)
            return problem.response()
        response.headers.update(problem.headers)
        if problem.closes:
            response.force_close()
        return response


SHIELD: Final = web.AppKey("shield", Shield)


def protect(app: web.Application, shield: Shield) -> None:
    """Fasten the shield to an application, outside of all its other middlewares."""
    app[SHIELD] = shield
    app.middlewares.insert(0, shield.middleware)
    app.on_response_prepare.append(shield.dress)


def _fixed_headers(config: Config) -> dict[str, str]:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Server": "Holdfast",
    }
    if config.is_https:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    return headers


def _shows_credentials(request: web.Request) -> bool:
    """Where credentials are checked further in, which charges the request if they are none."""
    return hdrs.AUTHORIZATION in request.headers and request.path.startswith("/api/")


def _host_of(url: str) -> str:
    """Host and port of an http(s) address in one spelling, or nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in _STANDARD_PORTS or "@" in parts.netloc:
        return ""
    return _without_port(parts.netloc, parts.scheme)


def _without_port(host: str, scheme: str) -> str:
    return host.lower().removesuffix(_STANDARD_PORTS.get(scheme, ""))


def _is_for_machines(path: str) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in _MACHINE_PATHS)


def _route(request: web.Request) -> str:
    """The pattern of the route, never the path: paths carry tokens."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no route)"
