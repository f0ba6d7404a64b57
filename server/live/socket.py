"""One watcher's socket as the hub sees it: a guarded write, and the end of a consumer that cannot keep up."""

import asyncio
import os
import socket
from asyncio.trsock import TransportSocket

from actors.clock import Clock, Timer

# A watcher that has not read this much of the changes is too slow for live pages; it comes back with `since`.
MOST_PENDING_BYTES = 64 * 1024
# The snapshots of a page with many calendars; whoever asks for more without reading asks on purpose.
MOST_ANSWERED_BYTES = 1024 * 1024
STALLED_MS = 5_000
# The kernel would otherwise take megabytes for a client that reads nothing.
SEND_BUFFER_BYTES = 64 * 1024


class WatcherSocket:
    """A subscriber: called with whole frames. It never blocks and never raises.

    Frames go to the transport directly. aiohttp writes each of its own frames in one step, uncompressed ones
    whole, so that both may write to one connection.
    """

    __slots__ = (
        *("_allowance", "_clock", "_descriptor", "_is_closing", "_left", "_pending", "_stalled"),
        *("_transport", "_write"),
    )

    def __init__(self, transport: asyncio.Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._stalled: Timer | None = None
        self._allowance = MOST_PENDING_BYTES
        self._left = 0  # what would be pending now if nothing had left since the backlog was looked at
        # Called for every frame of every watcher.
        self._is_closing, self._write = transport.is_closing, transport.write
        self._pending = transport.get_write_buffer_size
        self._descriptor: int | None = None
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            plain = isinstance(raw, TransportSocket) and transport.get_extra_info("sslcontext") is None
            if plain and isinstance(raw.fileno(), int):  # a simulated socket is none of the kernel's
                self._descriptor = raw.fileno()

    def __call__(self, frame: bytes) -> None:
        if self._is_closing():
            return
        if self._descriptor is None or self._pending():
            self._write(frame)
        else:
            # What the transport would do itself, for a third less: this is most of what a change costs.
            try:
                sent = os.write(self._descriptor, frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._transport.abort()
                return
            if sent == len(frame):
                return
            self._write(frame[sent:])
        if self._pending():
            self._watch_backlog(len(frame))

    def answer(self, frame: bytes) -> None:
        """What the client asked for itself, a snapshot: however large, it is no sign of slowness."""
        pending = self._pending()
        if pending > MOST_ANSWERED_BYTES:
            self._transport.abort()
            return
        self._allowance = (self._allowance if pending else MOST_PENDING_BYTES) + len(frame)
        self(frame)

    def close(self) -> None:
        """The session is over."""
        if self._stalled is not None:
            self._stalled.cancel()

    def _watch_backlog(self, written: int) -> None:
        if self._pending() > self._allowance:
            self._transport.abort()
        elif self._stalled is None:
            self._look_later()
        else:
            self._left += written

    def _look_later(self) -> None:
        self._left = self._pending()
        self._stalled = self._clock.call_at(self._clock.now_ms() + STALLED_MS, self._look_again)

    def _look_again(self) -> None:
        """Five seconds on: nothing left for the client in all that time, or it goes on slowly."""
        self._stalled = None
        pending = self._pending()
        if not pending:
            self._allowance = MOST_PENDING_BYTES
        elif pending < self._left:
            self._look_later()
        else:
            self._transport.abort()
