"""The journal on SQLite: appends of all actors are gathered into one transaction by one writer task."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from actors.journal import (
    Append,
    Appended,
    Duplicate,
    Failed,
    Loaded,
    LogRow,
    Moved,
    Outcome,
    Record,
    Refused,
    Unknown,
)
from server.storage import loading
from server.storage.codec import CODECS, SELECT_LOG, Prepared, log_row, prepare, statements
from server.storage.database import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")

_OVERLAPS = ("claim-overlap", "patient-overlap")
_EQUAL_STARTS = "UNIQUE constraint failed: claims.clinician, claims.start"
_STREAM_EXISTS = "UNIQUE constraint failed: streams.stream"
_KEY_USED = "UNIQUE constraint failed: idempotency.scope, idempotency.key"
_HEAD = "SELECT head FROM streams WHERE stream = ?"
_IS_REMEMBERED = "SELECT 1 FROM idempotency WHERE scope = ? AND key = ?"


class _HeadMoved(Exception):
    """A compare-and-set found another head."""


class _InDoubt(Exception):
    """COMMIT itself raised."""


class SqliteJournal:
    """The `Journal` of one process. Use it as `async with`: at exit the queue drains and the writer ends.

    The writer's connection belongs to the journal alone while it is open; other work goes through `apart`.
    `on_commit` is called after each commit with the number of commits so far.
    """

    def __init__(self, writer: Database, reader: Database) -> None:
        self.commits = 0
        self.appends = 0
        self.on_commit: Callable[[int], None] | None = None
        self._writer, self._reader = writer, reader
        self._queue: list[tuple[Prepared, asyncio.Future[Outcome]]] = []
        self._apart: list[tuple[Callable[[Database], Awaitable[Any]], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "SqliteJournal":
        self._task = asyncio.create_task(self._run(), name="journal writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        """Whether appends can still be written; False once closing, or when the writer task has died."""
        return not self._closing

    async def close(self) -> None:
        """Write what is queued, then end. Later appends answer `Failed`."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def append(self, append: Append) -> Outcome:
        """Write one batch; when it answers `Appended` it is on disk. KeyError: unknown table or column."""
        prepared = prepare(append)
        if self._closing:
            return Failed("the journal is closed")
        waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((prepared, waiting))
        self._wake.set()
        return await waiting

    async def apart(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Run `work` with the writer's connection to itself, between two commits, in its own transactions."""
        if self._closing:
            raise sqlite3.OperationalError("the journal is closed")
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._apart.append((work, waiting))
        self._wake.set()
        return await waiting

    async def load(self, stream: str, live_after: int) -> Loaded:
        """What a stream's owner starts from, in one statement: one snapshot, one trip to the thread."""
        sql, parameters = loading.load_statement(stream, live_after)
        return loading.loaded(stream, await self._reader.execute_fetchall(sql, parameters))

    async def find(self, table: str, key: str) -> Record | None:
        """One row by its primary key, as last committed."""
        codec = CODECS[table]
        for row in await self._reader.execute_fetchall(codec.select, (key,)):
            return dict(zip(codec.columns, row, strict=True))
        return None

    async def read(self, stream: str, after: int, limit: int) -> list[LogRow]:
        """Log rows with `seq > after`, oldest first, at most `limit`."""
        rows = await self._reader.execute_fetchall(SELECT_LOG, (stream, after, limit))
        return [log_row(row) for row in rows]

    async def due(self) -> list[tuple[str, int]]:
        """Calendars that have open holds, each with its earliest `expires_at`, soonest first."""
        return [(row[0], row[1]) for row in await self._reader.execute_fetchall(loading.DUE)]

    async def _run(self) -> None:
        try:
            while self._queue or self._apart or not self._closing:
                if self._queue:
                    batch, self._queue = self._queue, []
                    await self._write(batch)
                if self._apart:  # one after each commit: neither kind of work keeps the other waiting
                    await self._run_apart(*self._apart.pop(0))
                if not (self._queue or self._apart or self._closing):
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            self._closing = True
            self._abandon()

    async def _write(self, batch: list[tuple[Prepared, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._outcomes([prepared for prepared, _ in batch])
        except BaseException:
            for _, waiting in batch:
                _settle(waiting, Unknown("the writer was stopped"))
            raise
        for (_, waiting), outcome in zip(batch, outcomes, strict=True):
            _settle(waiting, outcome)

    async def _outcomes(self, batch: list[Prepared]) -> list[Outcome | Exception]:
        """One transaction for all; if it fails before its commit one for each: a bad one fails alone."""
        try:
            await self._transact(batch)
        except _InDoubt as doubt:
            logger.error("a commit of %d appends failed, outcome unknown: %s", len(batch), doubt)
            return [Unknown(str(doubt))] * len(batch)
        except Exception as error:
            if len(batch) == 1:
                return [await self._verdict(batch[0].append, error)]
            return [outcome for prepared in batch for outcome in await self._outcomes([prepared])]
        self.commits += 1
        self.appends += len(batch)
        if self.on_commit is not None:
            self.on_commit(self.commits)
        return [Appended(prepared.seq, prepared.hash) for prepared in batch]

    async def _transact(self, batch: Sequence[Prepared]) -> None:
        """All of a batch or nothing. Every error but `_InDoubt` means nothing."""
        writer = self._writer
        try:
            await self._roll_back()  # only after a rollback that failed itself is there anything to do
            await writer.execute("BEGIN IMMEDIATE")
            for sql, rows, each_changes_one in statements(batch):
                done = await writer.executemany(sql, rows)
                if each_changes_one and done.rowcount != len(rows):
                    raise _HeadMoved
        except BaseException:
            await self._roll_back_quietly()
            raise
        try:
            await writer.execute("COMMIT")
        except Exception as error:
            await self._roll_back_quietly()
            raise _InDoubt(str(error)) from error

    async def _verdict(self, append: Append, error: Exception) -> Outcome | Exception:
        """What an error that stopped a single append means to its caller; a defect stays as it is."""
        try:
            match error:
                case _HeadMoved():
                    return Moved(await self._head(append.stream))
                case sqlite3.IntegrityError():
                    return await self._refusal(append, str(error))
                case sqlite3.InterfaceError() | sqlite3.ProgrammingError():
                    return error
                case sqlite3.Error():
                    logger.error("an append failed, nothing was written: %s", error)
                    return Failed(str(error))
        except sqlite3.Error as second:
            return Failed(f"{error}; then {second}")
        return error

    async def _refusal(self, append: Append, words: str) -> Outcome:
        if words == _STREAM_EXISTS:
            return Moved(await self._head(append.stream))
        if words == _KEY_USED:
            return await self._duplicate(append)
        return Refused("claim-overlap" if words == _EQUAL_STARTS else words)

    async def _head(self, stream: str) -> int:
        for (head,) in await self._writer.execute_fetchall(_HEAD, (stream,)):
            return int(head)
        return 0

    async def _duplicate(self, append: Append) -> Duplicate:
        seen = set()
        for name in ((remembered.scope, remembered.key) for remembered in append.remembered):
            if name in seen or await self._writer.execute_fetchall(_IS_REMEMBERED, name):
                return Duplicate(*name)
            seen.add(name)
        raise sqlite3.OperationalError("the idempotency key that was in the way is gone")

    async def _roll_back(self) -> None:
        if self._writer.in_transaction:
            await self._writer.execute("ROLLBACK")

    async def _roll_back_quietly(self) -> None:
        try:
            await self._roll_back()
        except sqlite3.Error as error:
            logger.error("a rollback failed, it is tried again before the next transaction: %s", error)

    async def _run_apart(
        self, work: Callable[[Database], Awaitable[Any]], waiting: asyncio.Future[Any]
    ) -> None:
        try:
            result = await work(self._writer)
        except BaseException as error:
            _settle(waiting, error if isinstance(error, Exception) else sqlite3.OperationalError("stopped"))
            if not isinstance(error, Exception):
                raise
        else:
            _settle(waiting, result)
        finally:
            await self._roll_back_quietly()

    def _abandon(self) -> None:
        """Answer whoever still waits when the writer task ends by force."""
        for _, waiting in self._queue:
            _settle(waiting, Failed("the journal was stopped"))
        for _, asked in self._apart:
            _settle(asked, sqlite3.OperationalError("the journal was stopped"))
        self._queue, self._apart = [], []


def _settle(waiting: asyncio.Future[Any], outcome: object) -> None:
    if waiting.done():  # its asker was cancelled
        return
    if isinstance(outcome, Exception):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)
