"""Keys and users as any process may write them, the command line beside a running server too.

Each function is one short immediate transaction on a writer's connection. Inside the server they go through
`SqliteJournal.apart`, which keeps them out of the journal's own transactions.
"""

from actors.journal import Record
from actors.tables import TABLES
from server.storage.codec import CODECS
from server.storage.database import Database, immediate


class AlreadyThere(Exception):
    """A row with that id or e-mail address exists."""


async def add_key(writer: Database, values: Record) -> None:
    """Store a new API key: every column of `keys`, the secret as its digest alone."""
    async with immediate(writer):
        await _insert(writer, "keys", values, "id")


async def revoke_key(writer: Database, key: str, at_ms: int) -> bool:
    """End a key; False when there is no such key. Revoking twice keeps the first time."""
    async with immediate(writer):
        sql = "UPDATE keys SET revoked_at_ms = coalesce(revoked_at_ms, ?) WHERE id = ?"
        return (await writer.execute(sql, (at_ms, key))).rowcount == 1


async def list_keys(connection: Database) -> list[Record]:
    """All keys, oldest first, without their digests."""
    sql = "SELECT id, scope, partner, created_at_ms, revoked_at_ms FROM keys ORDER BY created_at_ms, id"
    names = ("id", "scope", "partner", "created_at_ms", "revoked_at_ms")
    return [dict(zip(names, row, strict=True)) for row in await connection.execute_fetchall(sql)]


async def add_user(writer: Database, values: Record) -> None:
    """Store a new user: every column of `users`. `AlreadyThere` when the e-mail address is in use."""
    async with immediate(writer):
        await _insert(writer, "users", values, "email")


async def list_users(connection: Database) -> list[Record]:
    """All users, by e-mail address."""
    columns = TABLES["users"]
    rows = await connection.execute_fetchall(f"SELECT {', '.join(columns)} FROM users ORDER BY email")
    return [dict(zip(columns, row, strict=True)) for row in rows]


async def keep_meta(writer: Database, name: str, value: str) -> str:
    """The database's fact of that name, which becomes `value` when there is none yet (its `epoch`, say)."""
    async with immediate(writer):
        await writer.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", (name, value))
        ((kept,),) = await writer.execute_fetchall("SELECT value FROM meta WHERE key = ?", (name,))
        return str(kept)


async def data_version(writer: Database) -> int:
    """A number that changes when another connection has written: what other processes did takes effect."""
    ((version,),) = await writer.execute_fetchall("PRAGMA data_version")
    return int(version)


async def _insert(writer: Database, table: str, values: Record, distinct: str) -> None:
    codec = CODECS[table]
    sql = f"SELECT 1 FROM {table} WHERE {distinct} = ?"
    if await writer.execute_fetchall(sql, (values[distinct],)):
        raise AlreadyThere(str(values[distinct]))
    await writer.execute(codec.upsert, codec.pick(values))
