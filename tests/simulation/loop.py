"""An event loop without time and chance: it never waits, and the order in which tasks step comes from a seed."""

import asyncio
import math
import random
import selectors
import warnings
from asyncio import Task
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

import aiohttp.connector
import async_solipsism
from async_solipsism import selector as solipsism_selector
from async_solipsism import socket as solipsism_socket

from actors.clock import SystemClock

T = TypeVar("T")

TICKS_A_MS = 1_000  # the loop's clock counts microseconds
MOST_STEPS_A_MOMENT = 200_000  # so many turns of the loop without time passing: nothing moves any more
SOCKET_BYTES = 64 * 1024
PEOPLES_PORT, VIEWERS_PORT = 40_000, 50_000

OWNER: ContextVar[str] = ContextVar("owner", default="server")
"""Whose task this is: `server`, unless the world or one of its people made it."""


class Livelock(RuntimeError):
    """The loop turns and turns, and time stands still."""


class _Ticks:
    """The loop's time in whole microseconds. A wait is rounded up: rounded to nothing it would never end."""

    resolution = 1e-6

    def __init__(self) -> None:
        self.ticks = 0

    def time(self) -> float:
        return self.ticks / 1_000_000

    def advance(self, delta: float) -> None:
        self.ticks += math.ceil(delta / self.resolution)


class _Selector(solipsism_selector.Selector):
    """The library's, looking at its sockets without detours: it does so at every turn of the loop."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = []
        for key in self._fd_to_key.values():
            socket, wanted = key.fd.socket, key.events
            if wanted == selectors.EVENT_READ and isinstance(socket, QuietSocket):
                queue = socket._read_queue
                if queue is None or queue._eof or queue._buffer:
                    ready.append((key, selectors.EVENT_READ))
                continue
            events = selectors.EVENT_READ if wanted & selectors.EVENT_READ and socket.read_ready() else 0
            if wanted & selectors.EVENT_WRITE and socket.write_ready():
                events |= selectors.EVENT_WRITE
            if events:
                ready.append((key, events))
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or timeout >= asyncio.base_events.MAXIMUM_SELECT_TIMEOUT:
            raise async_solipsism.SleepForeverError("nothing will ever happen any more")
        self.clock.advance(timeout)
        return []


class SimLoop(async_solipsism.EventLoop):
    """Only steps of tasks change places, and only among themselves: what a transport calls stays in order."""

    def __init__(self, seed: str, *, shuffles: bool = True) -> None:
        super().__init__()
        self.ticks = _Ticks()
        self._selector = _Selector(self.ticks)
        self._EventLoop__clock = self.ticks  # the library keeps it a second time
        self.trace = 0
        self._shuffles = shuffles
        self._order = random.Random(seed)
        self._steps_now, self._last_tick = 0, -1

    def note(self, *facts: object) -> None:
        """Add something that happened to the trace: two runs of one seed must have the same."""
        for fact in facts:
            number = fact if isinstance(fact, int) else int.from_bytes(str(fact).encode()[-16:], "big")
            self.trace = hash((self.trace, number))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        raise RuntimeError(f"a thread was asked for: {func}")

    def _run_once(self) -> None:
        self._watch_progress()
        if len(self._ready) > 1 and self._shuffles:
            self._permute()
        self.trace = hash((self.trace, len(self._ready), self.ticks.ticks))
        super()._run_once()

    def _permute(self) -> None:
        ready = self._ready
        places = [place for place, handle in enumerate(ready) if _is_step(handle)]
        if len(places) < 2:
            return
        handles = list(ready)
        mixed = places.copy()
        self._order.shuffle(mixed)
        for place, source in zip(places, mixed, strict=True):
            ready[place] = handles[source]

    def _watch_progress(self) -> None:
        if self.ticks.ticks != self._last_tick:
            self._last_tick, self._steps_now = self.ticks.ticks, 0
        self._steps_now += 1
        if self._steps_now > MOST_STEPS_A_MOMENT:
            raise Livelock(f"at {self.time():.6f} s: {[str(handle) for handle in self._ready][:5]}")


class SimClock(SystemClock):
    """Wall-clock time over the loop's; the timers are the real ones. It can be set forward, as after a suspend."""

    def __init__(self, loop: SimLoop, base_ms: int) -> None:
        self._ticks = loop.ticks
        self._base_ms = base_ms
        self._steps: list[tuple[int, int]] = []  # (loop's millisecond, how far in all it was set forward)

    def now_ms(self) -> int:
        passed = self._ticks.ticks // TICKS_A_MS
        return self._base_ms + passed + (self._steps[-1][1] if self._steps else 0)

    def step_forward(self, ms: int) -> None:
        """Set the clock: the loop's own time stands still meanwhile."""
        set_before = self._steps[-1][1] if self._steps else 0
        self._steps.append((self._ticks.ticks // TICKS_A_MS, set_before + ms))

    def seen_ms(self, seconds_ago: float) -> int:
        """What the clock showed so long ago by the loop's time."""
        passed = max(0, self._ticks.ticks // TICKS_A_MS - round(seconds_ago * 1000))
        return self._base_ms + passed + max((by for at, by in self._steps if at <= passed), default=0)


class Listener(solipsism_socket.ListenSocket):
    """The server's socket. It remembers its connections, so that a crash can break all of them.

    `capacity` is what lies unread between the server and a viewer before the server's writes have to wait.
    """

    def __init__(self, port: int, capacity: int = SOCKET_BYTES) -> None:
        super().__init__(("::1", port))
        self._capacity = capacity
        self._accepted: list[QuietSocket] = []

    def accept(self) -> tuple["QuietSocket", Any]:
        while self._queue and self._queue[0][0].done():
            self._queue.popleft()
        if not self._queue:
            raise BlockingIOError
        waiter, peer = self._queue.popleft()
        capacity = self._capacity if peer[1] == VIEWERS_PORT else SOCKET_BYTES
        there, here = solipsism_socket.Queue(capacity), solipsism_socket.Queue(SOCKET_BYTES)
        ours = QuietSocket(here, there, sockname=self._sockname, peername=peer)
        self._accepted.append(ours)
        waiter.set_result(QuietSocket(there, here, sockname=peer, peername=self._sockname))
        return ours, peer

    def break_all(self) -> None:
        """Nothing more comes through from either side; what the other side has not read yet it still can."""
        for accepted in self._accepted:
            if accepted._write_queue is not None:
                accepted.shutdown(2)


class QuietSocket(solipsism_socket.Socket):
    """A connected socket that lets its buffer size be set, to no effect: the listener has given it one."""

    def setsockopt(self, level: int, optname: int, value: int, optlen: int | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", async_solipsism.SolipsismWarning)
            super().setsockopt(level, optname, value, optlen)


class Network:
    """Stands in for the making of connections; while no server listens, it refuses them."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    async def connect(self, addr_infos: Any, **options: Any) -> QuietSocket:
        if self.listener is None or self.listener._queue is None:
            raise ConnectionRefusedError("nobody listens")
        owner = OWNER.get()
        port = VIEWERS_PORT if owner.startswith("viewer") else PEOPLES_PORT
        return await self.listener.make_connection((address_of(owner), port))


def address_of(owner: str) -> str:
    """Each person has a household of their own."""
    return f"2001:db8:{sum(owner.encode()):x}::1"


def simulate(seed: str, main: Callable[[SimLoop, Network], Coroutine[Any, Any, T]], *, shuffles: bool = True) -> T:
    """Run a world to its end on a loop of its own; afterwards nothing of it is left."""
    loop, network = SimLoop(seed, shuffles=shuffles), Network()
    happy_eyeballs = aiohttp.connector.aiohappyeyeballs.start_connection
    aiohttp.connector.aiohappyeyeballs.start_connection = network.connect
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(_as_world(main(loop, network)))
    finally:
        aiohttp.connector.aiohappyeyeballs.start_connection = happy_eyeballs
        _end(loop)
        asyncio.set_event_loop(None)


async def _as_world(main: Awaitable[T]) -> T:
    OWNER.set("world")
    return await main


def _end(loop: SimLoop) -> None:
    """After a failure tasks are left: end them without a word."""
    loop.set_exception_handler(lambda _, __: None)
    for _ in range(20):
        left = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
        if not left:
            break
        for task in left:
            task.cancel()
        try:
            loop.run_until_complete(asyncio.wait(left, timeout=30))
        except RuntimeError:
            break
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _is_step(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), Task)
