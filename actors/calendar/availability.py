"""From weekly windows to bookable starts. Wall-clock edges become UTC once a day's window; steps are taken in UTC.

All instants are Unix seconds; days are `datetime.date` in the clinician's zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
MINUTES_A_DAY = 1_440
LONGEST_SLOT_MINUTES = 480  # a visit of eight hours; longer ones are not appointments
# Days remembered by a zone: the longest horizon and a few odd questions; whoever asks for every day of history
# must not fill the memory.
DAYS_KEPT = 4_096
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly rule of a calendar: minutes since local midnight on one weekday (0 = Monday)."""

    id: str
    weekday: int
    start_minute: int
    end_minute: int
    slot_minutes: int | None = None  # else the clinician's own
    buffer_minutes: int = 0
    active: bool = True
    valid_from: date | None = None  # inclusive local dates
    valid_until: date | None = None

    def in_force(self, day: date) -> bool:
        """Whether the window makes slots on that local date."""
        return self.active and self.weekday == day.weekday() and self.valid_on(day)

    def valid_on(self, day: date) -> bool:
        """Whether the date lies in the window's validity."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )

    def overlaps(self, other: "Window") -> bool:
        """Whether both claim the same minutes of some date; paused windows count, disjoint validity does not."""
        if self.weekday != other.weekday:
            return False
        if not (self.start_minute < other.end_minute and other.start_minute < self.end_minute):
            return False
        first = max(self.valid_from or date.min, other.valid_from or date.min)
        last = min(self.valid_until or date.max, other.valid_until or date.max)
        return any(day.weekday() == self.weekday for day in _first_week(first, last))


@dataclass(frozen=True, slots=True)
class Slot:
    """One start of the grid, with the end and the buffer (seconds) of the window that makes it."""

    start: int
    end: int
    buffer: int


_Boundary = tuple[int, date, date | None]


class Zone:
    """An IANA zone that remembers each day's midnight: integers on ordinary days, zoneinfo on the two change days."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = ZoneInfo(name)
        self._midnights: dict[int, int] = {}
        self._boundaries: dict[int, _Boundary] = {}

    def instant(self, day: date, minute: int) -> int:
        """The instant of a wall-clock minute. In a gap the offset before it counts, of a repeated hour the first."""
        if minute == MINUTES_A_DAY:
            return self.midnight(day.toordinal() + 1)
        wall = datetime.combine(day, time(minute // 60, minute % 60), self._zone)
        return int(wall.timestamp())

    def midnight(self, ordinal: int) -> int:
        """The instant at which a local day begins (`date.toordinal()`), by the same rule as `instant`."""
        known = self._midnights.get(ordinal)
        if known is None:
            wall = datetime.combine(date.fromordinal(ordinal), time(), self._zone)
            if len(self._midnights) >= DAYS_KEPT:
                self._midnights.clear()
            known = self._midnights[ordinal] = int(wall.timestamp())
        return known

    def day_of(self, instant: int) -> date:
        """The local date of an instant."""
        found = self._boundaries.get(instant // DAY_SECONDS)
        if found is None:
            if len(self._boundaries) >= DAYS_KEPT:
                self._boundaries.clear()
            found = self._boundaries[instant // DAY_SECONDS] = self._boundary(instant // DAY_SECONDS)
        boundary, before, after = found
        if after is None:
            return datetime.fromtimestamp(instant, self._zone).date()
        return after if instant >= boundary else before

    def _boundary(self, utc_day: int) -> "_Boundary":
        """The one local midnight within a UTC day and the dates on its two sides; no `after`: there is not one."""
        begin = utc_day * DAY_SECONDS
        guess = EPOCH_ORDINAL + utc_day
        for ordinal in (guess, guess + 1, guess - 1):
            plain = self.is_plain(ordinal) and self.is_plain(ordinal - 1)
            if plain and begin <= self.midnight(ordinal) < begin + DAY_SECONDS:
                return self.midnight(ordinal), date.fromordinal(ordinal - 1), date.fromordinal(ordinal)
        return 0, date.min, None

    def is_plain(self, ordinal: int) -> bool:
        """Whether the day has exactly 24 hours, so that minutes can simply be added to its midnight."""
        return self.midnight(ordinal + 1) - self.midnight(ordinal) == DAY_SECONDS

    def edges(self, window: Window, day: date) -> tuple[int, int]:
        """The window's two edges on that date."""
        ordinal = day.toordinal()
        if self.is_plain(ordinal):
            midnight = self.midnight(ordinal)
            return midnight + window.start_minute * 60, midnight + window.end_minute * 60
        return self.instant(day, window.start_minute), self.instant(day, window.end_minute)

    def wall(self, instant: int) -> str:
        """Local wall time `YYYY-MM-DDTHH:MM`, as it is promised to the patient."""
        day = self.day_of(instant)
        ordinal = day.toordinal()
        if not self.is_plain(ordinal):
            return datetime.fromtimestamp(instant, self._zone).isoformat()[:16]
        minute = (instant - self.midnight(ordinal)) // 60
        return f"{day.isoformat()}T{minute // 60:02}:{minute % 60:02}"


def day_slots(zone: Zone, windows: Iterable[Window], day: date, minutes: int | None, default: int) -> list[Slot]:
    """All starts that the windows make on one local date, in order.

    `minutes` is the visit type's length; without one each window's own length counts, else `default`.
    """
    slots: list[Slot] = []
    for window in windows:
        if not window.in_force(day):
            continue
        length = (minutes or window.slot_minutes or default) * 60
        buffer = window.buffer_minutes * 60
        start, end = zone.edges(window, day)
        while start + length <= end:
            slots.append(Slot(start, start + length, buffer))
            start += length + buffer
    slots.sort(key=_by_start)
    return slots


def days(first: date, last: date) -> Iterable[date]:
    """Every date from `first` to `last`, both included."""
    return (date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1))


def _by_start(slot: Slot) -> int:
    return slot.start


def _first_week(first: date, last: date) -> list[date]:
    """The first seven days of a span: enough to see whether some weekday lies in it at all."""
    if first > last:
        return []
    end = last if (last - first).days < 7 else first + timedelta(days=6)
    return list(days(first, end))
