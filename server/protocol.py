"""Below the middlewares: what happens before a request is one. Parse faults become problems.

The only file that knows how aiohttp's server is made inside; its test talks to it in raw bytes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError
from aiohttp.http_writer import HttpVersion10, HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from server.problems import Problem, Slug, malformed, problem_of_http

HEADER_SECONDS = 10.0  # an honest client sends its headers in one packet; aiohttp itself would wait for ever
KEEPALIVE_SECONDS = 30.0  # a person reads a page longer than this, a burst of requests is over sooner
LINGERING_SECONDS = 2.0  # how long a refused body is read away: the client sees the refusal and not a reset
_VERSIONS: Final = (HttpVersion11, HttpVersion10)

logger = logging.getLogger(__name__)


class HoldfastRunner(web.AppRunner):
    """Runs an application on our protocol. `headers` go on answers that the application never sees."""

    __slots__ = ("_protocol_options",)

    def __init__(
        self,
        app: web.Application,
        *,
        headers: Mapping[str, str] | None = None,
        header_seconds: float = HEADER_SECONDS,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
        lingering_seconds: float = LINGERING_SECONDS,
        shutdown_seconds: float = 10.0,
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_seconds)
        self._protocol_options: dict[str, Any] = {
            "headers": headers or {},
            "header_seconds": header_seconds,
            "keepalive_timeout": keepalive_seconds,
            "lingering_time": lingering_seconds,
        }

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return HoldfastServer(plain.request_handler, request_factory=plain.request_factory, **self._protocol_options)


class HoldfastServer(web.Server):
    """Makes one `HoldfastProtocol` a connection."""

    def __init__(self, handler: Callable[[Any], Awaitable[web.StreamResponse]], **options: Any) -> None:
        self._handler = handler
        request_factory = options.pop("request_factory")
        self._options = {
            "access_log": None,
            "auto_decompress": False,  # a small packed body can be a large one; nobody packs 64 KiB
            "debug": False,  # aiohttp shows tracebacks to the client in debug mode
            "tcp_keepalive": True,
            **options,
        }
        super().__init__(self._handle, request_factory=request_factory)

    def __call__(self) -> RequestHandler:
        return HoldfastProtocol(self, loop=self._loop, **self._options)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._handler(request)
        except web.HTTPException as error:  # raised outside of all middlewares: an Expect that nobody knows
            if error.status < 400:
                raise
            return problem_of_http(error).response()


class HoldfastProtocol(RequestHandler):
    """One connection: headers in time or the end, and no answer that is not ours."""

    __slots__ = ("_fixed_headers", "_header_seconds", "_header_timer")

    def __init__(
        self, server: web.Server, *, headers: Mapping[str, str], header_seconds: float, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._fixed_headers = headers
        self._header_seconds = header_seconds
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_headers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            self._forget_headers()
            self._refuse_odd_versions()
            self._break_unfinished_body()
        elif self._header_timer is None and data and self._waits_for_request():
            self._expect_headers()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never became a request, or to an error that no middleware caught."""
        if request.writer.output_size > 0 or (self.transport is None and isinstance(exc, ConnectionError)):
            raise ConnectionResetError("nobody can be told any more")
        if status < 500:
            logger.info("unreadable request: %s", type(exc).__name__)  # never its bytes: they can be anything
            response = malformed("This is not an HTTP request.").response()
        else:
            logger.error("unhandled error below the application", exc_info=exc)
            response = Problem(Slug.INTERNAL).response()
        response.headers.update(self._fixed_headers)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp's own complaints; a client that breaks off or breaks its body is no fault of ours."""
        error = kw.get("exc_info")
        if isinstance(error, RequestPayloadError | HttpProcessingError | ConnectionError):
            logger.info("broken request body: %s", type(error).__name__)
        else:
            logger.error(*args, **kw)

    def _refuse_odd_versions(self) -> None:
        """aiohttp takes HTTP/0.9 and HTTP/2.0 for real and answers in kind."""
        for position, (message, _) in enumerate(self._messages):
            if not isinstance(message, _ErrInfo) and message.version not in _VERSIONS:
                odd = BadStatusLine("odd version")
                self._messages[position] = (_ErrInfo(status=400, exc=odd, message=""), EMPTY_PAYLOAD)

    def _break_unfinished_body(self) -> None:
        """After a parse fault no more of a body comes; aiohttp would let its reader wait for the rest."""
        if not isinstance(self._messages[-1][0], _ErrInfo):
            return
        bodies = [body for message, body in self._messages if not isinstance(message, _ErrInfo)]
        if not bodies and self._current_request is not None:
            bodies = [self._current_request.content]
        if bodies and not bodies[-1].is_eof():
            bodies[-1].set_exception(RequestPayloadError("broken by what followed"))

    def _waits_for_request(self) -> bool:
        return self._waiter is not None and not self._upgraded

    def _expect_headers(self) -> None:
        self._header_timer = self._loop.call_later(self._header_seconds, self._headers_overdue)

    def _forget_headers(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_overdue(self) -> None:
        self._header_timer = None
        logger.debug("no complete header in time")
        self.force_close()
