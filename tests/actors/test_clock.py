"""Both clocks: the machine's, with a wall clock and a loop that the test moves, and the manual one."""

import asyncio
from collections.abc import Callable

import pytest

from actors.clock import LONGEST_SLICE_SECONDS, SystemClock
from actors.manual_clock import ManualClock

NOON = 1_800_000_000_000


class FakeHandle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeLoop:
    """Takes the timers that a clock arms; `run` fires the last one."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.handle = FakeHandle(lambda: None)

    def call_later(self, delay: float, callback: Callable[[], None]) -> FakeHandle:
        self.delays.append(delay)
        self.handle = FakeHandle(callback)
        return self.handle

    def run(self) -> None:
        callback, self.handle.callback = self.handle.callback, None
        if callback is not None:
            callback()


class Machine(SystemClock):
    """The system's clock with a wall that the test moves."""

    def __init__(self) -> None:
        self.wall_ms = NOON

    def now_ms(self) -> int:
        return self.wall_ms


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: fake)
    return fake


@pytest.fixture
def fired() -> list[str]:
    return []


def test_a_short_timer_is_armed_once_and_fires_at_its_time(loop: FakeLoop, fired: list[str]) -> None:
    machine = Machine()
    machine.call_at(NOON + 1_500, lambda: fired.append("now"))
    assert loop.delays == [1.5]
    machine.wall_ms += 1_500
    loop.run()
    assert fired == ["now"]
    assert loop.delays == [1.5]


def test_a_past_time_fires_with_the_next_turn_of_the_loop(loop: FakeLoop, fired: list[str]) -> None:
    Machine().call_at(NOON - 5_000, lambda: fired.append("now"))
    assert loop.delays == [0.0]
    assert fired == []
    loop.run()
    assert fired == ["now"]


def test_a_long_timer_looks_at_the_wall_clock_at_least_every_half_minute(loop: FakeLoop, fired: list[str]) -> None:
    machine = Machine()
    machine.call_at(NOON + 70_000, lambda: fired.append("now"))
    for _ in range(2):
        machine.wall_ms += 30_000
        loop.run()
    assert loop.delays == [LONGEST_SLICE_SECONDS, LONGEST_SLICE_SECONDS, 10.0]
    machine.wall_ms += 10_000
    loop.run()
    assert fired == ["now"]


def test_a_timer_never_fires_before_its_time_even_when_the_loop_is_early(loop: FakeLoop, fired: list[str]) -> None:
    machine = Machine()
    machine.call_at(NOON + 1_000, lambda: fired.append("now"))
    machine.wall_ms += 999
    loop.run()
    assert fired == []
    assert loop.delays[-1] == pytest.approx(0.001)


def test_a_wall_clock_that_was_set_back_makes_it_wait_and_one_set_forward_makes_it_fire(
    loop: FakeLoop, fired: list[str]
) -> None:
    machine = Machine()
    machine.call_at(NOON + 20_000, lambda: fired.append("now"))
    machine.wall_ms -= 3_600_000
    loop.run()
    assert fired == []
    machine.wall_ms += 7_200_000
    loop.run()
    assert fired == ["now"]


def test_a_cancelled_timer_does_not_fire_and_cancelling_again_does_nothing(loop: FakeLoop, fired: list[str]) -> None:
    machine = Machine()
    timer = machine.call_at(NOON + 1_000, lambda: fired.append("now"))
    timer.cancel()
    timer.cancel()
    machine.wall_ms += 1_000
    loop.run()
    assert fired == []


def test_cancelling_after_it_fired_does_nothing(loop: FakeLoop, fired: list[str]) -> None:
    timer = Machine().call_at(NOON, lambda: fired.append("now"))
    loop.run()
    timer.cancel()
    assert fired == ["now"]


def test_a_slice_that_was_re_armed_can_still_be_cancelled(loop: FakeLoop, fired: list[str]) -> None:
    machine = Machine()
    timer = machine.call_at(NOON + 40_000, lambda: fired.append("now"))
    machine.wall_ms += 30_000
    loop.run()
    timer.cancel()
    machine.wall_ms += 10_000
    loop.run()
    assert fired == []


def test_the_system_clock_tells_milliseconds_since_the_epoch() -> None:
    assert 1_700_000_000_000 < SystemClock().now_ms() < 10_000_000_000_000


def test_the_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock.now_ms() == clock.now_ms() == NOON
    clock.advance(1.5)
    assert clock.now_ms() == NOON + 1_500
    clock.set(NOON + 9_000)
    assert clock.now_ms() == NOON + 9_000


def test_manual_timers_fire_in_order_of_their_times_each_at_its_own() -> None:
    clock = ManualClock(NOON)
    seen: list[tuple[str, int]] = []

    def arm(name: str, after: int) -> None:
        clock.call_at(NOON + after, lambda: seen.append((name, clock.now_ms() - NOON)))

    for name, after in (("third", 30), ("first", 10), ("second", 20), ("second too", 20)):
        arm(name, after)
    clock.advance(1)
    assert seen == [("first", 10), ("second", 20), ("second too", 20), ("third", 30)]
    assert clock.now_ms() == NOON + 1_000


def test_a_manual_timer_fires_at_its_millisecond_and_not_before(fired: list[str]) -> None:
    clock = ManualClock(NOON)
    clock.call_at(NOON + 1_000, lambda: fired.append("now"))
    clock.advance(0.999)
    assert fired == []
    clock.advance(0.001)
    assert fired == ["now"]
    clock.advance(10)
    assert fired == ["now"]


def test_a_timer_armed_by_a_timer_fires_in_the_same_move_if_it_is_due(fired: list[str]) -> None:
    clock = ManualClock(NOON)

    def again() -> None:
        fired.append("once")
        clock.call_at(clock.now_ms() + 1_000, lambda: fired.append("twice"))

    clock.call_at(NOON + 1_000, again)
    clock.advance(2)
    assert fired == ["once", "twice"]


def test_a_cancelled_manual_timer_does_not_fire(fired: list[str]) -> None:
    clock = ManualClock(NOON)
    timer = clock.call_at(NOON + 1_000, lambda: fired.append("now"))
    timer.cancel()
    timer.cancel()
    clock.advance(2)
    assert fired == []


def test_moving_the_manual_clock_backwards_fires_nothing(fired: list[str]) -> None:
    clock = ManualClock(NOON)
    clock.call_at(NOON + 1_000, lambda: fired.append("now"))
    clock.set(NOON - 60_000)
    assert fired == []
    assert clock.now_ms() == NOON - 60_000
    clock.set(NOON + 1_000)
    assert fired == ["now"]


def test_a_manual_timer_in_the_past_fires_with_the_next_move_however_small(fired: list[str]) -> None:
    clock = ManualClock(NOON)
    clock.call_at(NOON - 1, lambda: fired.append("now"))
    assert fired == []
    clock.advance(0)
    assert fired == ["now"]
    assert clock.now_ms() == NOON
