"""Opening and migrating files: new, ours, foreign and newer ones."""

import sqlite3
import stat
from pathlib import Path

import pytest

from server.storage import migrations
from server.storage.connection import open_reader, open_writer
from server.storage.database import immediate
from server.storage.migrations import APPLICATION_ID, SCHEMA_VERSION, DatabaseTooNew, NotOurs, migrate


async def test_an_empty_file_becomes_a_database_of_this_version(path: Path) -> None:
    async with open_writer(path) as writer:
        assert await migrate(writer) == 0
        assert await migrate(writer) == SCHEMA_VERSION
        assert list(await writer.execute_fetchall("PRAGMA application_id")) == [(APPLICATION_ID,)]
        assert list(await writer.execute_fetchall("PRAGMA user_version")) == [(SCHEMA_VERSION,)]


async def test_only_the_owner_may_read_the_file(path: Path) -> None:
    async with open_writer(path) as writer:
        await migrate(writer)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


async def test_the_writer_is_durable_and_checkpoints_only_when_told(path: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 0, "foreign_keys": 1}
    wanted |= {"trusted_schema": 0, "secure_delete": 1, "busy_timeout": 5000}
    async with open_writer(path) as writer:
        for pragma, value in wanted.items():
            assert [tuple(row) for row in await writer.execute_fetchall(f"PRAGMA {pragma}")] == [(value,)]


async def test_the_reader_cannot_write(path: Path) -> None:
    async with open_writer(path) as writer:
        await migrate(writer)
        async with open_reader(path) as reader:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await reader.execute("DELETE FROM meta")


async def test_paths_with_characters_of_addresses_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c %20.db"
    async with open_writer(path) as writer:
        await migrate(writer)
        async with open_reader(path) as reader:
            assert list(await reader.execute_fetchall("SELECT * FROM log")) == []
    assert path.exists()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("CREATE TABLE theirs (a)", NotOurs),
        ("CREATE TABLE theirs (a); PRAGMA application_id = 7; PRAGMA user_version = 1", NotOurs),
        (f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99", DatabaseTooNew),
    ],
)
async def test_foreign_and_newer_databases_are_refused_untouched(
    path: Path, script: str, error: type[Exception]
) -> None:
    foreign = sqlite3.connect(path)
    foreign.executescript(script)
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(error):
        async with open_writer(path):
            raise AssertionError("opened")
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    path.write_bytes(b"a letter, not a database; " * 100)
    with pytest.raises(NotOurs):
        async with open_writer(path):
            raise AssertionError("opened")
    assert path.read_bytes() == b"a letter, not a database; " * 100


async def test_an_older_database_goes_through_every_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_writer(path) as writer:
        await migrate(writer)
        steps = {2: "CREATE TABLE second (a) STRICT;", 3: "CREATE TABLE third (a) STRICT;"}
        steps = {version: sql.replace("(a)", "(a TEXT)") for version, sql in steps.items()}
        monkeypatch.setattr(migrations, "MIGRATIONS", steps)
        monkeypatch.setattr(migrations, "SCHEMA_VERSION", 3)
        assert await migrate(writer) == 1
        assert list(await writer.execute_fetchall("PRAGMA user_version")) == [(3,)]
        await writer.execute("INSERT INTO third VALUES ('a')")


async def test_a_step_that_fails_leaves_the_version_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_writer(path) as writer:
        await migrate(writer)
        steps = {
            2: "CREATE TABLE second (a TEXT) STRICT;",
            3: "CREATE TABLE third (a TEXT) STRICT; nonsense;",
        }
        monkeypatch.setattr(migrations, "MIGRATIONS", steps)
        monkeypatch.setattr(migrations, "SCHEMA_VERSION", 3)
        with pytest.raises(sqlite3.OperationalError):
            await migrate(writer)
        assert list(await writer.execute_fetchall("PRAGMA user_version")) == [(2,)]
        assert not writer.in_transaction
        found = await writer.execute_fetchall(
            "SELECT name FROM sqlite_master WHERE name IN ('second', 'third')"
        )
        assert list(found) == [("second",)]


async def test_an_immediate_block_that_raises_changes_nothing(path: Path) -> None:
    async with open_writer(path) as writer:
        await migrate(writer)
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with immediate(writer):
                await writer.execute("INSERT INTO meta VALUES ('a', 'b')")
                raise ZeroDivisionError
        assert list(await writer.execute_fetchall("SELECT * FROM meta")) == []
