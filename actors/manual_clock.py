"""A clock that moves only when told to: for tests, and for writing a demo clinic's past."""

import heapq
from collections.abc import Callable
from itertools import count


class ManualClock:
    """Starts at a given time; `advance` and `set` fire the timers that became due, in order of their times."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._timers: list[tuple[int, int, _ManualTimer]] = []
        self._order = count()

    def now_ms(self) -> int:
        return self._now_ms

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> "_ManualTimer":
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (at_ms, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move forward; every timer on the way fires at its own time."""
        self.set(self._now_ms + round(seconds * 1000))

    def set(self, now_ms: int) -> None:
        """Jump to a time (backwards too: then nothing fires)."""
        while self._timers and self._timers[0][0] <= now_ms:
            at_ms, _, timer = heapq.heappop(self._timers)
            self._now_ms = max(self._now_ms, at_ms)
            timer.fire()
        self._now_ms = now_ms


class _ManualTimer:
    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
