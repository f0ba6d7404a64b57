"""Simulated worlds: a hundred seeds, and every seed that ever failed. `make simulate` has more."""

from pathlib import Path

import pytest

from tests.simulation.run import run_seed

pytestmark = pytest.mark.virtual

SEEDS = 100
SEEDS_A_TEST = 10
ONCE_FAILED = Path(__file__).with_name("once_failed.txt")
TWICE = (5, 8, 10)  # with crashes, faults, staff and several lives


def once_failed() -> list[int]:
    """The corpus: a seed a line, and after it what it found."""
    lines = ONCE_FAILED.read_text("utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("start", range(0, SEEDS, SEEDS_A_TEST))
def test_what_must_be_true_is_true_in_every_world(start: int) -> None:
    for seed in range(start, start + SEEDS_A_TEST):
        run_seed(seed)


@pytest.mark.parametrize("seed", once_failed())
def test_a_world_that_once_failed_is_whole(seed: int) -> None:
    run_seed(seed)


@pytest.mark.parametrize("seed", TWICE)
def test_the_same_seed_is_the_same_world(seed: int) -> None:
    assert run_seed(seed).loop.trace == run_seed(seed).loop.trace


def test_worlds_have_what_they_are_for() -> None:
    worlds = [run_seed(seed) for seed in (0, 5, 6, 10)]
    faults = {fault for world in worlds for fault in world.disk.faults.counts}
    assert {"statement", "lost-commit", "kept-commit"} <= faults
    assert sum(viewer.resumes for world in worlds for viewer in world.viewers) > 10
    assert max(world.lives for world in worlds) > 2
