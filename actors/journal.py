"""The port for everything durable: one append is one atomic batch of log rows, table rows and remembered answers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Value = int | str | bytes | None
Record = dict[str, Any]  # one table row, column -> value

GENESIS = bytes(32)  # what the first row of a chain follows


@dataclass(frozen=True, slots=True)
class Entry:
    """One log row to be. The payload is plain JSON and holds no personal data: references and commitments only."""

    at_ms: int
    kind: str
    payload: Mapping[str, Any]
    subject: str | None = None  # the appointment that the row tells of, for its history
    version: int = 1  # of the payload's shape; old shapes are read through upcasters


@dataclass(frozen=True, slots=True)
class Row:
    """The final image of one table row; written over the row with the same primary key."""

    table: str
    values: Record


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer kept under an idempotency key for 24 hours; never holds tokens or personal data."""

    scope: str
    key: str
    fingerprint: str
    at_ms: int
    answer: Record


@dataclass(frozen=True, slots=True)
class Append:
    """What one turn of one stream's owner writes. Compared and set on `expected_head` in the same transaction."""

    stream: str
    expected_head: int
    previous_hash: bytes
    entries: Sequence[Entry]
    rows: Sequence[Row] = ()
    remembered: Sequence[Remembered] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """On disk: survives a kill at the next instant. `seq` and `hash` are those of the last row."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else wrote to the stream: the head is not the expected one. Nothing was written."""

    head: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A constraint of the store said no to this append alone. Nothing was written.

    `constraint` is `claim-overlap`, `patient-overlap`, or the store's own words for a defect.
    """

    constraint: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """That idempotency key has an answer already. Nothing was written."""

    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Busy, full or broken before the commit: nothing was written."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The commit itself failed: it may be on disk or not. Reload before answering anything else."""

    detail: str


Outcome = Appended | Moved | Refused | Duplicate | Failed | Unknown


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a stream's owner starts from: the chain's end and the table rows that it keeps in memory."""

    head: int
    hash: bytes
    rows: Mapping[str, Sequence[Record]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log row as stored."""

    stream: str
    seq: int
    at_ms: int
    kind: str
    version: int
    subject: str | None
    payload: Mapping[str, Any]
    previous_hash: bytes
    hash: bytes


class Journal(Protocol):
    """Durable streams. Every wait of `append` may end in any `Outcome`; nothing raises for an expected one."""

    async def load(self, stream: str, live_after: int) -> Loaded:
        """Head, hash and rows of one stream.

        For a calendar (`stream` = clinician id) `rows` has `clinicians` (0 or 1), `windows` (not removed),
        `appointments` (held or confirmed that end after `live_after`, Unix seconds) and all `visit_types`.
        For `"clinic"`: `clinic` (0 or 1) and `visit_types`. Never seen: head 0, hash GENESIS.
        """

    async def find(self, table: str, key: str) -> Record | None:
        """One row by its primary key, as last committed: `appointments`, `windows`, `patients`, `texts`."""

    async def append(self, append: Append) -> Outcome:
        """Write one batch; when it answers `Appended` it is on disk."""

    async def read(self, stream: str, after: int, limit: int) -> list[LogRow]:
        """Log rows with `seq > after`, oldest first, at most `limit`."""

    async def due(self) -> list[tuple[str, int]]:
        """Calendars that have open holds, each with its earliest `expires_at`, soonest first."""


def chain_hash(previous: bytes, stream: str, seq: int, at_ms: int, kind: str, version: int, payload: bytes) -> bytes:
    """SHA-256 that binds a row to the one before it; `payload` is the stored bytes, never re-encoded."""
    head = f"{stream}\n{seq}\n{at_ms}\n{kind}\n{version}\n".encode()
    return hashlib.sha256(previous + head + payload).digest()


def commitment(salt: bytes, text: str) -> str:
    """What a log row keeps of a text: with the salt gone it tells nothing, with it it proves the text."""
    return hashlib.sha256(salt + text.encode()).hexdigest()
