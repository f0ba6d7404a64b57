"""One watcher's socket as the hub sees it: a guarded write, and the end of a consumer that cannot keep up."""

import asyncio
import socket

from actors.clock import Clock, Timer

# A watcher that has not read this much is too slow for live pages; it comes back with `since`.
MOST_PENDING_BYTES = 64 * 1024
STALLED_MS = 5_000
# The kernel would otherwise take megabytes for a client that reads nothing.
SEND_BUFFER_BYTES = 64 * 1024


class WatcherSocket:
    """A subscriber: called with whole frames. It never blocks and never raises.

    Frames go to the transport directly. aiohttp writes each of its own frames in one step, uncompressed ones
    whole, so that both may write to one connection.
    """

    __slots__ = ("_clock", "_stalled", "_transport")

    def __init__(self, transport: asyncio.Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._stalled: Timer | None = None
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def __call__(self, frame: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(frame)
        if transport.get_write_buffer_size():
            self._watch_backlog()

    def close(self) -> None:
        """The session is over."""
        if self._stalled is not None:
            self._stalled.cancel()

    def _watch_backlog(self) -> None:
        if self._transport.get_write_buffer_size() > MOST_PENDING_BYTES:
            self._transport.abort()
        elif self._stalled is None:
            self._stalled = self._clock.call_at(self._clock.now_ms() + STALLED_MS, self._look_again)

    def _look_again(self) -> None:
        """Still not empty after five seconds: what was written then has not been read."""
        self._stalled = None
        if self._transport.get_write_buffer_size():
            self._transport.abort()
