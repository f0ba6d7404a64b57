"""The port for time: wall clock in milliseconds, and one kind of timer. Nothing else in `actors/` reads a clock."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

# A wall-clock deadline is re-checked at least this often, so that a clock that was set or a machine that slept
# is noticed in bounded time (the loop's own clock stands still in a suspend).
LONGEST_SLICE_SECONDS = 30.0


class Timer(Protocol):
    """An armed timer. Cancelling it twice, or after it fired, does nothing."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall-clock time in UTC and timers against it."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> Timer:
        """Call back once, never before `now_ms() >= at_ms`; a past time means the next turn of the loop."""


class SystemClock:
    """The machine's clock, with timers on the running event loop."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> Timer:
        return _SlicedTimer(self, at_ms, callback)


class _SlicedTimer:
    """Sleeps towards a wall-clock time in slices and looks at the wall clock again after each."""

    __slots__ = ("_at_ms", "_callback", "_clock", "_handle")

    def __init__(self, clock: Clock, at_ms: int, callback: Callable[[], None]) -> None:
        self._clock, self._at_ms, self._callback = clock, at_ms, callback
        self._handle: asyncio.TimerHandle | None = None
        self._arm()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        left = max(0.0, (self._at_ms - self._clock.now_ms()) / 1000)
        self._handle = asyncio.get_running_loop().call_later(min(left, LONGEST_SLICE_SECONDS), self._look)

    def _look(self) -> None:
        if self._clock.now_ms() >= self._at_ms:
            self._handle = None
            self._callback()
        else:
            self._arm()
