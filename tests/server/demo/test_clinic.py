"""The demo's story at other moments than now: every state is there on every weekday and at any hour."""

from collections import Counter
from pathlib import Path

import pytest

from actors.manual_clock import ManualClock
from server.config import load
from server.demo.clinic import HOUR_MS, PAST_DAYS, Story
from server.engine import running
from server.storage.queries import Wanted

EVERY = ("held", "confirmed", "cancelled", "expired", "completed", "no_show")


@pytest.mark.parametrize(
    "now_ms",
    [
        1_806_190_200_000,  # Sunday 2027-03-28 00:50 in London, ten minutes before summer time
        1_813_276_800_000,  # a Friday at noon
    ],
)
async def test_every_state_is_there_and_holds_are_running(tmp_path: Path, now_ms: int) -> None:
    clock = ManualClock(now_ms - (PAST_DAYS + 4) * 24 * HOUR_MS)
    async with running(load({"HOLDFAST_DATABASE": str(tmp_path / "demo.db")}), clock=clock) as engine:
        story = Story(engine, clock, now_ms)
        await story.found_clinic()
        await story.live_through()
        clock.set(now_ms)
        wanted = Wanted(status=EVERY, now=0, join_closes_after=0, limit=2_000)
        rows = await engine.storage.queries.appointments(wanted)
        found = Counter(row["status"] for row in rows)
        assert set(found) == set(EVERY)
        assert found["held"] == 8
        assert all(row["expires_at"] * 1000 > now_ms for row in rows if row["status"] == "held")
        assert all(row["start"] * 1000 < now_ms for row in rows if row["status"] in ("completed", "no_show"))
        assert all(row["start"] * 1000 > now_ms for row in rows if row["status"] in ("held",))
        for stream in await engine.storage.queries.streams():
            assert await engine.storage.queries.broken_link(stream) is None
