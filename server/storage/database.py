"""What storage asks of a connection: a part of aiosqlite, small enough for a simulation to give in-line."""

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol


class Counted(Protocol):
    """What is left of a statement that was run."""

    @property
    def rowcount(self) -> int: ...


class Database(Protocol):
    """The part of an aiosqlite connection that storage uses; simulations give one without a thread."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Awaitable[Counted]: ...

    def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Awaitable[Counted]: ...

    def execute_fetchall(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> Awaitable[Iterable[Sequence[Any]]]: ...

    def executescript(self, sql_script: str) -> Awaitable[object]: ...


@asynccontextmanager
async def immediate(connection: Database) -> AsyncIterator[None]:
    """One short write transaction: committed at the end of the block, rolled back when it raises."""
    await connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        await connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            await connection.execute("ROLLBACK")
        raise
