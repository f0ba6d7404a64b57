"""What the page of times shows, computed from the times of the whole horizon. P: no clock, no I/O."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from server.pages import when

STRIP_DAYS = 8  # as many as the wide column holds; phones scroll them
NOON, EVENING = 12, 17  # hours at which the afternoon and the evening begin
GROUPS = ("morning", "afternoon", "evening")


class Time(Protocol):
    """One start of the calendar's grid."""

    @property
    def start(self) -> int: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One start. `fold` is 1 or 2 in an hour that the end of summer time repeats."""

    start: int
    state: str
    fold: int


@dataclass(frozen=True, slots=True)
class Group:
    """The starts of one part of the day."""

    key: str
    cells: tuple[Cell, ...] = ()

    @property
    def open(self) -> int:
        """How many are free."""
        return sum(cell.state == "open" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Tile:
    """A day of the strip and how many times of it are free."""

    day: date
    open: int


@dataclass(frozen=True, slots=True)
class Grid:
    """One day in full and the strip around it. `day` is None when the clinician has no time at all."""

    day: date | None = None
    tiles: tuple[Tile, ...] = ()
    earlier: date | None = None
    later: date | None = None
    groups: tuple[Group, ...] = field(default=tuple(Group(key) for key in GROUPS))
    next_free: int | None = None  # the first free start after a day without one

    @property
    def first(self) -> int:
        """The first start of the day, for words that depend on the season; 0 without one."""
        return next((cell.start for group in self.groups for cell in group.cells), 0)

    @property
    def free(self) -> int:
        """How many times of the day are free."""
        return sum(group.open for group in self.groups)

    @property
    def bookable(self) -> bool:
        """Whether anything is free as far as one can book."""
        return self.free > 0 or self.next_free is not None


def grid(times: Sequence[Time], timezone: str, wanted: date | None) -> Grid:
    """Show the wanted day; a day without times gives the next one with times, none gives the first with a free one."""
    days = _by_day(times, timezone)
    if not days:
        return Grid()
    counts = Counter(day for day, cells in days.items() for cell in cells if cell.state == "open")
    ordered = sorted(days)
    day = _chosen(ordered, wanted, lambda day: counts[day] > 0)
    first = ordered.index(day) // STRIP_DAYS * STRIP_DAYS
    strip = ordered[first : first + STRIP_DAYS]
    later = ordered[first + STRIP_DAYS :]
    return Grid(
        day=day,
        tiles=tuple(Tile(each, counts[each]) for each in strip),
        earlier=ordered[first - STRIP_DAYS] if first else None,
        later=later[0] if later else None,
        groups=_groups(days[day], timezone),
        next_free=None if counts[day] else _next_free(times, days[day][-1].start),
    )


def _by_day(times: Iterable[Time], timezone: str) -> dict[date, list[Time]]:
    days: dict[date, list[Time]] = {}
    for time in times:
        days.setdefault(when.local_date(time.start, timezone), []).append(time)
    return days


def _chosen(ordered: list[date], wanted: date | None, is_free: Callable[[date], bool]) -> date:
    if wanted is not None:
        return next((day for day in ordered if day >= wanted), ordered[-1])
    return next((day for day in ordered if is_free(day)), ordered[0])


def _groups(times: Iterable[Time], timezone: str) -> tuple[Group, ...]:
    parts: dict[str, list[Cell]] = {key: [] for key in GROUPS}
    for time in times:
        hour = when.local(time.start, timezone).hour
        key = "morning" if hour < NOON else "afternoon" if hour < EVENING else "evening"
        parts[key].append(Cell(time.start, time.state, when.fold(time.start, timezone)))
    return tuple(Group(key, tuple(cells)) for key, cells in parts.items())


def _next_free(times: Iterable[Time], after: int) -> int | None:
    """The first free start after the day, else the first of all."""
    free = [time.start for time in times if time.state == "open"]
    return next((start for start in free if start > after), free[0] if free else None)
