"""What the pages of one appointment show: the ticket, and when it can be joined. P: no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil
from typing import Literal

from babel.dates import format_timedelta

from server.pages.when import Formats, fold, local_date

WAY_BY_DEFAULT = "video"  # of an appointment without a visit type
LAST_MINUTES = 90  # up to here the wait is told in minutes, then in hours, then in days
LAST_HOURS = 36
Unit = Literal["minute", "hour", "day"]
UNIT_SECONDS: Mapping[Unit, int] = {"minute": 60, "hour": 3_600, "day": 86_400}
NOT_TO_COME = frozenset({"cancelled", "expired", "held"})  # nobody should turn up because of such a ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One appointment in the clinic's own time. `visit`, `patient` and `address` may be empty."""

    status: str
    way: str
    start: int
    end: int
    timezone: str
    person: str
    initials: str
    visit: str
    patient: str
    reference: str
    address: str
    date_full: str

    @property
    def day(self) -> date:
        """The local date."""
        return local_date(self.start, self.timezone)

    @property
    def datetime(self) -> str:
        """The start for machines."""
        return machine_time(self.start)

    @property
    def is_void(self) -> bool:
        """Whether it is drawn as no longer, or not yet, valid."""
        return self.status in NOT_TO_COME


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """The join window as seen at `now_ms`, edges included. The words are for the face shown first."""

    opens_at: int
    closes_at: int
    now_ms: int
    opens: str  # the clock, with the day where that is not today
    closes: str
    duration: str  # "in 28 minutes", until it opens
    is_today: bool
    opens_day: str
    closes_day: str

    @property
    def face(self) -> str:
        """`before`, `open` or `after`."""
        if self.now_ms < self.opens_at * 1000:
            return "before"
        return "open" if self.now_ms // 1000 <= self.closes_at else "after"


def joining(start: int, end: int, timezone: str, before: int, after: int, now_ms: int, when: Formats) -> Joining:
    """The join window of an appointment: from `before` seconds ahead of its start until `after` its end."""
    opens_at, closes_at = start - before, end + after
    opens_on, today = local_date(opens_at, timezone), local_date(now_ms // 1000, timezone)
    return Joining(
        opens_at=opens_at,
        closes_at=closes_at,
        now_ms=now_ms,
        opens=clock(opens_at, timezone, when),
        closes=clock(closes_at, timezone, when),
        duration=wait(opens_at - now_ms / 1000, when),
        is_today=opens_on == today,
        opens_day=when.date_long(opens_on, today),
        closes_day=when.date_long(local_date(closes_at, timezone), today),
    )


def wait(seconds: float, when: Formats) -> str:
    """In 28 minutes, in 5 hours, in 3 days. The script of the page says it in the same steps."""
    minutes = max(1, ceil(seconds / 60))
    unit: Unit = "minute" if minutes <= LAST_MINUTES else "hour" if minutes <= LAST_HOURS * 60 else "day"
    value = round(minutes * 60 / UNIT_SECONDS[unit]) * UNIT_SECONDS[unit]
    # A threshold this high keeps the unit that was chosen: "in 90 minutes", never "in 2 hours".
    return format_timedelta(value, granularity=unit, threshold=1_000, add_direction=True, locale=when.locale)


def clock(instant: int, timezone: str, when: Formats) -> str:
    """11:20; with the zone's name in an hour that happens twice, so that it cannot be mistaken."""
    text = when.clock(instant, timezone)
    return f"{text} ({when.zone(timezone, instant)})" if fold(instant, timezone) else text


def machine_time(instant: int) -> str:
    """An instant as RFC 3339 in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
