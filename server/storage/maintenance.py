"""The care of a database in use: checkpoints outside of commits, and the end of old remembered answers."""

import asyncio
import logging
import sqlite3
from types import TracebackType

from actors.clock import Clock
from server.storage.database import Database, immediate
from server.storage.journal import SqliteJournal

logger = logging.getLogger(__name__)

LOOK_EVERY_MS = 30_000
LOOK_AFTER_COMMITS = 1000  # about 13 KB of write-ahead log each
LARGE_LOG_PAGES = 16_384  # 64 MiB: under constant load the log never empties by itself, then it is cut
CUT_TIMEOUT_MS = 100  # commits wait meanwhile; a reader that is still busy after this is waited for next time
REMEMBERED_MS = 24 * 3600 * 1000
FORGET_ROWS = 200  # about a millisecond: what a commit may have to wait for

_FORGET = (
    "DELETE FROM idempotency WHERE (scope, key) IN"
    " (SELECT scope, key FROM idempotency WHERE at_ms < ? ORDER BY at_ms LIMIT ?)"
)


class Maintenance:
    """Use it as `async with` inside the journal's block. It looks every 30 s, and after every 1,000 commits.

    `connection` is a writer's connection of its own: a passive checkpoint on it does not hold up commits.
    """

    def __init__(self, connection: Database, journal: SqliteJournal, clock: Clock) -> None:
        self._connection, self._journal, self._clock = connection, journal, clock
        self._wake = asyncio.Event()
        self._closing = False
        self._seen_commits = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Maintenance":
        self._journal.on_commit = self._committed
        self._task = asyncio.create_task(self._run(), name="database maintenance")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._journal.on_commit = None
        self._wake.set()
        if self._task is not None:
            await self._task

    async def look(self) -> None:
        """One round: forget old answers, checkpoint, and cut the log when nothing goes on or it is large."""
        idle = self._journal.commits == self._seen_commits
        self._seen_commits = self._journal.commits
        await self.forget(self._clock.now_ms() - REMEMBERED_MS)
        ((_, pages, _),) = await self._connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        if pages > 0 and (idle or self._closing or pages > LARGE_LOG_PAGES):
            await self._journal.apart(cut_log)

    async def forget(self, before_ms: int) -> int:
        """Delete answers from before `before_ms`, a few at a time between commits; how many there were."""
        forgotten, count = 0, FORGET_ROWS
        while count == FORGET_ROWS:
            count = await self._journal.apart(lambda writer: forget_remembered(writer, before_ms))
            forgotten += count
        return forgotten

    def _committed(self, commits: int) -> None:
        if commits - self._seen_commits >= LOOK_AFTER_COMMITS:
            self._wake.set()

    async def _run(self) -> None:
        while not self._closing:
            timer = self._clock.call_at(self._clock.now_ms() + LOOK_EVERY_MS, self._wake.set)
            await self._wake.wait()
            self._wake.clear()
            timer.cancel()
            try:
                await self.look()
            except sqlite3.Error as error:
                logger.warning("maintenance of the database failed, it is tried again: %s", error)


async def forget_remembered(writer: Database, before_ms: int) -> int:
    """Delete at most `FORGET_ROWS` of the answers from before `before_ms`; how many."""
    async with immediate(writer):
        return (await writer.execute(_FORGET, (before_ms, FORGET_ROWS))).rowcount


async def cut_log(writer: Database) -> None:
    """Checkpoint all of the write-ahead log and truncate it, unless a reader is in the way for too long."""
    ((patience,),) = await writer.execute_fetchall("PRAGMA busy_timeout")
    await writer.execute_fetchall(f"PRAGMA busy_timeout = {CUT_TIMEOUT_MS}")
    try:
        await writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await writer.execute_fetchall(f"PRAGMA busy_timeout = {patience}")
