"""The server's real journal over in-line SQLite, with seeded delays and faults at named points, and sudden ends."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from actors.clock import Clock
from actors.ids import Ids
from server.config import Config
from server.engine import Storage
from server.storage import loading
from server.storage.credentials import keep_meta
from server.storage.journal import SqliteJournal
from server.storage.maintenance import Maintenance
from server.storage.migrations import migrate
from server.storage.queries import Queries
from tests.simulation.inline import InlineConnection, open_inline
from tests.simulation.plan import Plan

Fault = Literal["load", "statement", "lost-commit", "kept-commit", "crash-before-commit", "crash-after-commit"]
FULL = "database or disk is full"
BROKEN = "disk I/O error"


class Faults:
    """Draws delays and faults from the seed while they are wanted, and counts what it gave."""

    def __init__(self, plan: Plan, random_: random.Random) -> None:
        self.counts: dict[str, int] = {}
        self.crash: Callable[[], None] = lambda: None
        self.is_on = False
        self.is_quick = True
        self._plan, self._random = plan, random_

    async def delay(self) -> None:
        """As a thread and a disk would take; when all is quick no time passes, and others may still step in."""
        if self.is_quick:
            await asyncio.sleep(0)
            return
        draw = self._random.random()
        if draw < self._plan.slow_share:
            await asyncio.sleep(self._random.expovariate(1 / self._plan.slow_seconds))
        elif draw < 0.6:
            await asyncio.sleep(self._random.uniform(0, 0.004))
        else:
            await asyncio.sleep(0)

    def strikes(self, fault: Fault) -> bool:
        """Whether this is the moment for one."""
        if not self.is_on or self._random.random() >= self._plan.fault_shares.get(fault, 0):
            return False
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return True


class FaultyConnection(InlineConnection):
    """One connection of one life of the server. After the end of that life it never answers again."""

    def __init__(self, connection: sqlite3.Connection, faults: Faults, *, writer: bool) -> None:
        super().__init__(connection)
        self._faults, self._writer = faults, writer
        self._dead = False

    @property
    def in_transaction(self) -> bool:
        return not self._dead and super().in_transaction

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> sqlite3.Cursor:
        await self._pause()
        if not self._writer or sql != "COMMIT":
            self._may_fail(sql)
            return await super().execute(sql, parameters)
        if self._faults.strikes("lost-commit"):
            raise sqlite3.OperationalError(BROKEN)
        if self._faults.strikes("crash-before-commit"):
            await self._crash()
        done = await super().execute(sql, parameters)
        if self._faults.strikes("crash-after-commit"):
            await self._crash()
        await self._pause()  # durable, and nobody knows
        if self._faults.strikes("kept-commit"):
            raise sqlite3.OperationalError(BROKEN)
        return done

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> sqlite3.Cursor:
        await self._pause()
        self._may_fail(sql)
        return await super().executemany(sql, parameters)

    async def execute_fetchall(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> Iterable[Sequence[Any]]:
        await self._pause()
        if sql == loading.LOAD_CALENDAR and self._faults.strikes("load"):
            raise sqlite3.OperationalError(BROKEN)
        return await super().execute_fetchall(sql, parameters)

    def die(self) -> None:
        """As `kill -9`: what was not committed is gone, and whoever waits waits for ever."""
        if not self._dead:
            self._dead = True
            with suppress(sqlite3.ProgrammingError):  # closed in good order
                self._connection.rollback()  # a statement still known somewhere would keep the lock beyond the close
                self._connection.close()

    def _may_fail(self, sql: str) -> None:
        if self._writer and sql != "ROLLBACK" and self._faults.strikes("statement"):
            raise sqlite3.OperationalError(FULL)

    async def _pause(self) -> None:
        await self._faults.delay()
        if self._dead:
            await asyncio.get_running_loop().create_future()

    async def _crash(self) -> None:
        self._faults.crash()
        await asyncio.get_running_loop().create_future()


class Disk:
    """The database file, which outlives every server, and the eye of the tests on it."""

    def __init__(self, path: Path, faults: Faults, plan: Plan) -> None:
        self.path = path
        self.faults = faults
        self.journal: SqliteJournal | None = None
        self._plan = plan
        self._open: list[FaultyConnection] = []
        self._eye: sqlite3.Connection | None = None

    @property
    def eye(self) -> sqlite3.Connection:
        """Sees what is committed, at once and without delay."""
        if self._eye is None:
            self._eye = sqlite3.connect(self.path, isolation_level=None, timeout=0)
            self._eye.execute("PRAGMA query_only = ON")
            self._eye.row_factory = sqlite3.Row
        return self._eye

    def close(self) -> None:
        self.crash()
        if self._eye is not None:
            self._eye.close()

    def crash(self) -> None:
        """All connections of the server end where they are."""
        for connection in self._open:
            connection.die()
        self._open.clear()

    @asynccontextmanager
    async def open(self, config: Config, clock: Clock, ids: Ids) -> AsyncIterator[Storage]:
        """What `running` asks for in place of the threaded database."""
        async with AsyncExitStack() as stack:
            writer = stack.enter_context(self._connection(writer=True))
            await migrate(writer)
            epoch = await keep_meta(writer, "epoch", ids.new_id())
            reader = stack.enter_context(self._connection(writer=False))
            journal = await stack.enter_async_context(SqliteJournal(writer, reader))
            if self._plan.maintained:
                keeper = stack.enter_context(self._connection(writer=True))
                await stack.enter_async_context(Maintenance(keeper, journal, clock))
            self.journal = journal
            yield Storage(journal, Queries(reader), epoch, lambda: journal.commits)

    @contextmanager
    def _connection(self, *, writer: bool) -> Any:
        with open_inline(self.path, writer=writer) as plain:
            connection = FaultyConnection(plain._connection, self.faults, writer=writer)
            self._open.append(connection)
            yield connection
            if connection in self._open:
                self._open.remove(connection)
