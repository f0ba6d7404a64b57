"""What the journal on SQLite adds to the contract: gathering, and the fate of appends when storage fails."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest

from actors.journal import Append, Appended, Failed, Outcome, Refused, Unknown
from server.storage.connection import open_writer
from server.storage.database import Counted, Database
from server.storage.journal import SqliteJournal
from tests.server.storage import examples as ex
from tests.server.storage.conftest import OpenStore, Store
from tests.server.storage.examples import NINE, NOW_MS, append, claim

STATEMENTS = 7  # of a batch of holds: BEGIN, streams, log, answers, appointments, claims, COMMIT


class FailingDatabase:
    """Passes everything on until `fail_at` says of a statement that it fails: before it is run, or after."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.ran: list[str] = []
        self.fail_at: Callable[[int, str], str | None] = lambda place, sql: None

    @property
    def in_transaction(self) -> bool:
        return self.inner.in_transaction

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Counted:
        return await self._run(sql, lambda: self.inner.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Counted:
        return await self._run(sql, lambda: self.inner.executemany(sql, parameters))

    async def execute_fetchall(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> Iterable[Sequence[Any]]:
        return await self.inner.execute_fetchall(sql, parameters)

    async def executescript(self, sql_script: str) -> object:
        return await self.inner.executescript(sql_script)

    async def _run(self, sql: str, run: Callable[[], Awaitable[Counted]]) -> Counted:
        self.ran.append(sql)
        when = self.fail_at(len(self.ran), sql)
        if when == "before":
            raise sqlite3.OperationalError("disk I/O error")
        counted = await run()
        if when == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return counted


def hold(stream: str, key: str, start: int = NINE, after: Outcome | None = None) -> Append:
    row = ex.rows("appointments", ex.appointment(key, clinician=stream, start=start, end=start + 1800))
    return append(
        stream, *row, claim(key, start, clinician=stream), after=after, answers=[ex.remembered(key)]
    )


async def is_whole(store: Store, stream: str, key: str) -> bool:
    """Whether all of `hold` is there; fails when only a part is."""
    head = (await store.journal.load(stream, 0)).head
    parts = [
        bool(await store.journal.find("appointments", key)),
        bool(await store.journal.find("claims", key)),
        bool(await store.queries.remembered("key-1", key)),
        head == 1,
        len(await store.journal.read(stream, 0, 10)) == 1,
    ]
    assert len(set(parts)) == 1, parts
    return parts[0]


async def test_what_waits_together_is_committed_together(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.journal.append(hold(f"s{i}", f"k{i}")) for i in range(64)))
    assert all(isinstance(outcome, Appended) for outcome in outcomes)
    assert (store.journal.commits, store.journal.appends) == (1, 64)


async def test_one_append_is_one_transaction_of_few_statements(open_store: OpenStore) -> None:
    failing: list[FailingDatabase] = []

    def around(writer: Database) -> Database:
        failing.append(FailingDatabase(writer))
        return failing[0]

    async with open_store(around) as store:
        first = await store.journal.append(append("anna"))
        failing[0].ran.clear()
        await store.journal.append(hold("anna", "k", after=first))
        assert [sql.split()[0] for sql in failing[0].ran] == ["BEGIN", "UPDATE", *["INSERT"] * 4, "COMMIT"]
        assert len(failing[0].ran) == STATEMENTS


async def test_an_acknowledged_append_is_read_by_everybody_at_once(store: Store) -> None:
    async with open_writer(store.path) as other:
        for place in range(20):
            await store.journal.append(hold(f"s{place}", f"k{place}"))
            assert await store.journal.find("claims", f"k{place}")
            assert list(await other.execute_fetchall("SELECT count(*) FROM claims")) == [(place + 1,)]


async def test_closing_writes_what_is_queued_and_later_appends_fail(open_store: OpenStore) -> None:
    async with open_store() as store:
        waiting = [asyncio.create_task(store.journal.append(hold(f"s{i}", f"k{i}"))) for i in range(3)]
        await asyncio.sleep(0)
        await store.journal.close()
        assert [type(outcome) for outcome in await asyncio.gather(*waiting)] == [Appended] * 3
        assert isinstance(await store.journal.append(hold("late", "late")), Failed)
        with pytest.raises(sqlite3.OperationalError):
            await store.journal.apart(lambda writer: writer.execute("SELECT 1"))


async def test_an_asker_that_gave_up_does_not_disturb_the_others(store: Store) -> None:
    tasks = [asyncio.create_task(store.journal.append(hold(f"s{i}", f"k{i}"))) for i in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], Appended)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert isinstance(outcomes[2], Appended)
    assert isinstance(await store.journal.append(hold("later", "later")), Appended)


async def test_a_value_that_cannot_be_stored_is_its_callers_defect_alone(store: Store) -> None:
    bad = append("bad", *ex.rows("texts", ex.text("t", text=["a", "list"])))
    huge = append("huge", claim("huge", 2**70, 2**70 + 1))
    wrong = append("wrong", claim("wrong", patient=7), *ex.rows("texts", ex.text("t", kind=5)))
    good = hold("good", "good")
    outcomes = await asyncio.gather(
        *(store.journal.append(given) for given in (bad, huge, wrong, good)), return_exceptions=True
    )
    assert isinstance(outcomes[0], sqlite3.Error)
    assert isinstance(outcomes[1], OverflowError)
    assert isinstance(outcomes[3], Appended)
    assert (await store.journal.load("bad", 0)).head == 0


async def test_a_row_against_a_check_of_the_schema_is_refused_in_its_words(store: Store) -> None:
    row = ex.appointment("k", status="forgotten")
    refused = await store.journal.append(append("anna", *ex.rows("appointments", row)))
    assert isinstance(refused, Refused)
    assert "CHECK constraint failed" in refused.constraint
    mistyped = await store.journal.append(append("anna", *ex.rows("texts", ex.text("t", salt="text"))))
    assert isinstance(mistyped, Refused)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", range(1, STATEMENTS + 1))
async def test_whichever_statement_fails_an_append_is_wholly_there_or_wholly_not(
    open_store: OpenStore, place: int, when: str
) -> None:
    """Each statement of a batch of three fails once; then each append goes through alone."""
    failing: list[FailingDatabase] = []

    def around(writer: Database) -> Database:
        failing.append(FailingDatabase(writer))
        failing[0].fail_at = lambda ran, sql: when if ran == place else None
        return failing[0]

    async with open_store(around) as store:
        outcomes = await asyncio.gather(*(store.journal.append(hold(f"s{i}", f"k{i}")) for i in range(3)))
        at_commit = failing[0].ran[place - 1] == "COMMIT"
        for number, outcome in enumerate(outcomes):
            there = await is_whole(store, f"s{number}", f"k{number}")
            if at_commit:
                assert isinstance(outcome, Unknown)
                assert there == (when == "after")
            else:
                assert isinstance(outcome, Appended)
                assert there
        assert isinstance(await store.journal.append(hold("later", "later")), Appended)
        assert not store.writer.in_transaction


@pytest.mark.parametrize("first", range(1, STATEMENTS + 1))
async def test_storage_that_keeps_failing_answers_everybody_and_recovers(
    open_store: OpenStore, first: int
) -> None:
    failing: list[FailingDatabase] = []

    def around(writer: Database) -> Database:
        failing.append(FailingDatabase(writer))
        failing[0].fail_at = lambda ran, sql: "before" if ran >= first else None
        return failing[0]

    async with open_store(around) as store:
        outcomes = await asyncio.gather(*(store.journal.append(hold(f"s{i}", f"k{i}")) for i in range(3)))
        at_commit = failing[0].ran[first - 1] == "COMMIT"
        assert [type(outcome) for outcome in outcomes] == [Unknown if at_commit else Failed] * 3
        failing[0].fail_at = lambda ran, sql: (
            None
        )  # the rollbacks failed too: the journal mends that by itself
        for number in range(3):
            again = await store.journal.append(hold(f"s{number}", f"k{number}"))
            assert isinstance(again, Appended), again
            assert await is_whole(store, f"s{number}", f"k{number}")


async def test_a_failed_commit_of_one_append_leaves_the_others_alone(open_store: OpenStore) -> None:
    failing: list[FailingDatabase] = []

    def around(writer: Database) -> Database:
        failing.append(FailingDatabase(writer))
        return failing[0]

    async with open_store(around) as store:
        await store.journal.append(append("taken", claim("taken")))
        commits = 0

        def second_commit(ran: int, sql: str) -> str | None:
            nonlocal commits
            commits += sql == "COMMIT"
            return "before" if sql == "COMMIT" and commits == 2 else None

        failing[0].fail_at = second_commit
        appends = [append("refused", claim("x")), hold("s1", "k1"), hold("s2", "k2"), hold("s3", "k3")]
        outcomes = await asyncio.gather(*map(store.journal.append, appends))
        assert [type(outcome) for outcome in outcomes] == [Refused, Appended, Unknown, Appended]


async def test_a_full_disk_fails_appends_leaves_reading_and_heals(store: Store) -> None:
    first = await store.journal.append(append("anna", claim("first")))
    ((pages,),) = await store.writer.execute_fetchall("PRAGMA page_count")
    await store.writer.execute_fetchall(f"PRAGMA max_page_count = {pages}")
    large = append("big", *ex.rows("texts", *(ex.text(f"t{i}", text="x" * 9000) for i in range(20))))
    outcomes = await asyncio.gather(store.journal.append(large), store.journal.append(large))
    assert [type(outcome) for outcome in outcomes] == [Failed, Failed]
    assert "full" in outcomes[0].detail  # type: ignore[union-attr]
    assert (await store.journal.load("anna", 0)).head == 1
    assert await store.journal.find("texts", "t0") is None
    await store.writer.execute_fetchall("PRAGMA max_page_count = 1000000")
    assert isinstance(await store.journal.append(large), Appended)
    assert isinstance(await store.journal.append(append("anna", after=first)), Appended)


async def test_work_apart_never_falls_into_a_batch(store: Store) -> None:
    async def count(writer: Database) -> tuple[bool, int]:
        ((rows,),) = await writer.execute_fetchall("SELECT count(*) FROM log")
        return writer.in_transaction, rows

    appending = [asyncio.create_task(store.journal.append(hold(f"s{i}", f"k{i}"))) for i in range(5)]
    apart = [asyncio.create_task(store.journal.apart(count)) for _ in range(3)]
    assert await asyncio.gather(*apart) == [(False, 5)] * 3
    assert all(task.done() for task in appending)


async def test_work_apart_has_its_turn_while_appends_never_cease(store: Store) -> None:
    async def keep_appending(stream: str) -> None:
        outcome = None
        while not apart.done():
            outcome = await store.journal.append(append(stream, after=outcome))

    appending = [asyncio.create_task(keep_appending(f"s{i}")) for i in range(3)]
    apart = asyncio.create_task(store.journal.apart(lambda writer: writer.execute_fetchall("SELECT 1")))
    await asyncio.gather(apart, *appending)
    assert store.journal.commits < 10


async def test_work_apart_that_raises_tells_its_asker_and_leaves_no_transaction(store: Store) -> None:
    async def broken(writer: Database) -> None:
        await writer.execute("BEGIN IMMEDIATE")
        await writer.execute("INSERT INTO meta VALUES ('a', 'b')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.journal.apart(broken)
    assert isinstance(await store.journal.append(hold("anna", "k")), Appended)
    assert await store.queries.meta("a") is None


async def test_a_busy_database_fails_the_append_and_nothing_else(store: Store) -> None:
    await store.journal.apart(lambda writer: writer.execute_fetchall("PRAGMA busy_timeout = 1"))
    async with open_writer(store.path) as other:
        await other.execute("BEGIN IMMEDIATE")
        assert await store.journal.append(hold("anna", "k")) == Failed("database is locked")
        await other.execute("ROLLBACK")
    assert isinstance(await store.journal.append(hold("anna", "k")), Appended)


async def test_a_writer_task_stopped_by_force_answers_everybody(open_store: OpenStore) -> None:
    async with open_store() as store:
        journal = SqliteJournal(store.writer, store.reader)
        async with journal:
            writing = journal._task
            assert writing is not None
            waiting = asyncio.create_task(journal.append(hold("anna", "k")))
            await asyncio.sleep(0)
            writing.cancel()
            outcome = await waiting
            assert isinstance(outcome, Failed | Unknown)
            assert not journal.is_open
            assert isinstance(await journal.append(hold("boris", "l")), Failed)
            with pytest.raises(asyncio.CancelledError):
                await writing
            journal._task = None


async def test_everything_is_there_after_closing_and_opening_again(open_store: OpenStore) -> None:
    async with open_store() as store:
        outcome = await store.journal.append(hold("anna", "k"))
    async with open_store() as store:
        loaded = await store.journal.load("anna", 0)
        assert isinstance(outcome, Appended)
        assert (loaded.head, loaded.hash) == (outcome.seq, outcome.hash)
        assert await is_whole(store, "anna", "k")
        assert await store.queries.broken_link("anna") is None
        assert (await store.journal.read("anna", 0, 1))[0].at_ms == NOW_MS
