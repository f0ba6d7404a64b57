"""One session of `/live`: from the handshake to the undoing of every subscription."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from actors.calendar.messages import Watch
from actors.calendar.publish import Frame, Topic
from actors.refusals import NotFound, Refusal
from server.engine import Engine
from server.live.protocol import (
    Bad,
    Message,
    ProtocolFault,
    UnwatchTimes,
    WatchTimes,
    error_frame,
    frame,
    read,
)
from server.live.socket import WatcherSocket
from server.problems import Problem, Slug, retry_later
from server.shield import SHIELD

# Home routers cut quiet connections after a minute; aiohttp waits half of this for the answer.
PING_SECONDS = 20.0
# aiohttp's own limit, for rooms later; ours (protocol.MESSAGE_LIMIT) is smaller.
FRAME_LIMIT = 64 * 1024
SOCKETS_PER_ADDRESS = 200  # many patients behind one carrier's address, but not a flood
TOPICS_PER_SOCKET = 64  # the start page follows every clinician of a clinic
MESSAGES_A_SECOND = 50
TRY_AGAIN_LATER: Final = 1013  # RFC 6455's registry; aiohttp spells it so too
SERVICE_RESTART: Final = 1012
RETRY_SECONDS = 5
# For a peer's answer to our close; one that does not answer must not keep a stopping server.
CLOSE_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Live:
    """All sockets of a server."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.limited = engine.config.rate_limits
        self._sessions: set[LiveSession] = set()
        self._addresses: Counter[str] = Counter()
        self._closing = False

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._sessions)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The handler of `/live`."""
        _check_origin(request)
        if self._closing:
            raise retry_later(Slug.UNAVAILABLE, 1)
        address = request.app[SHIELD].addresses.block(request)
        if self.limited and self._addresses[address] >= SOCKETS_PER_ADDRESS:
            raise retry_later(Slug.RATE_LIMITED, RETRY_SECONDS)
        self._addresses[address] += 1
        try:
            return await self._serve(request)
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, compress=False, heartbeat=PING_SECONDS, max_msg_size=FRAME_LIMIT
        )
        if not ws.can_prepare(request):
            raise Problem(Slug.MALFORMED, "This address speaks WebSocket only.")
        await ws.prepare(request)
        session = LiveSession(self, ws, request)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            session.end()
        return ws

    async def close(self) -> None:
        """The server stops: 1012 tells every client to come back at once."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(session.close(SERVICE_RESTART, b"restart") for session in self._sessions))


class LiveSession:
    """One socket: reads messages, keeps the undo of every subscription."""

    def __init__(self, live: Live, ws: web.WebSocketResponse, request: web.Request) -> None:
        self._live = live
        self._engine = live.engine
        self._ws = ws
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        self._socket = WatcherSocket(transport, live.engine.clock)
        self._topics: set[Topic] = set()
        self._second = 0
        self._heard = 0

    async def run(self) -> None:
        """Until the peer goes or is sent away."""
        async for message in self._ws:
            if message.type is not WSMsgType.TEXT:
                await self.close(WSCloseCode.POLICY_VIOLATION, b"text frames only")
                return
            try:
                self._count()
                await self._handle(read(message.data))
            except Bad as fault:
                self._socket(error_frame(fault))
            except ProtocolFault as fault:
                logger.info("a live socket broke the protocol: %s", fault.reason)
                await self.close(fault.code, fault.reason.encode())
                return

    def end(self) -> None:
        """Undo every subscription."""
        for topic in self._topics:
            self._engine.audience.hub.unsubscribe(topic, self._socket)
        self._topics.clear()
        self._socket.close()

    async def close(self, code: int, reason: bytes) -> None:
        """Close the socket from this side; nothing may follow the closing frame."""
        self.end()
        await self._ws.close(code=code, message=reason)

    def _count(self) -> None:
        second = self._engine.clock.now_ms() // 1000
        if second != self._second:
            self._second, self._heard = second, 0
        self._heard += 1
        if self._live.limited and self._heard > MESSAGES_A_SECOND:
            raise ProtocolFault("too fast", TRY_AGAIN_LATER)

    async def _handle(self, message: Message) -> None:
        match message:
            case WatchTimes():
                await self._watch(message)
            case UnwatchTimes():
                self._unwatch(Topic(message.calendar, message.visit_type))

    async def _watch(self, message: WatchTimes) -> None:
        topic = Topic(message.calendar, message.visit_type)
        if self._live.limited and topic not in self._topics and len(self._topics) >= TOPICS_PER_SOCKET:
            raise Bad("watch", "too-many")
        self._topics.add(topic)
        question = Watch(message.visit_type, message.since, self._socket, self._deliver)
        try:
            await self._engine.booking.times.require(message.calendar)
            await self._engine.booking.calendars.ask(message.calendar, question)
        except NotFound:
            self._unwatch(topic)  # it may have been offered until now
            raise Bad("watch", "not-found") from None
        except Refusal:
            raise Bad("watch", "unavailable") from None

    def _unwatch(self, topic: Topic) -> None:
        self._topics.discard(topic)
        self._engine.audience.hub.unsubscribe(topic, self._socket)

    def _deliver(self, content: Frame) -> None:
        self._socket.answer(frame(content))


def _check_origin(request: web.Request) -> None:
    """A browser always sends Origin: a foreign one is refused, none at all is fine for what shows no cookie."""
    if hdrs.ORIGIN in request.headers:
        if not request.app[SHIELD].same_origin(request):
            raise Problem(Slug.FORBIDDEN, "This page may not open the socket.")
    elif request.cookies:
        raise Problem(Slug.FORBIDDEN, "A cookie needs an Origin.")
