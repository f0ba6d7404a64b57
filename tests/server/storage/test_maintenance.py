"""The care of a database in use."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest

from actors.journal import Appended
from actors.manual_clock import ManualClock
from server.storage import maintenance
from server.storage.connection import open_reader, open_writer
from server.storage.maintenance import LOOK_EVERY_MS, REMEMBERED_MS, Maintenance
from tests.server.storage import examples as ex
from tests.server.storage.conftest import Store
from tests.server.storage.examples import NOW_MS, append


@pytest.fixture
async def care(store: Store) -> AsyncIterator[Maintenance]:
    async with open_writer(store.path) as connection:
        yield Maintenance(connection, store.journal, ManualClock(NOW_MS))


async def log_pages(store: Store) -> int:
    ((_, pages, _),) = await store.writer.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
    return int(pages)


def log_size(store: Store) -> int:
    return store.path.with_name(store.path.name + "-wal").stat().st_size


async def test_the_log_is_truncated_once_nothing_goes_on(store: Store, care: Maintenance) -> None:
    await store.journal.append(append("anna"))
    await care.look()
    assert log_size(store) > 0
    await care.look()
    assert log_size(store) == 0


async def test_a_log_that_grew_large_is_cut_even_under_load(
    store: Store, care: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "LARGE_LOG_PAGES", 3)
    await store.journal.append(append("anna", *ex.rows("texts", ex.text("t", text="x" * 40_000))))
    await care.look()
    assert log_size(store) == 0


async def test_a_reader_in_the_way_only_postpones_the_cut(
    store: Store, care: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "CUT_TIMEOUT_MS", 1)
    await care.look()
    async with open_reader(store.path) as slow:
        await slow.execute("BEGIN")
        await slow.execute_fetchall("SELECT * FROM log")
        outcome = await store.journal.append(append("anna"))
        await care.look()
        await care.look()
        assert log_size(store) > 0
        await slow.execute("ROLLBACK")
    assert isinstance(await store.journal.append(append("anna", after=outcome)), Appended)
    await care.look()
    await care.look()
    assert log_size(store) == 0
    assert list(await store.writer.execute_fetchall("PRAGMA busy_timeout")) == [(5000,)]


async def test_answers_are_forgotten_a_day_after_they_were_given(store: Store, care: Maintenance) -> None:
    day_ago = NOW_MS - REMEMBERED_MS
    old = [ex.remembered(f"old{i}", at_ms=day_ago - 1) for i in range(2 * maintenance.FORGET_ROWS + 1)]
    await store.journal.append(append("anna", answers=[*old, ex.remembered("kept", at_ms=day_ago)]))
    await care.look()
    rows = await store.reader.execute_fetchall("SELECT key FROM idempotency")
    assert [row[0] for row in rows] == ["kept"]
    assert await care.forget(day_ago) == 0


async def test_it_looks_by_the_clock_and_after_many_commits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: asyncio.Queue[int] = asyncio.Queue()
    clock = ManualClock(NOW_MS)

    class Watched(Maintenance):
        async def look(self) -> None:
            await super().look()
            looks.put_nowait(clock.now_ms())

    monkeypatch.setattr(maintenance, "LOOK_AFTER_COMMITS", 5)
    async with open_writer(store.path) as connection, Watched(connection, store.journal, clock):
        await asyncio.sleep(0)
        clock.advance(LOOK_EVERY_MS / 1000 - 1)
        assert looks.empty()
        clock.advance(1)
        assert await looks.get() == NOW_MS + LOOK_EVERY_MS
        outcome = None
        for _ in range(5):
            outcome = await store.journal.append(append("anna", after=outcome))
        await looks.get()
    assert looks.qsize() == 1  # the last look, at the end
    assert log_size(store) == 0


async def test_a_look_that_fails_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: asyncio.Queue[None] = asyncio.Queue()
    clock = ManualClock(NOW_MS)

    class Failing(Maintenance):
        async def look(self) -> None:
            looked.put_nowait(None)
            raise sqlite3.OperationalError("disk I/O error")

    async with open_writer(store.path) as connection, Failing(connection, store.journal, clock):
        for _ in range(3):
            await asyncio.sleep(0)
            clock.advance(LOOK_EVERY_MS / 1000)
            await looked.get()
