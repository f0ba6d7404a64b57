"""Proof that the simulation can fail: bugs that somebody might write are planted, and must be found from seed 0 on."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import pytest

from actors.calendar import announce, rules
from actors.calendar.messages import PlaceHold
from actors.calendar.state import Appointment, Calendar, Status
from actors.journal import Append, Appended, LogRow, Outcome
from server.storage import migrations
from server.storage.codec import prepare
from server.storage.journal import SqliteJournal
from tests.simulation import run
from tests.simulation.plan import Plan, plan
from tests.simulation.run import run_seed

pytestmark = pytest.mark.virtual

MOST_SEEDS = 100
GUARDS = ("TRIGGER claims_inserted", "TRIGGER claims_changed", "INDEX claims_start")
Plant = Callable[[pytest.MonkeyPatch], None]


def expires_a_moment_late(plant: pytest.MonkeyPatch) -> None:
    """`>` for `>=`."""

    def has_lapsed(self: Appointment, now_ms: int) -> bool:
        return self.status is Status.HELD and now_ms > (self.expires_at or 0) * 1000

    plant.setattr(Appointment, "has_lapsed", has_lapsed)


def answers_before_the_commit(plant: pytest.MonkeyPatch) -> None:
    """The journal says that it is on disk when it is in the queue."""

    async def append(self: SqliteJournal, append: Append) -> Outcome:
        prepared = prepare(append)
        self._queue.append((prepared, asyncio.get_running_loop().create_future()))
        self._wake.set()
        return Appended(prepared.seq, prepared.hash)

    plant.setattr(SqliteJournal, "append", append)


def forgets_the_last_missed_row(plant: pytest.MonkeyPatch) -> None:
    """A client that comes back is not told of the newest change."""
    whole = announce.missed_changes

    def missed(state: Calendar, visit_type: str | None, since: Any, rows: Sequence[LogRow], *rest: Any) -> Any:
        return whole(state, visit_type, since, rows[:-1] if len(rows) > 1 else rows, *rest)

    plant.setattr(announce, "missed_changes", missed)


def tells_the_last_missed_row_without_its_change(plant: pytest.MonkeyPatch) -> None:
    """As above, and the client's position is said to be the newest: it cannot notice."""
    whole = announce.missed_changes

    def missed(*arguments: Any) -> Any:
        changes = whole(*arguments)
        if changes is not None and len(changes) > 1:
            changes[0] = dataclasses.replace(changes[0], states=dict(list(changes[0].states.items())[:-1]))
        return changes

    plant.setattr(announce, "missed_changes", missed)


def places_without_looking(plant: pytest.MonkeyPatch) -> None:
    """No check for conflicts; the guards of the database still stand."""
    careful = rules.RULES[PlaceHold]

    def place(state: Calendar, command: PlaceHold, now_ms: int) -> Any:
        with patch.object(Calendar, "conflicts", lambda *arguments: iter(())):
            return careful(state, command, now_ms)

    plant.setitem(rules.RULES, PlaceHold, place)


def books_twice(plant: pytest.MonkeyPatch) -> None:
    """Neither check nor guards."""
    places_without_looking(plant)
    whole = migrations.schema()
    plant.setattr(migrations, "schema", lambda: whole + "".join(f"DROP {guard};" for guard in GUARDS))


def forgets_keys(plant: pytest.MonkeyPatch) -> None:
    """An answer is not remembered: the same request again does the work again."""
    whole = SqliteJournal.append

    async def append(self: SqliteJournal, append: Append) -> Outcome:
        return await whole(self, dataclasses.replace(append, remembered=()))

    plant.setattr(SqliteJournal, "append", append)


PLANTS: tuple[Plant, ...] = (
    expires_a_moment_late,
    answers_before_the_commit,
    forgets_the_last_missed_row,
    tells_the_last_missed_row_without_its_change,
    books_twice,
    forgets_keys,
)


@pytest.mark.parametrize("bug", PLANTS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    seed = first_that_fails(range(MOST_SEEDS))
    assert seed is not None, f"{MOST_SEEDS} worlds did not notice"


def test_even_a_careless_actor_cannot_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    places_without_looking(monkeypatch)
    monkeypatch.setattr(run, "plan", without_buffers)
    for seed in range(5):
        run_seed(seed)


def without_buffers(seed: int) -> Plan:
    """The database knows of overlaps; the rest between two visits only the actor knows, and staff set it."""
    return dataclasses.replace(plan(seed), buffer_minutes=0, staff=0)


def first_that_fails(seeds: range) -> int | None:
    """The first world in which something is found; it is named on the way."""
    for seed in seeds:
        try:
            run_seed(seed)
        except AssertionError as found:
            print(f"found in seed {seed}: {str(found)[:300]}")
            return seed
    return None
