"""What the public hears of a calendar: whole snapshots, changes of starts, and what time alone changes.

Starts are Unix seconds, each in exactly one of open, held or gone. Nothing tells who holds or booked anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from actors.calendar.availability import LONGEST_SLOT_MINUTES, Window, Zone, day_slots, days
from actors.calendar.messages import Since
from actors.calendar.openness import GONE, HELD, OPEN, last_day, public_state, standings, today
from actors.calendar.state import Calendar, window_from
from actors.journal import LogRow

# A client that missed more than this starts anew: the snapshot is smaller than the changes.
RESUME_ROWS = 256
RESUME_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One audience: everybody who looks at one visit type of one calendar."""

    calendar: str
    visit_type: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole open set, today to the horizon."""

    topic: Topic
    minutes: int
    epoch: str
    seq: int
    now: int
    open: tuple[int, ...]
    held: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Resumed:
    """The client's position is still covered; the missed changes follow."""

    topic: Topic
    epoch: str
    seq: int
    now: int


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """The state, at `seq`, of every start that changed after `prev`. Applied twice it does no harm."""

    topic: Topic
    epoch: str
    prev: int
    seq: int
    states: Mapping[int, str]

    def merged(self, later: Self) -> "SlotsChanged":
        """Both changes as one: the last state of each start wins. Behind a gap only the later one can be told."""
        if later.prev > self.seq:
            return later
        states = {**self.states, **later.states}
        return SlotsChanged(self.topic, self.epoch, min(self.prev, later.prev), max(self.seq, later.seq), states)


Frame = Snapshot | Resumed | SlotsChanged


def snapshot(state: Calendar, visit_type: str | None, epoch: str, seq: int, now_ms: int) -> Snapshot:
    """Everything that is open or held now."""
    found = list(standings(state, visit_type, today(state, now_ms), last_day(state, now_ms), now_ms))
    return Snapshot(
        topic=Topic(state.id, visit_type),
        minutes=state.minutes(visit_type),
        epoch=epoch,
        seq=seq,
        now=now_ms // 1000,
        open=tuple(slot.start for slot, how in found if how == OPEN),
        held=tuple(slot.start for slot, how in found if how == HELD),
    )


def starts_near(
    state: Calendar, visit_type: str | None, intervals: Iterable[tuple[int, int]], now_ms: int
) -> set[int]:
    """Starts whose state an appointment in one of these intervals could decide."""
    found: set[int] = set()
    horizon = last_day(state, now_ms)
    buffer = max((window.buffer_minutes for window in state.windows.values()), default=0) * 60
    for begin, end in intervals:
        first = state.zone.day_of(begin - LONGEST_SLOT_MINUTES * 60 - buffer)
        for day in days(first, min(horizon, state.zone.day_of(end + buffer))):
            for slot in state.grid(day, visit_type).values():
                if slot.start < end + slot.buffer and begin < slot.end + slot.buffer:
                    found.add(slot.start)
    return found


def all_starts(state: Calendar, visit_type: str | None, first: date, now_ms: int) -> set[int]:
    """Every start of the grid from a local day to the horizon."""
    return {start for day in days(first, last_day(state, now_ms)) for start in state.grid(day, visit_type)}


def states_of(state: Calendar, visit_type: str | None, starts: Iterable[int], now_ms: int) -> dict[int, str]:
    """The public state of each start now."""
    return {start: public_state(state, start, visit_type, now_ms) for start in starts}


def time_changes(state: Calendar, visit_type: str | None, since_ms: int, now_ms: int) -> dict[int, str]:
    """What time alone changed after `since_ms`: starts that came too near, days that entered the horizon."""
    notice_ms = state.terms.notice_seconds * 1000
    states: dict[int, str] = {}
    too_near = days(state.zone.day_of((since_ms + notice_ms) // 1000), state.zone.day_of((now_ms + notice_ms) // 1000))
    for day in too_near:
        for slot in state.grid(day, visit_type).values():
            if since_ms + notice_ms <= slot.start * 1000 < now_ms + notice_ms:
                states[slot.start] = GONE
    entered = date.fromordinal(last_day(state, since_ms).toordinal() + 1)
    for day in days(entered, last_day(state, now_ms)):
        states.update(states_of(state, visit_type, state.grid(day, visit_type), now_ms))
    return states


def next_edge_ms(state: Calendar, visit_type: str | None, now_ms: int) -> int:
    """The first moment after now at which time alone changes something: never later than the next local midnight."""
    notice_ms = state.terms.notice_seconds * 1000
    midnight = state.zone.midnight(today(state, now_ms).toordinal() + 1) * 1000
    for day in days(state.zone.day_of((now_ms + notice_ms) // 1000), state.zone.day_of((midnight + notice_ms) // 1000)):
        for slot in state.grid(day, visit_type).values():
            edge = slot.start * 1000 - notice_ms + 1
            if edge > now_ms:
                return min(edge, midnight)
    return midnight


def missed_changes(
    state: Calendar, visit_type: str | None, since: Since, rows: Sequence[LogRow], epoch: str, now_ms: int
) -> list[SlotsChanged] | None:
    """The changes after `since`, from the log rows that begin with `since.seq` itself; None where they are not covered.

    The last one covers, with `prev` = `seq`, the time since the row `since.seq` was written.
    """
    if since.epoch != epoch or not rows or rows[0].seq != since.seq or len(rows) > RESUME_ROWS + 1:
        return None
    told_ms = rows[0].at_ms
    if now_ms - told_ms > RESUME_MS:
        return None
    touched = _touched(state, visit_type, rows[1:], told_ms, now_ms)
    if touched is None:
        return None
    topic, head = Topic(state.id, visit_type), rows[-1].seq
    by_time = time_changes(state, visit_type, told_ms, now_ms)
    changes = [SlotsChanged(topic, epoch, head, head, by_time)]
    if len(rows) > 1:
        # With time's own changes too: a client that gets only this one stands at `head` and is asked for no more.
        states = by_time | states_of(state, visit_type, touched, now_ms)
        changes.insert(0, SlotsChanged(topic, epoch, since.seq, head, states))
    return changes


def _touched(
    state: Calendar, visit_type: str | None, rows: Sequence[LogRow], told_ms: int, now_ms: int
) -> set[int] | None:
    """Starts that some rows may have changed; None when the zone or the basic length changed under them."""
    intervals: list[tuple[int, int]] = []
    windows: list[Window] = []
    lengths: set[int] = set()
    reshaped, horizon = False, state.terms.horizon_days
    for row in rows:
        match row.kind:
            case "calendar_opened" | "calendar_changed":
                return None
            case "window_added" | "window_changed" | "window_removed":
                reshaped = True
                windows.extend(window_from(row.payload[side]) for side in ("before", "after") if side in row.payload)
            case "terms_adopted":
                reshaped = True
                lengths |= {row.payload[side]["visit_types"].get(visit_type) for side in ("before", "after")} - {None}
                horizon = max(horizon, *(row.payload[side]["horizon_days"] for side in ("before", "after")))
            case _:
                intervals.append((row.payload["start"], row.payload["end"]))
    if not reshaped:
        return starts_near(state, visit_type, intervals, now_ms)
    last = date.fromordinal(today(state, now_ms).toordinal() + horizon)
    return _reshaped(state, visit_type, windows, lengths, list(days(today(state, told_ms), last)))


def _reshaped(
    state: Calendar, visit_type: str | None, windows: list[Window], lengths: set[int], span: list[date]
) -> set[int]:
    """Every start that the hours of then or now make with the lengths of then or now."""
    found: set[int] = set()
    known = [*windows, *state.windows.values()]
    for minutes in lengths | {state.terms.visit_types.get(visit_type or "", 0)}:
        for day in span:
            for window in known:
                found |= _starts(state.zone, window, day, minutes or None, state.slot_minutes)
    return found


def _starts(zone: Zone, window: Window, day: date, minutes: int | None, default: int) -> set[int]:
    return {slot.start for slot in day_slots(zone, (window,), day, minutes, default)}


def public_fields(frame: Frame) -> dict[str, Any]:
    """A frame as the contract spells it; the fields are exactly these."""
    names = {"calendar": frame.topic.calendar, "visit_type": frame.topic.visit_type}
    match frame:
        case Snapshot():
            place = {"minutes": frame.minutes, "epoch": frame.epoch, "seq": frame.seq, "now": frame.now}
            return {"op": "snapshot", **names, **place, "open": frame.open, "held": frame.held}
        case Resumed():
            return {"op": "resumed", **names, "epoch": frame.epoch, "seq": frame.seq, "now": frame.now}
        case SlotsChanged():
            lists: dict[str, list[int]] = {OPEN: [], HELD: [], GONE: []}
            for start in sorted(frame.states):
                lists[frame.states[start]].append(start)
            return {"op": "slots", **names, "epoch": frame.epoch, "prev": frame.prev, "seq": frame.seq, **lists}
