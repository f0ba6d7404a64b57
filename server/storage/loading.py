"""What a stream's owner starts from, as one SQL statement: rows of several tables, padded to one width."""

from collections.abc import Iterable, Sequence
from typing import Any

from actors.journal import GENESIS, Loaded, Record
from actors.tables import LOAD_ORDER, TABLES
from server.storage.codec import quoted

CLINIC = "clinic"
LONGEST_SECONDS = 86400  # no appointment is longer (a CHECK of the schema): bounds how far back to look

# The planner would rather walk the whole table in order of clinicians.
DUE = (
    "SELECT clinician, min(expires_at) FROM appointments INDEXED BY appointments_held WHERE status = 'held'"
    " GROUP BY clinician ORDER BY 2, 1"
)

_CONDITIONS = {
    "clinicians": "id = :stream",
    "windows": "clinician = :stream AND removed_at_ms IS NULL",
    "appointments": "clinician = :stream AND status IN ('held', 'confirmed')"
    f' AND start > :live_after - {LONGEST_SECONDS} AND "end" > :live_after',
    "visit_types": "true",
    "clinic": "true",
}
_WIDTH = max(len(TABLES[table]) for table in _CONDITIONS)


def _part(label: str, columns: str, count: int, rest: str) -> str:
    return f"SELECT '{label}', {columns}{', NULL' * (_WIDTH - count)} FROM {rest}"


def _statement(*tables: str) -> str:
    parts = [_part("", "head, hash", 2, "streams WHERE stream = :stream")]
    for table in tables:
        columns = TABLES[table]
        parts.append(_part(table, quoted(columns), len(columns), f"{table} WHERE {_CONDITIONS[table]}"))
    return " UNION ALL ".join(parts)


_OF_CLINIC = ("clinic", "visit_types")
_OF_CALENDAR = ("clinicians", "windows", "appointments", "visit_types")
LOAD_CLINIC = _statement(*_OF_CLINIC)
LOAD_CALENDAR = _statement(*_OF_CALENDAR)


def load_statement(stream: str, live_after: int) -> tuple[str, dict[str, Any]]:
    """The statement that reads all that `Journal.load` promises, and its parameters."""
    if stream == CLINIC:
        return LOAD_CLINIC, {"stream": stream}
    return LOAD_CALENDAR, {"stream": stream, "live_after": live_after}


def loaded(stream: str, found: Iterable[Sequence[Any]]) -> Loaded:
    """Sort the padded rows of `load_statement` back into their tables."""
    head, digest = 0, GENESIS
    tables = _OF_CLINIC if stream == CLINIC else _OF_CALENDAR
    rows: dict[str, list[Record]] = {table: [] for table in tables}
    for row in found:
        label = row[0]
        if label:
            rows[label].append(dict(zip(TABLES[label], row[1:], strict=False)))
        else:
            head, digest = row[1], row[2]
    return Loaded(head, digest, {table: sorted(rows[table], key=LOAD_ORDER[table]) for table in tables})
