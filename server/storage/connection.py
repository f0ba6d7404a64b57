"""Opening the database file. Connections close with their `async with`: one left open hangs the process."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from server.storage.migrations import inspect

BUSY_TIMEOUT_MS = 5000  # other processes (keys, users, backup) write in transactions of a few milliseconds

# No automatic checkpoints: one inside COMMIT makes a durable commit look failed. See maintenance.py.
WRITER_PRAGMAS = (
    f"busy_timeout = {BUSY_TIMEOUT_MS}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "secure_delete = ON",
)
READER_PRAGMAS = (f"busy_timeout = {BUSY_TIMEOUT_MS}", "query_only = ON", "trusted_schema = OFF")


@asynccontextmanager
async def open_writer(path: str | os.PathLike[str]) -> AsyncIterator[aiosqlite.Connection]:
    """A connection that may write, once the file is known to be ours; makes an empty file where is none.

    The caller holds the database's lock (`lock.py`) or writes in short immediate transactions only.
    """
    _make_private(path)
    async with aiosqlite.connect(Path(path), isolation_level=None) as connection:
        await inspect(connection)
        for pragma in WRITER_PRAGMAS:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        yield connection


@asynccontextmanager
async def open_reader(path: str | os.PathLike[str]) -> AsyncIterator[aiosqlite.Connection]:
    """A connection that cannot write. Statements are short, so that the write-ahead log can be cut back."""
    async with aiosqlite.connect(_read_only(path), uri=True, isolation_level=None) as connection:
        for pragma in READER_PRAGMAS:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        connection.row_factory = sqlite3.Row
        yield connection


def _read_only(path: str | os.PathLike[str]) -> str:
    return f"file:{quote(str(Path(path).absolute()))}?mode=ro"


def _make_private(path: str | os.PathLike[str]) -> None:
    """Create a missing file readable by its owner alone; its -wal and -shm take the same mode.

    Only a file that is not there: to open and close one that SQLite uses would drop SQLite's locks.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
