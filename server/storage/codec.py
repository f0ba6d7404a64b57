"""Between appends and SQL, without I/O: statements from the table of columns, parameters from rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from actors.journal import Append, LogRow, Record, Row, chain_hash
from actors.tables import TABLES

Parameters = tuple[Any, ...]

INSERT_STREAM = "INSERT INTO streams (head, hash, at_ms, stream) VALUES (?, ?, ?, ?)"
MOVE_STREAM = "UPDATE streams SET head = ?, hash = ?, at_ms = ? WHERE stream = ? AND head = ?"
INSERT_REMEMBERED = "INSERT INTO idempotency (scope, key, fingerprint, at_ms, answer) VALUES (?, ?, ?, ?, ?)"
LOG_COLUMNS = "stream, seq, at_ms, kind, version, subject, payload, previous_hash, hash"
INSERT_LOG = f"INSERT INTO log ({LOG_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SELECT_LOG = f"SELECT {LOG_COLUMNS} FROM log WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?"

_LIVE = TABLES["claims"].index("live")


@dataclass(frozen=True, slots=True)
class TableCodec:
    """How one table's rows become parameters, and its upsert by primary key."""

    columns: tuple[str, ...]
    pick: Callable[[Record], Parameters]
    upsert: str
    select: str

    @staticmethod
    def of(table: str) -> "TableCodec":
        columns = TABLES[table]
        names = quoted(columns)
        marks = ", ".join("?" * len(columns))
        sets = ", ".join(f'"{column}" = excluded."{column}"' for column in columns[1:])
        return TableCodec(
            columns,
            itemgetter(*columns),
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({columns[0]}) DO UPDATE SET {sets}",
            f"SELECT {names} FROM {table} WHERE {columns[0]} = ?",
        )


@dataclass(slots=True)
class Prepared:
    """One append as parameters, made before it is queued: what is wrong with it is its caller's error."""

    append: Append
    seq: int
    hash: bytes
    stream: Parameters
    log: list[Parameters]
    rows: list[tuple[str, Parameters]]
    remembered: list[Parameters]


def quoted(columns: Iterable[str]) -> str:
    """Column names for SQL (`end` is a keyword)."""
    return ", ".join(f'"{column}"' for column in columns)


CODECS: Mapping[str, TableCodec] = {table: TableCodec.of(table) for table in TABLES}


def prepare(append: Append) -> Prepared:
    """Encode and hash. KeyError: an unknown table, or a row whose columns are not exactly the table's."""
    stream, seq, digest, at_ms = append.stream, append.expected_head, append.previous_hash, 0
    log: list[Parameters] = []
    for entry in append.entries:
        seq += 1
        at_ms, kind, version = entry.at_ms, entry.kind, entry.version
        payload = orjson.dumps(entry.payload, option=orjson.OPT_SORT_KEYS)
        following = chain_hash(digest, stream, seq, at_ms, kind, version, payload)
        log.append((stream, seq, at_ms, kind, version, entry.subject, payload, digest, following))
        digest = following
    return Prepared(
        append,
        seq,
        digest,
        (seq, digest, at_ms, stream, append.expected_head),
        log,
        [_encode(row) for row in append.rows],
        [(r.scope, r.key, r.fingerprint, r.at_ms, orjson.dumps(r.answer)) for r in append.remembered],
    )


def statements(batch: Sequence[Prepared]) -> list[tuple[str, Sequence[Parameters], bool]]:
    """What writes a batch, in order: (SQL, parameters, whether each must change exactly one row).

    Of several images of one row only the last is written. Endings of claims come before takings, so that a
    time let go can be taken in the same batch; remembered answers come before rows, so that a
    request sent twice is told so, and not that its time is taken.
    """
    born = [p.stream[:4] for p in batch if p.append.expected_head == 0]
    moved = [p.stream for p in batch if p.append.expected_head]
    images: dict[str, dict[Any, Parameters]] = {}
    for prepared in batch:
        for table, values in prepared.rows:
            of_table = images.setdefault(table, {})
            of_table.pop(values[0], None)  # so that the last image also has the last place
            of_table[values[0]] = values
    found: list[tuple[str, Sequence[Parameters], bool]] = [
        (INSERT_STREAM, born, True),
        (MOVE_STREAM, moved, True),
        (INSERT_LOG, [row for p in batch for row in p.log], False),
        (INSERT_REMEMBERED, [row for p in batch for row in p.remembered], False),
    ]
    for table, of_table in images.items():
        rows = list(of_table.values())
        if table == "claims":
            rows.sort(key=itemgetter(_LIVE))
        found.append((CODECS[table].upsert, rows, False))
    return [statement for statement in found if statement[1]]


def log_row(row: Sequence[Any]) -> LogRow:
    """One row of `SELECT_LOG`."""
    stream, seq, at_ms, kind, version, subject, payload, previous_hash, digest = row
    return LogRow(stream, seq, at_ms, kind, version, subject, orjson.loads(payload), previous_hash, digest)


def broken_link(rows: Iterable[Sequence[Any]], previous: bytes) -> int | None:
    """The first `seq` in rows of `SELECT_LOG` that does not follow `previous`, judged on the stored bytes."""
    for stream, seq, at_ms, kind, version, _, payload, previous_hash, digest in rows:
        following = chain_hash(previous, stream, seq, at_ms, kind, version, payload)
        if previous_hash != previous or digest != following:
            return int(seq)
        previous = digest
    return None


def _encode(row: Row) -> tuple[str, Parameters]:
    codec, values = CODECS[row.table], row.values
    if len(values) != len(codec.columns):
        raise KeyError(f"columns of {row.table}: {sorted(set(values) ^ set(codec.columns))}")
    return row.table, codec.pick(values)
