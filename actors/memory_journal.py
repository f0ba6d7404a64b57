"""The journal in memory: the same answers as the durable one, for tests and simulations of actors."""

import json
from collections import deque
from typing import Any

from actors.journal import (
    GENESIS,
    Append,
    Appended,
    Duplicate,
    Entry,
    Loaded,
    LogRow,
    Moved,
    Outcome,
    Record,
    Refused,
    Remembered,
    Row,
    Unknown,
    chain_hash,
)
from actors.tables import LOAD_ORDER, TABLES

_LIVE = ("held", "confirmed")
_UNIQUE = {"appointments": ("number", "reference"), "users": ("email",)}


class _Constraint(Exception):
    """A constraint said no."""


class MemoryJournal:
    """A `Journal` that forgets all with the process. `next_outcomes` answers coming appends in its stead.

    An `Unknown` there is written all the same, any other outcome is not: the worst case for actors.
    """

    def __init__(self) -> None:
        self.commits = 0
        self.appends = 0
        self.next_outcomes: deque[Outcome] = deque()
        self._streams: dict[str, tuple[int, bytes]] = {}
        self._log: dict[str, list[LogRow]] = {}
        self._tables: dict[str, dict[str, Record]] = {table: {} for table in TABLES}
        self._remembered: dict[tuple[str, str], Remembered] = {}

    async def load(self, stream: str, live_after: int) -> Loaded:
        """Head, hash and rows of one stream."""
        kept: dict[str, list[Record]] = {"visit_types": list(self._tables["visit_types"].values())}
        if stream == "clinic":
            kept["clinic"] = list(self._tables["clinic"].values())
        else:
            kept["clinicians"] = [row for row in self._tables["clinicians"].values() if row["id"] == stream]
            kept["windows"] = [
                row
                for row in self._tables["windows"].values()
                if row["clinician"] == stream and row["removed_at_ms"] is None
            ]
            kept["appointments"] = [
                row
                for row in self._tables["appointments"].values()
                if row["clinician"] == stream and row["status"] in _LIVE and row["end"] > live_after
            ]
        head, digest = self._streams.get(stream, (0, GENESIS))
        rows = {table: sorted(map(dict, kept[table]), key=LOAD_ORDER[table]) for table in kept}
        return Loaded(head, digest, rows)

    async def find(self, table: str, key: str) -> Record | None:
        """One row by its primary key."""
        row = self._tables[table].get(key)
        return None if row is None else dict(row)

    async def append(self, append: Append) -> Outcome:
        """Write one batch, or answer what stands next in `next_outcomes`."""
        for row in append.rows:
            if set(row.values) != set(TABLES[row.table]):
                raise KeyError(f"columns of {row.table}: {sorted(set(row.values) ^ set(TABLES[row.table]))}")
        if not self.next_outcomes:
            return self._write(append)
        outcome = self.next_outcomes.popleft()
        if isinstance(outcome, Unknown):
            self._write(append)
        return outcome

    async def read(self, stream: str, after: int, limit: int) -> list[LogRow]:
        """Log rows with `seq > after`, oldest first, at most `limit`."""
        return self._log.get(stream, [])[after : after + limit]

    async def due(self) -> list[tuple[str, int]]:
        """Calendars that have open holds, each with its earliest `expires_at`, soonest first."""
        earliest: dict[str, int] = {}
        for row in self._tables["appointments"].values():
            if row["status"] == "held":
                known = earliest.get(row["clinician"], row["expires_at"])
                earliest[row["clinician"]] = min(known, row["expires_at"])
        return sorted(earliest.items(), key=lambda item: (item[1], item[0]))

    async def remembered(self, scope: str, key: str) -> Remembered | None:
        """The answer under an idempotency key."""
        return self._remembered.get((scope, key))

    def rows(self, table: str) -> list[Record]:
        """Every row of a table, for assertions."""
        return [dict(row) for row in self._tables[table].values()]

    def _write(self, append: Append) -> Outcome:
        head, _ = self._streams.get(append.stream, (0, GENESIS))
        if head != append.expected_head:
            return Moved(head)
        names = [(remembered.scope, remembered.key) for remembered in append.remembered]
        for place, name in enumerate(names):
            if name in self._remembered or name in names[:place]:
                return Duplicate(*name)
        try:
            self._write_rows(append.rows)
        except _Constraint as refusal:
            return Refused(str(refusal))
        log = self._log.setdefault(append.stream, [])
        digest = append.previous_hash
        for entry in append.entries:
            log.append(_chained(append.stream, head := head + 1, entry, digest))
            digest = log[-1].hash
        self._streams[append.stream] = (head, digest)
        self._remembered.update(zip(names, append.remembered, strict=True))
        self.commits += 1
        self.appends += 1
        return Appended(head, digest)

    def _write_rows(self, rows: Any) -> None:
        """Upsert all rows or none: last images only, endings of claims before takings."""
        images: dict[tuple[str, str], Row] = {}
        for row in rows:
            name = (row.table, row.values[TABLES[row.table][0]])
            images.pop(name, None)
            images[name] = row
        before = {name: self._tables[name[0]].get(name[1]) for name in images}
        try:
            for (table, key), row in sorted(images.items(), key=_endings_first):
                self._check(table, key, row.values)
                self._tables[table][key] = dict(row.values)
        except _Constraint:
            for (table, key), old in before.items():
                if old is not None:
                    self._tables[table][key] = old
                else:
                    self._tables[table].pop(key, None)
            raise

    def _check(self, table: str, key: str, new: Record) -> None:
        for column in _UNIQUE.get(table, ()):
            if any(row[column] == new[column] for other, row in self._tables[table].items() if other != key):
                raise _Constraint(f"UNIQUE constraint failed: {table}.{column}")
        if table == "claims" and new["live"]:
            self._check_claim(new, self._tables["claims"].get(key))

    def _check_claim(self, new: Record, old: Record | None) -> None:
        """As the schema's triggers: only a claim that enters live or changes what is compared is checked."""
        entered = old is None or not old["live"] or (old["start"], old["end"]) != (new["start"], new["end"])
        placed = entered or old is None or old["overlap"] or old["clinician"] != new["clinician"]
        if not new["overlap"] and placed and self._meets(new, "clinician"):
            raise _Constraint("claim-overlap")
        named = entered or old is None or old["patient"] != new["patient"]
        if new["patient"] is not None and named and self._meets(new, "patient"):
            raise _Constraint("patient-overlap")

    def _meets(self, new: Record, column: str) -> bool:
        return any(
            row["live"]
            and row[column] == new[column]
            and row["start"] < new["end"]
            and new["start"] < row["end"]
            and row["appointment"] != new["appointment"]
            for row in self._tables["claims"].values()
        )


def _endings_first(item: tuple[tuple[str, str], Row]) -> bool:
    (table, _), row = item
    return table == "claims" and bool(row.values["live"])


def _chained(stream: str, seq: int, entry: Entry, previous: bytes) -> LogRow:
    payload = json.dumps(entry.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    digest = chain_hash(previous, stream, seq, entry.at_ms, entry.kind, entry.version, payload)
    return LogRow(
        stream,
        seq,
        entry.at_ms,
        entry.kind,
        entry.version,
        entry.subject,
        json.loads(payload),
        previous,
        digest,
    )
