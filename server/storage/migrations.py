"""Whose file it is, which version its schema has, and the way from an older version to this one."""

import sqlite3
from collections.abc import Mapping
from importlib.resources import files

from server.storage.database import Database

APPLICATION_ID = 0x484F4C44  # "HOLD" in the file's header
SCHEMA_VERSION = 1

# version -> script that leads to it from the version before. A released script is never changed.
MIGRATIONS: Mapping[int, str] = {}


class UnusableDatabase(Exception):
    """The file cannot be served; the message is for the person at the terminal."""


class NotOurs(UnusableDatabase):
    """The file is some other program's database, or no database at all. It was not touched."""


class DatabaseDamaged(UnusableDatabase):
    """SQLite itself says that the file is broken. It was not touched; a backup is the way back."""


class DatabaseTooNew(UnusableDatabase):
    """A later release wrote this file. It was not touched."""


async def inspect(connection: Database) -> int:
    """The schema's version, 0 for an empty file; raises for a file that is not ours. Writes nothing."""
    try:
        ((application_id,),) = await connection.execute_fetchall("PRAGMA application_id")
        ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
        ((tables,),) = await connection.execute_fetchall("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise NotOurs("the database file is not an SQLite database") from error
        raise DatabaseDamaged(f"the database file is damaged ({error}): put a backup in its place") from error
    if not (application_id == APPLICATION_ID or application_id == version == tables == 0):
        raise NotOurs(f"the database file belongs to another program (application_id {application_id:#x})")
    if version > SCHEMA_VERSION:
        raise DatabaseTooNew(
            f"the database has version {version}, this release knows {SCHEMA_VERSION}: use a newer release"
        )
    return int(version)


async def migrate(connection: Database) -> int:
    """Bring the file to `SCHEMA_VERSION`, each step in one transaction; answers the version that it had."""
    found = await inspect(connection)
    if found == 0:
        await _step(connection, schema(), SCHEMA_VERSION)
    else:
        for version in range(found + 1, SCHEMA_VERSION + 1):
            await _step(connection, MIGRATIONS[version], version)
    return found


def schema() -> str:
    """The script that makes an empty database of `SCHEMA_VERSION`."""
    return files("server.storage").joinpath("schema.sql").read_text("utf-8")


async def _step(connection: Database, script: str, version: int) -> None:
    stamp = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
    try:
        await connection.executescript(f"BEGIN IMMEDIATE;\n{script}\n{stamp}\nCOMMIT;")
    except BaseException:
        if connection.in_transaction:
            await connection.execute("ROLLBACK")
        raise
