"""What pages and the API read: plain SQL on the reader's connection, as last committed. Nothing writes."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from actors.journal import GENESIS, LogRow, Record
from actors.tables import TABLES
from server.storage.codec import CODECS, LOG_COLUMNS, SELECT_LOG, broken_link, log_row, quoted
from server.storage.database import Database
from server.storage.loading import LONGEST_SECONDS

_CHAIN_ROWS = 1000  # read at a time while a chain is checked
_HOLD_COLUMNS = ("id", "clinician", "session", "address", "expires_at", "anonymous")
OPEN_HOLDS = f"SELECT {quoted(_HOLD_COLUMNS)} FROM appointments WHERE status = 'held' ORDER BY expires_at"
_HISTORY = f"SELECT {LOG_COLUMNS} FROM log WHERE subject = ? ORDER BY at_ms, row"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which appointments a list shows, and which part of it. Times are Unix seconds.

    "active" is held, or confirmed until its join window closes. `text` is part of the reference, or of the patient's
    name, e-mail address or phone number. `after` is (start, id) of the last row seen.
    """

    status: Literal["active"] | Collection[str]
    now: int
    join_closes_after: int
    clinician: str | None = None
    start_from: int | None = None
    start_before: int | None = None
    text: str | None = None
    limit: int = 50
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What an idempotency key was answered with, and to what request."""

    fingerprint: str
    at_ms: int
    answer: Record


class Queries:
    """Reads of the committed state. Records are dictionaries, column -> value, flags as 0 and 1."""

    def __init__(self, reader: Database) -> None:
        self._reader = reader

    async def clinic(self) -> Record | None:
        return await self._one("clinic", "true", ())

    async def visit_types(self) -> list[Record]:
        return await self._rows("visit_types", "true ORDER BY position, id", ())

    async def clinicians(self) -> list[Record]:
        return await self._rows("clinicians", "true ORDER BY position, id", ())

    async def clinician(self, key: str) -> Record | None:
        return await self._one("clinicians", "id = ?", (key,))

    async def windows(self, clinician: str, removed: bool = False) -> list[Record]:
        """A clinician's windows by weekday and start; `removed` adds those that were removed."""
        alive = "" if removed else " AND removed_at_ms IS NULL"
        return await self._rows(
            "windows", f"clinician = ?{alive} ORDER BY weekday, start_minute, id", (clinician,)
        )

    async def window(self, key: str) -> Record | None:
        return await self._one("windows", "id = ?", (key,))

    async def appointment(self, key: str) -> Record | None:
        return await self._one("appointments", "id = ?", (key,))

    async def patient(self, key: str) -> Record | None:
        return await self._one("patients", "id = ?", (key,))

    async def customer(self, partner: str, customer_id: str) -> Record | None:
        """The one patient that a partner knows by its own id."""
        return await self._one("patients", "partner = ? AND customer_id = ?", (partner, customer_id))

    async def patients(self, keys: Iterable[str]) -> dict[str, Record]:
        """Patients by id; unknown ids are absent."""
        return {row["id"]: row for row in await self._listed("patients", keys)}

    async def texts(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Free texts by id; unknown ids are absent, erased texts are None."""
        return {row["id"]: row["text"] for row in await self._listed("texts", keys)}

    async def appointments(self, wanted: Wanted) -> list[Record]:
        """One page of a list, by (start, id)."""
        where, parameters = appointments_filter(wanted)
        sql = f"SELECT {quoted(TABLES['appointments'])} FROM appointments WHERE {where}"
        return self._records("appointments", await self._reader.execute_fetchall(sql, parameters))

    async def open_holds(self) -> list[Record]:
        """Who holds what: id, clinician, session, address, expires_at and anonymous, soonest end first."""
        rows = await self._reader.execute_fetchall(OPEN_HOLDS)
        return [dict(zip(_HOLD_COLUMNS, row, strict=True)) for row in rows]

    async def last_number(self) -> int:
        """The highest appointment number so far, 0 when there is none."""
        for (number,) in await self._reader.execute_fetchall("SELECT max(number) FROM appointments"):
            return int(number or 0)
        return 0

    async def remembered(self, scope: str, key: str) -> StoredAnswer | None:
        """The answer under an idempotency key."""
        sql = "SELECT fingerprint, at_ms, answer FROM idempotency WHERE scope = ? AND key = ?"
        for fingerprint, at_ms, answer in await self._reader.execute_fetchall(sql, (scope, key)):
            return StoredAnswer(fingerprint, at_ms, orjson.loads(answer))
        return None

    async def key(self, key: str) -> Record | None:
        """An API key by its id, revoked ones too."""
        return await self._one("keys", "id = ?", (key,))

    async def has_users(self) -> bool:
        """Whether anybody was ever made a user."""
        return bool(list(await self._reader.execute_fetchall("SELECT 1 FROM users LIMIT 1")))

    async def user_with_email(self, email: str) -> Record | None:
        return await self._one("users", "email = ?", (email,))

    async def meta(self, name: str) -> str | None:
        """One of the database's own facts, such as its `epoch`."""
        for (value,) in await self._reader.execute_fetchall("SELECT value FROM meta WHERE key = ?", (name,)):
            return str(value)
        return None

    async def history(self, subject: str) -> list[LogRow]:
        """Every log row that tells of an appointment, whatever calendar it was written to."""
        return [log_row(row) for row in await self._reader.execute_fetchall(_HISTORY, (subject,))]

    async def streams(self) -> dict[str, tuple[int, bytes]]:
        """Head and hash of every stream."""
        rows = await self._reader.execute_fetchall("SELECT stream, head, hash FROM streams")
        return {stream: (head, digest) for stream, head, digest in rows}

    async def broken_link(self, stream: str) -> int | None:
        """The first `seq` of a stream at which its chain of hashes is broken; None when it holds."""
        seq, digest = 0, GENESIS
        while rows := list(await self._reader.execute_fetchall(SELECT_LOG, (stream, seq, _CHAIN_ROWS))):
            if (broken := broken_link(rows, digest)) is not None:
                return broken
            seq, digest = rows[-1][1], rows[-1][8]
        return None

    async def _rows(self, table: str, where: str, parameters: Iterable[Any]) -> list[Record]:
        sql = f"SELECT {quoted(TABLES[table])} FROM {table} WHERE {where}"
        return self._records(table, await self._reader.execute_fetchall(sql, parameters))

    async def _one(self, table: str, where: str, parameters: Iterable[Any]) -> Record | None:
        return next(iter(await self._rows(table, where, parameters)), None)

    async def _listed(self, table: str, keys: Iterable[str]) -> list[Record]:
        # One statement for any number of ids, so that it stays in the connection's cache of statements.
        return await self._rows(table, "id IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),))

    @staticmethod
    def _records(table: str, rows: Iterable[Iterable[Any]]) -> list[Record]:
        columns = CODECS[table].columns
        return [dict(zip(columns, row, strict=True)) for row in rows]


# LIKE ignores the case of ASCII letters only. A held one has no patient: it is found by its reference alone.
_MATCHES = (
    "(reference LIKE :text ESCAPE '!' OR patient IN (SELECT id FROM patients WHERE name LIKE :text ESCAPE '!'"
    " OR email LIKE :text ESCAPE '!' OR phone LIKE :text ESCAPE '!'))"
)


def _containing(text: str) -> str:
    """A LIKE pattern, escaped by `!`, for what contains the text."""
    return "%" + text.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"


def appointments_filter(wanted: Wanted) -> tuple[str, Mapping[str, Any]]:
    """WHERE, ORDER BY and LIMIT of a list of appointments, with parameters for all of `Wanted`."""
    conditions: list[str] = []
    if wanted.status == "active":
        # The bound on `start` follows from the longest length; it lets the list begin near the present.
        conditions.append(
            f"status IN ('held', 'confirmed') AND start > :closed - {LONGEST_SECONDS}"
            " AND (status = 'held' OR \"end\" >= :closed)"
        )
    else:
        conditions.append("status IN (SELECT value FROM json_each(:statuses))")
    if wanted.clinician is not None:
        conditions.append("clinician = :clinician")
    if wanted.start_from is not None:
        conditions.append("start >= :start_from")
    if wanted.start_before is not None:
        conditions.append("start < :start_before")
    if wanted.text is not None:
        conditions.append(_MATCHES)
    if wanted.after is not None:
        conditions.append("(start, id) > (:after_start, :after_id)")
    after_start, after_id = wanted.after or (0, "")
    return f"{' AND '.join(conditions)} ORDER BY start, id LIMIT :limit", {
        "closed": wanted.now - wanted.join_closes_after,
        "statuses": json.dumps(list(wanted.status)),
        "clinician": wanted.clinician,
        "start_from": wanted.start_from,
        "start_before": wanted.start_before,
        "text": _containing(wanted.text or ""),
        "after_start": after_start,
        "after_id": after_id,
        "limit": wanted.limit,
    }
