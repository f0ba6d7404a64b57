"""A hold as its page shows it, from the moment of the press until after its end. P: no clock, no I/O."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import ClassVar

from actors.calendar.state import Appointment, Status, Terms
from server.booking.drafts import Draft
from server.booking.reading import PlacedView
from server.pages.forms import Fault
from server.pages.render import PRIVATE, Page
from server.pages.ticket import WAY_BY_DEFAULT, clock, machine_time
from server.pages.when import Formats, local_date

LOW_SECONDS = 120  # from here on the page warns; W3C asks for at least 20 seconds, people for more
MOST_NEAR = 3  # as many times as a phone shows in one row


@dataclass(frozen=True, slots=True)
class Near:
    """A free time close to the one that was held."""

    start: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One held time in the clinic's zone. `state` is `held`, `expired` (its time ran out) or `released`."""

    id: str
    state: str
    person: str
    way: str
    minutes: int
    start: int
    timezone: str
    clock: str
    until: str
    expires_at: int
    now_ms: int
    hold_seconds: int
    extensions_left: int
    slot_open: bool = False
    near: tuple[Near, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the time is no longer kept."""
        return self.state != "held"

    @property
    def day(self) -> date:
        """The local date of the start."""
        return local_date(self.start, self.timezone)

    @property
    def today(self) -> date:
        """The local date of now."""
        return local_date(self.now_ms // 1000, self.timezone)

    @property
    def seconds_left(self) -> float:
        """Until the deadline, never below zero."""
        return 0.0 if self.ended else max(0.0, self.expires_at - self.now_ms / 1000)

    @property
    def minutes_left(self) -> int:
        """As people count: 2 until one minute is left; the part of a second that rounds up a deadline is none."""
        return ceil(int(self.seconds_left) / 60)

    @property
    def is_low(self) -> bool:
        """Whether the warning colour is due."""
        return not self.ended and self.seconds_left <= LOW_SECONDS

    @property
    def tide_percent(self) -> float:
        """The part of a whole hold that is left."""
        return round(min(100.0, 100 * self.seconds_left / self.hold_seconds), 1)

    @property
    def datetime(self) -> str:
        """The start for machines."""
        return machine_time(self.start)

    def script_state(self) -> dict[str, object]:
        """The same for the page's script; `now` is in milliseconds."""
        return {
            "status": self.state,
            "expires_at": self.expires_at,
            "until": self.until,
            "now": self.now_ms,
            "extensions_left": self.extensions_left,
            "slot_open": self.slot_open,
            "alternatives": [{"start": time.start, "label": time.label} for time in self.near],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPage(Page):
    """P3. `trouble` says why a press did nothing: `busy`, `unknown`, `taken` or `too-many`, else empty."""

    template: ClassVar[str] = "hold.html"
    cache: ClassVar[str] = PRIVATE

    hold: Hold
    draft: Draft
    csrf: str
    chips: tuple[str, ...]
    wrong: tuple[Fault, ...] = ()  # at most one a field
    trouble: str = ""


def hold_of(placed: PlacedView, terms: Terms, now_ms: int, open_starts: Collection[int], when: Formats) -> Hold:
    """The hold as it is at `now_ms`; `open_starts` is asked for only once it has ended."""
    found, kind = placed.view.appointment, placed.visit_type
    expires_at = found.expires_at or 0
    return Hold(
        id=found.id,
        state=_state(found, now_ms),
        person=placed.clinician.full_name,
        way=kind.way if kind else WAY_BY_DEFAULT,
        minutes=(found.end - found.start) // 60,
        start=found.start,
        timezone=found.timezone,
        clock=clock(found.start, found.timezone, when),
        until=clock(expires_at, found.timezone, when),
        expires_at=expires_at,
        now_ms=now_ms,
        hold_seconds=terms.hold_seconds,
        extensions_left=max(0, terms.extensions - found.extensions),
        slot_open=found.start in open_starts,
        near=near_times(open_starts, found.start, found.timezone, when),
    )


def near_times(starts: Iterable[int], held: int, timezone: str, when: Formats) -> tuple[Near, ...]:
    """The open starts closest to the held one, in order of time; labelled with the date on other days."""
    others = (start for start in starts if start != held)
    nearest = sorted(others, key=lambda start: (abs(start - held), start))
    day = local_date(held, timezone)
    return tuple(
        Near(start, _near_label(start, day == local_date(start, timezone), timezone, when))
        for start in sorted(nearest[:MOST_NEAR])
    )


def _state(found: Appointment, now_ms: int) -> str:
    if found.status is Status.HELD and not found.has_lapsed(now_ms):
        return "held"
    return "released" if found.cause == "released" else "expired"


def _near_label(start: int, same_day: bool, timezone: str, when: Formats) -> str:
    text = clock(start, timezone, when)
    return text if same_day else f"{when.date_short(local_date(start, timezone))}, {text}"
