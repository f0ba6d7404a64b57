"""An SQLite connection without a thread, for loops with a moved clock; with the threaded one's methods."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class InlineConnection:
    """Runs each statement within the await. Its file's durability is not the subject: nothing is synced."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters or ())  # type: ignore[arg-type]

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> sqlite3.Cursor:
        return self._connection.executemany(sql, parameters)  # type: ignore[arg-type]

    async def execute_fetchall(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> Iterable[Sequence[Any]]:
        return self._connection.execute(sql, parameters or ()).fetchall()  # type: ignore[arg-type]

    async def executescript(self, sql_script: str) -> sqlite3.Cursor:
        return self._connection.executescript(sql_script)


@contextmanager
def open_inline(path: Path, *, writer: bool) -> Iterator[InlineConnection]:
    """A connection to a file of this process alone; open one writer and one reader, as the server does."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {pragma}")
        if not writer:
            connection.execute("PRAGMA query_only = ON")
            connection.row_factory = sqlite3.Row
        yield InlineConnection(connection)
    finally:
        connection.close()
