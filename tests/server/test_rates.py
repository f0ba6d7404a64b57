"""The buckets: what they let through, when they let through again, and how large they grow."""

from actors.manual_clock import ManualClock
from server.rates import BURST, RATE_PER_SECOND, Rates

NOW_MS = 1_773_000_000_000


def rates(clock: ManualClock, **more: int) -> Rates:
    return Rates(clock, **{"per_second": 2, "burst": 4, **more})


def test_a_burst_passes_and_the_next_one_waits() -> None:
    buckets = rates(ManualClock(NOW_MS))
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 1]


def test_blocks_do_not_share_a_bucket() -> None:
    buckets = rates(ManualClock(NOW_MS))
    assert [buckets.take("a") for _ in range(5)][-1] == 1
    assert buckets.take("b") == 0


def test_tokens_come_back_at_the_rate() -> None:
    clock = ManualClock(NOW_MS)
    buckets = rates(clock)
    for _ in range(4):
        buckets.take("a")
    clock.advance(0.499)
    assert buckets.take("a") == 1
    clock.advance(0.001)
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]


def test_a_refused_request_costs_nothing() -> None:
    clock = ManualClock(NOW_MS)
    buckets = rates(clock)
    for _ in range(50):
        buckets.take("a")
    clock.advance(2)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 1]


def test_the_seconds_to_wait_are_rounded_up() -> None:
    buckets = Rates(ManualClock(NOW_MS), per_second=1, burst=1)
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]
    slow = ManualClock(NOW_MS)
    late = Rates(slow, per_second=1, burst=1)
    late.take("a")
    slow.advance(0.25)
    assert late.take("a") == 1


def test_a_clock_that_is_set_back_locks_nobody_out_for_long() -> None:
    clock = ManualClock(NOW_MS)
    buckets = rates(clock)
    buckets.take("a")
    clock.set(NOW_MS - 86_400_000)
    assert buckets.take("a") == 1
    clock.advance(0.5)
    assert buckets.take("a") == 0


def test_memory_is_bounded_and_the_quietest_is_forgotten_first() -> None:
    buckets = rates(ManualClock(NOW_MS), most_blocks=3, burst=1)
    for block in ("a", "b", "c", "a", "d"):
        buckets.take(block)
    assert len(buckets) == 3
    assert buckets.take("a") == 1  # still known: it was used after b
    assert buckets.take("b") == 0  # forgotten, so full again


def test_the_numbers_in_force() -> None:
    buckets = Rates(ManualClock(NOW_MS))
    assert (RATE_PER_SECOND, BURST) == (20, 600)
    assert [buckets.take("a") for _ in range(601)] == [0] * 600 + [1]
