"""What one seed stands for: the clinic, the people and the troubles of one simulated world, as plain values."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ZONES = ("Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
# Ordinary weeks, and those in which clocks change in London, New York or on Lord Howe.
BEGINNINGS = (
    datetime(2026, 6, 8, tzinfo=UTC),
    datetime(2026, 3, 28, tzinfo=UTC),
    datetime(2026, 10, 24, tzinfo=UTC),
    datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 3, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is drawn from a seed before anything happens. A failing run prints it."""

    seed: int
    base_ms: int
    zone: str
    clinicians: int
    slot_minutes: int
    buffer_minutes: int
    horizon_days: int
    notice_seconds: int
    hold_seconds: int
    extension_seconds: int
    extensions: int
    rate_limits: bool
    patients: int
    browsers: int
    staff: int
    viewers: int
    trouble_seconds: int
    slow_share: float
    slow_seconds: float
    crashes: int
    restarts: int
    clock_steps: int
    broken_share: float  # of requests that their sender gives up, and of watchers' waits that end in a lost line
    shuffles: bool
    maintained: bool
    socket_bytes: int
    fault_shares: Mapping[str, float] = field(default_factory=dict)


def plan(seed: int) -> Plan:
    """The same for the same seed, on every machine."""
    chance = random.Random(f"plan {seed}")
    calm = chance.random() < 0.15  # no troubles at all: then every oddity is the server's own
    faults = {
        "statement": chance.choice((0, 0, 0.01, 0.05)),
        "lost-commit": chance.choice((0, 0.02, 0.08)),
        "kept-commit": chance.choice((0, 0.03, 0.1)),
        "load": chance.choice((0, 0, 0.1)),
        "crash-before-commit": chance.choice((0, 0, 0.004)),
        "crash-after-commit": chance.choice((0, 0, 0.006)),
    }
    base = chance.choice(BEGINNINGS).timestamp() + chance.randrange(3 * 86_400)
    if chance.random() < 0.4:  # shortly before some zone's midnight
        base += 86_400 - base % 86_400 - chance.randrange(60, 900) - chance.choice((0, 3_600, -4 * 3_600, 20_700))
    return Plan(
        seed=seed,
        base_ms=int(base) * 1000 + chance.randrange(1000),
        zone=chance.choice(ZONES),
        clinicians=chance.choice((1, 1, 2)),
        slot_minutes=chance.choice((20, 30, 60)),
        buffer_minutes=chance.choice((0, 0, 5, 10)),
        horizon_days=chance.choice((1, 1, 2, 4)),
        notice_seconds=chance.choice((0, 600, 1800)),
        hold_seconds=chance.choice((5, 60, 180)),
        extension_seconds=chance.choice((3, 30)),
        extensions=chance.choice((0, 1, 3)),
        rate_limits=chance.random() < 0.3,
        patients=chance.randint(2, 4),
        browsers=chance.randint(0, 2),
        staff=chance.randint(0, 2),
        viewers=chance.randint(1, 3),
        trouble_seconds=chance.choice((60, 300, 1200)),
        slow_share=0 if calm else chance.choice((0, 0.02, 0.1)),
        slow_seconds=chance.choice((0.02, 0.3, 3.0)),
        crashes=0 if calm else chance.choice((0, 0, 1, 2)),
        restarts=0 if calm else chance.choice((0, 0, 1)),
        clock_steps=0 if calm else chance.choice((0, 0, 0, 1, 2)),
        broken_share=0 if calm else chance.choice((0, 0.05, 0.15)),
        shuffles=chance.random() < 0.7,
        maintained=chance.random() < 0.2,
        socket_bytes=chance.choice((64 * 1024, 300)),
        fault_shares={} if calm else faults,
    )
