"""One timer that is seldom armed anew."""

from collections.abc import Callable

from actors.manual_clock import ManualClock
from actors.runtime.alarm import Alarm, Timer


class Rings(list[int]):
    """When the alarm rang, and how often a timer was armed for it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(0)
        self.alarm = Alarm(self, lambda: self.append(self.clock.now_ms()))
        self.armed = 0

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> Timer:
        self.armed += 1
        return self.clock.call_at(at_ms, callback)


def test_it_rings_once_at_its_time() -> None:
    rings = Rings()
    rings.alarm.set(10)
    rings.clock.set(100)
    assert rings == [10]


def test_an_earlier_time_replaces_a_later_one() -> None:
    rings = Rings()
    rings.alarm.set(50)
    rings.alarm.set(10)
    rings.clock.set(100)
    assert rings == [10]


def test_a_later_time_does_not_arm_a_timer_anew() -> None:
    rings = Rings()
    rings.alarm.set(10)
    for at_ms in range(11, 100):
        rings.alarm.set(at_ms)
    assert rings.armed == 1


def test_after_it_rang_it_can_be_set_again_to_any_time() -> None:
    rings = Rings()
    rings.alarm.set(10)
    rings.clock.set(10)
    rings.alarm.set(30)
    rings.clock.set(100)
    assert rings == [10, 30]


def test_cancelled_it_does_not_ring_and_can_be_set_later() -> None:
    rings = Rings()
    rings.alarm.set(10)
    rings.alarm.cancel()
    rings.alarm.cancel()
    rings.alarm.set(20)
    rings.clock.set(100)
    assert rings == [20]
