"""A fresh database for each test, opened as the server opens it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
import pytest

from server.storage.connection import open_reader, open_writer
from server.storage.database import Database
from server.storage.journal import SqliteJournal
from server.storage.migrations import migrate
from server.storage.queries import Queries


@dataclass(frozen=True)
class Store:
    path: Path
    writer: aiosqlite.Connection
    reader: aiosqlite.Connection
    journal: SqliteJournal
    queries: Queries


OpenStore = Callable[..., AbstractAsyncContextManager[Store]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holdfast.db"


@pytest.fixture
def open_store(path: Path) -> OpenStore:
    """Opens the file, again and again if need be; `around` wraps the writer that the journal is given."""

    @asynccontextmanager
    async def opened(around: Callable[[Database], Database] | None = None) -> AsyncIterator[Store]:
        async with open_writer(path) as writer:
            await migrate(writer)
            given: Database = around(writer) if around else writer
            async with open_reader(path) as reader, SqliteJournal(given, reader) as journal:
                yield Store(path, writer, reader, journal, Queries(reader))

    return opened


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store() as opened:
        yield opened
