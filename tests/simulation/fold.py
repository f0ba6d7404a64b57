"""The log told a second time, in few words and by other code: what must have been true after each of its rows."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from actors.calendar.availability import Slot, Window, Zone, day_slots, days
from actors.calendar.state import window_from
from actors.journal import GENESIS, chain_hash

OPEN, HELD, GONE = "open", "held", "gone"
ROWS = (
    "SELECT stream, seq, at_ms, kind, version, subject, payload, previous_hash, hash FROM log"
    " WHERE stream = ? AND seq > ? ORDER BY seq"
)
STAFF = ("staff", "support", "admin")


class Violation(AssertionError):
    """Something that must always be true was not."""


def claim(holds: object, *words: object) -> None:
    """Like `assert`, with facts in its words."""
    if not holds:
        raise Violation(" ".join(map(str, words)))


@dataclass(frozen=True, slots=True)
class Seat:
    """One appointment after one of its rows."""

    id: str
    version: int
    status: str
    start: int
    end: int
    expires_at: int | None
    extensions: int
    cause: str | None
    at_ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class Then:
    """A calendar after one row."""

    zone: str = "UTC"
    slot_minutes: int = 30
    notice_seconds: int = 0
    horizon_days: int = 0
    visit_types: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    live: Mapping[str, Seat] = field(default_factory=dict)
    at_ms: int = 0


class Ledger:
    """One calendar's log up to now. `terms` are those of the settings, in seconds."""

    def __init__(self, calendar: str, hold_seconds: int, extension_seconds: int, extensions: int) -> None:
        self.calendar = calendar
        self.then: list[Then] = [Then()]  # by seq
        self.seats: dict[str, list[Seat]] = {}  # every state of every appointment, by version
        self.kinds: list[str] = [""]  # of each row, by seq
        self._terms = (hold_seconds, extension_seconds, extensions)
        self._hash = GENESIS
        self._zones: dict[str, Zone] = {}
        self._grids: dict[tuple[object, ...], list[Slot]] = {}

    @property
    def head(self) -> int:
        """How many rows were read."""
        return len(self.then) - 1

    def follow(self, disk: sqlite3.Connection) -> None:
        """Read what was added, and prove each row on its own and against all before."""
        for row in disk.execute(ROWS, (self.calendar, self.head)).fetchall():
            claim(row["seq"] == self.head + 1, self.calendar, "has a hole in its log before", row["seq"])
            digest = self._chained(row)
            payload = json.loads(row["payload"])
            before = self.then[-1]
            claim(row["at_ms"] >= before.at_ms, self.calendar, row["seq"], "is older than the row before it")
            after = replace(self._after(before, row, payload), at_ms=row["at_ms"])
            # Only now: who asks again after a failure is told the same.
            self._hash = digest
            self.then.append(after)
            self.kinds.append(row["kind"])

    def standings(self, seq: int, visit_type: str | None, from_ms: int, to_ms: int) -> dict[int, set[str]]:
        """What the public may have been told of each start at `seq`, at some moment between the two.

        Absent is gone. A hold whose time is over may be told as held or open until its row is written.
        """
        then = self.then[seq]
        zone = self._zone(then.zone)
        first, last = zone.day_of(from_ms // 1000), zone.day_of(to_ms // 1000)
        surely, perhaps = _later(zone, first, then.horizon_days), _later(zone, last, then.horizon_days)
        notice_ms = then.notice_seconds * 1000
        found: dict[int, set[str]] = {}
        for day in days(first, perhaps):
            for slot in self._grid(then, zone, day, visit_type):
                start_ms = slot.start * 1000
                if start_ms < from_ms + notice_ms:
                    continue
                states = _standing(then, slot, to_ms)
                if start_ms < to_ms + notice_ms or day > surely:
                    states.add(GONE)
                if states != {GONE}:
                    found[slot.start] = states
        return found

    def hours_changed(self, window: str) -> int:
        """The `seq` of the last row that tells of a window, 0 for none."""
        for seq in range(self.head, 0, -1):
            if self.then[seq].windows.get(window) is not self.then[seq - 1].windows.get(window):
                return seq
        return 0

    def offers(self, seq: int, visit_type: str | None) -> bool:
        """Whether one could ask for that visit type then."""
        return visit_type is None or visit_type in self.then[seq].visit_types

    def _after(self, then: Then, row: sqlite3.Row, payload: Mapping[str, Any]) -> Then:
        match row["kind"]:
            case "calendar_opened":
                return _reshaped(then, payload["after"], payload["after"]["adopted"])
            case "calendar_changed":
                return _reshaped(then, payload["after"], {})
            case "terms_adopted":
                claim(payload["before"] != payload["after"], "terms were adopted that were in force")
                return _reshaped(then, {}, payload["after"])
            case "window_added" | "window_changed":
                window = window_from(payload["after"])
                claim((window.id in then.windows) == (row["kind"] == "window_changed"), row["kind"], window)
                return replace(then, windows={**then.windows, window.id: window})
            case "window_removed":
                gone = window_from(payload["before"])
                claim(then.windows.get(gone.id) == gone, "a window was removed that was another", gone)
                return replace(then, windows={k: v for k, v in then.windows.items() if k != gone.id})
            case "hold_placed":
                return self._placed(then, row, payload)
            case _:
                return self._moved(then, row, payload)

    def _placed(self, then: Then, row: sqlite3.Row, payload: Mapping[str, Any]) -> Then:
        name, at_ms = row["subject"], row["at_ms"]
        claim(name not in self.seats, name, "was placed twice")
        slot = Slot(payload["start"], payload["end"], payload["buffer_seconds"])
        zone = self._zone(then.zone)
        grid = self._grid(then, zone, zone.day_of(slot.start), payload["visit_type"])
        claim(slot in grid, row["seq"], "holds a time outside of hours", slot, grid)
        notice = 0 if payload["by"]["kind"] in STAFF else then.notice_seconds
        claim(slot.start * 1000 >= at_ms + notice * 1000, row["seq"], "holds a time that is too near")
        claim(payload["expires_at"] == -(-at_ms // 1000) + self._terms[0], row["seq"], "has another length")
        for seat in then.live.values():
            claim(not _meets(slot, seat), row["seq"], "takes", slot, "which is", seat)
        seat = Seat(name, 1, "held", slot.start, slot.end, payload["expires_at"], 0, None, at_ms, row["seq"])
        self.seats[name] = [seat]
        return replace(then, live={**then.live, name: seat})

    def _moved(self, then: Then, row: sqlite3.Row, payload: Mapping[str, Any]) -> Then:
        name, at_ms = row["subject"], row["at_ms"]
        claim(name in then.live, row["seq"], row["kind"], "of one that is not live:", self.seats.get(name))
        old = then.live[name]
        claim(payload["from"] == old.status, row["seq"], "says from", payload["from"], "and it was", old)
        claim((payload["start"], payload["end"]) == (old.start, old.end), row["seq"], "tells another time")
        new = replace(old, version=old.version + 1, status=payload["to"], at_ms=at_ms, seq=row["seq"])
        new = self._checked(row["kind"], old, new, payload)
        self.seats[name].append(new)
        live = {key: seat for key, seat in then.live.items() if key != name}
        return replace(then, live={**live, name: new} if new.status in ("held", "confirmed") else live)

    def _checked(self, kind: str, old: Seat, new: Seat, payload: Mapping[str, Any]) -> Seat:
        """What each kind of row must keep, above all the edges of a hold's time."""
        _, extension_seconds, extensions = self._terms
        was_over = old.expires_at is not None and new.at_ms >= old.expires_at * 1000
        match kind:
            case "hold_extended":
                claim(not was_over, old, "was extended when its time was over")
                claim(payload["expires_at"] == (old.expires_at or 0) + extension_seconds, old, "grew oddly")
                claim(old.extensions < extensions, old, "was extended too often")
                return replace(new, expires_at=payload["expires_at"], extensions=old.extensions + 1)
            case "hold_expired":
                claim((payload["cause"] == "timeout") == was_over, old, "ended as", payload["cause"], new.at_ms)
                return replace(new, cause=payload["cause"])
            case "appointment_confirmed":
                claim(not was_over, old, "was confirmed when its time was over")
                return replace(new, expires_at=None)
            case "appointment_cancelled":
                claim(not was_over, old, "was cancelled when its time was over")
                return new
            case _:
                raise Violation(f"an unknown kind of row: {kind}")

    def _chained(self, row: sqlite3.Row) -> bytes:
        facts = (row["stream"], row["seq"], row["at_ms"], row["kind"], row["version"], row["payload"])
        digest = chain_hash(self._hash, *facts)
        intact = row["previous_hash"] == self._hash and row["hash"] == digest
        claim(intact, self.calendar, "breaks its chain at", row["seq"])
        return digest

    def _zone(self, name: str) -> Zone:
        return self._zones.setdefault(name, Zone(name))

    def _grid(self, then: Then, zone: Zone, day: Any, visit_type: str | None) -> list[Slot]:
        minutes = then.visit_types.get(visit_type, 0) if visit_type else None
        if minutes == 0:
            return []
        key = (day, minutes, then.slot_minutes, then.zone, id(then.windows))
        if key not in self._grids:
            self._grids[key] = day_slots(zone, then.windows.values(), day, minutes, then.slot_minutes)
        return self._grids[key]


def _reshaped(then: Then, row: Mapping[str, Any], adopted: Mapping[str, Any]) -> Then:
    return replace(
        then,
        zone=row.get("timezone", then.zone),
        slot_minutes=row.get("slot_minutes", then.slot_minutes),
        notice_seconds=adopted.get("notice_seconds", then.notice_seconds),
        horizon_days=adopted.get("horizon_days", then.horizon_days),
        visit_types=adopted.get("visit_types", then.visit_types),
    )


def _later(zone: Zone, day: Any, by: int) -> Any:
    return type(day).fromordinal(day.toordinal() + by)


def _standing(then: Then, slot: Slot, to_ms: int) -> set[str]:
    states = {OPEN}
    for seat in _in_the_way(then, slot):
        if seat.status == "confirmed":
            return {GONE}
        if (seat.expires_at or 0) * 1000 > to_ms:
            states = {HELD}
        elif states == {OPEN}:
            states = {OPEN, HELD}
    return states


def _in_the_way(then: Then, slot: Slot) -> Iterator[Seat]:
    return (seat for seat in then.live.values() if _meets(slot, seat))


def _meets(slot: Slot, seat: Seat) -> bool:
    return slot.start < seat.end + slot.buffer and seat.start < slot.end + slot.buffer
