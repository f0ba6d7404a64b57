"""Times that can be booked, asked of the calendars themselves."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, cast

from actors.calendar.announce import Audience
from actors.calendar.messages import NextOpen, ReadTimes
from actors.calendar.turn import TimesRead
from actors.clock import Clock
from actors.refusals import NotFound
from server.booking.calendars import Calendars
from server.storage.queries import Queries


@dataclass(frozen=True, slots=True)
class Time:
    """One start; `taken` is for pages, the API and frames leave those out."""

    start: int
    end: int
    state: Literal["open", "held", "taken"]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of some days, true at `seq` and until `edge_ms` while `seq` stays."""

    clinician_id: str
    timezone: str
    visit_type_id: str | None
    minutes: int
    epoch: str
    seq: int
    now_ms: int
    edge_ms: int
    times: tuple[Time, ...]


class TimesBoard:
    """Reads open and held times."""

    def __init__(self, calendars: Calendars, queries: Queries, audience: Audience, clock: Clock) -> None:
        self._calendars = calendars
        self._queries = queries
        self._audience = audience
        self._clock = clock

    async def require(self, clinician_id: str) -> None:
        """Raises `NotFound` before an actor is made for an id that nobody has."""
        if clinician_id not in self._audience.heads and await self._queries.clinician(clinician_id) is None:
            raise NotFound

    def head(self, clinician_id: str) -> int | None:
        """The calendar's committed position while it is in memory."""
        return self._audience.heads.get(clinician_id)

    async def read(self, clinician_id: str, visit_type: str | None, first: date, last: date) -> Times:
        """All starts of the clinician's local dates, both included, that time still allows. Raises `NotFound`."""
        await self.require(clinician_id)
        read = cast(TimesRead, await self._calendars.ask(clinician_id, ReadTimes(visit_type, first, last)))
        return Times(
            clinician_id=clinician_id,
            timezone=read.timezone,
            visit_type_id=visit_type,
            minutes=read.minutes,
            epoch=self._audience.epoch,
            seq=read.seq,
            now_ms=self._clock.now_ms(),
            edge_ms=read.edge_ms,
            times=tuple(Time(*slot) for slot in read.slots),  # type: ignore[arg-type]
        )

    async def next_open(self, clinician_id: str) -> int | None:
        """The first open start of any visit type that the clinician offers."""
        await self.require(clinician_id)
        return cast("int | None", await self._calendars.ask(clinician_id, NextOpen()))
