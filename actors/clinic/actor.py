"""The clinic as an actor: the only writer of its row and visit types; tells the calendars what is offered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.clock import Clock
from actors.command import By, Remember
from actors.journal import Append, Appended, Duplicate, Entry, Journal, Record, Remembered, Row, Unknown
from actors.refusals import AlreadyAnswered, Invalid, OutcomeUnknown, Unavailable
from actors.runtime import Abandon, OneByOne

STREAM = "clinic"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClinic:
    """Set the clinic up, once. `row` is its table row without `created_at_ms`."""

    by: By
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVisitType:
    """Offer a new kind of visit. `row` is its table row without `position` and `created_at_ms`."""

    by: By
    row: Mapping[str, Any]
    remember: Remember | None = None


class ClinicActor(OneByOne):
    """One message a turn; each that changes something is one row of the clinic's log."""

    def __init__(
        self, journal: Journal, clock: Clock, tell_calendars: Callable[[Mapping[str, int]], None]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._tell_calendars = tell_calendars
        self._head = 0
        self._hash = b""
        self._is_open = False
        self._visit_types: list[Record] = []

    async def start(self) -> None:
        loaded = await self._journal.load(STREAM, 0)
        self._head, self._hash = loaded.head, loaded.hash
        self._is_open = bool(loaded.rows.get("clinic"))
        self._visit_types = [dict(row) for row in loaded.rows.get("visit_types", ())]

    async def receive(self, message: object) -> object:
        if self.read_only:
            raise Unavailable(retry_after=60)
        match message:
            case OpenClinic():
                return await self._open(message)
            case AddVisitType():
                return await self._add_visit_type(message)
            case _:
                raise TypeError(type(message).__name__)

    async def _open(self, command: OpenClinic) -> Record:
        if self._is_open:
            raise Invalid(faults=(("", "the clinic is set up already"),))
        row = {**command.row, "id": STREAM, "created_at_ms": self._clock.now_ms()}
        await self._write("clinic_opened", "clinic", row, command.by, None)
        self._is_open = True
        return row

    async def _add_visit_type(self, command: AddVisitType) -> Record:
        position = 1 + max((found["position"] for found in self._visit_types), default=0)
        row = {**command.row, "position": position, "created_at_ms": self._clock.now_ms()}
        await self._write("visit_type_added", "visit_types", row, command.by, command.remember)
        self._visit_types.append(row)
        self._tell_calendars({found["id"]: found["minutes"] for found in self._visit_types})
        return row

    async def _write(self, kind: str, table: str, row: Record, by: By, remember: Remember | None) -> None:
        at_ms = row["created_at_ms"]
        entry = Entry(at_ms, kind, {"after": row, "by": {"kind": by.kind, "id": by.id}})
        kept = []
        if remember is not None:
            kept = [Remembered(remember.scope, remember.key, remember.fingerprint, at_ms, {"record": row})]
        append = Append(STREAM, self._head, self._hash, [entry], [Row(table, row)], kept)
        match await self._journal.append(append):
            case Appended(seq, chained):
                self._head, self._hash = seq, chained
            case Duplicate(scope, key):
                raise AlreadyAnswered(scope=scope, key=key)
            case Unknown():
                raise Abandon(OutcomeUnknown())
            case _:
                raise Abandon(Unavailable())
