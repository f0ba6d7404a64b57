"""What the runtime needs of time: the shape of a clock, and one timer that is seldom armed anew."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """An armed timer."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall-clock time and timers against it; `actors/clock.py` has one."""

    def now_ms(self) -> int: ...

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> Timer: ...


class Alarm:
    """Rings at the earliest time that it was set to, so perhaps too early: then look, and set it again.

    That costs less than to arm a timer anew after every turn.
    """

    __slots__ = ("_at_ms", "_callback", "_clock", "_timer")

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock, self._callback = clock, callback
        self._timer: Timer | None = None
        self._at_ms = 0

    def set(self, at_ms: int) -> None:
        """Ring at this time, or at the earlier one that is set already."""
        if self._timer is not None and self._at_ms <= at_ms:
            return
        self.cancel()
        self._at_ms = at_ms
        self._timer = self._clock.call_at(at_ms, self._ring)

    def cancel(self) -> None:
        """Do not ring."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _ring(self) -> None:
        self._timer = None
        self._callback()
