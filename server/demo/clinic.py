"""Fills an empty database with the demo clinic: a fortnight in every state, some times being held right now."""

import heapq
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from actors.calendar.availability import Window, Zone, days
from actors.calendar.messages import AddWindow, Complete, MarkNoShow, OpenCalendar
from actors.clinic.actor import AddVisitType, OpenClinic
from actors.clock import SystemClock
from actors.command import PATIENT, SYSTEM, By
from actors.ids import RandomIds
from actors.manual_clock import ManualClock
from actors.refusals import Refusal
from server.booking.details import Details
from server.booking.holds import Wish
from server.config import Config
from server.demo.links import DEMO_SCOPES, demo_key
from server.demo.people import CLINIC, CLINICIANS, KINDS, NEEDS, NOTES, PATIENTS, REASONS, Someone
from server.engine import Engine, running
from server.setup import keep_key

SEED = 20_261_124  # the same clinic every time; only the days move along
PAST_DAYS, COMING_DAYS = 8, 14
HOUR_MS = 3_600_000
HOLDS_NOW = 2  # of each clinician; some of the times tried are taken
HOLDS_TRIED = 12
LUCKS = 25  # in so many visits everything happens that can happen


@dataclass(order=True)
class Step:
    """Something that happens at its own time."""

    at_ms: int
    place: int
    act: Callable[[], Awaitable[None]] = field(compare=False)


async def fill_if_empty(config: Config, say: Callable[[str], None]) -> bool:
    """Write the demo clinic; a database with a clinic is left alone. Answers whether it was written."""
    now_ms = SystemClock().now_ms()
    clock = ManualClock(now_ms - (PAST_DAYS + 4) * 24 * HOUR_MS)
    async with running(config, clock=clock, ids=RandomIds()) as engine:
        if await engine.booking.catalogue.clinic() is not None:
            return False
        say("writing the demo clinic ...")
        story = Story(engine, clock, now_ms)
        await story.found_clinic()
        await story.live_through()
        clock.set(now_ms)
        links = engine.booking.links
    for scope in DEMO_SCOPES:
        key, secret = demo_key(links, scope)
        await keep_key(config, key, secret, scope, None, SystemClock())
    say("the demo clinic is ready")
    return True


class Story:
    """The demo's past and near future, told in the order in which it happened."""

    def __init__(self, engine: Engine, clock: ManualClock, now_ms: int) -> None:
        self._engine = engine
        self._booking = engine.booking
        self._clock = clock
        self._now_ms = now_ms
        self._random = random.Random(SEED)
        self._steps: list[Step] = []  # a heap
        self._places = count()
        self._kinds: list[str] = []
        self._clinicians: list[str] = []
        self._lucks: list[float] = []

    async def found_clinic(self) -> None:
        """The clinic, its visit types, its clinicians and their hours."""
        calendars, ids = self._booking.calendars, self._engine.ids
        await calendars.ask_clinic(OpenClinic(by=SYSTEM, row=CLINIC))
        for kind in KINDS:
            row = {"id": ids.new_id(), "name": kind.name, "minutes": kind.minutes, "way": kind.way}
            await calendars.ask_clinic(AddVisitType(by=SYSTEM, row=row | {"address": kind.address}))
            self._kinds.append(str(row["id"]))
        for position, someone in enumerate(CLINICIANS, start=1):
            await self._welcome(someone, position)

    async def live_through(self) -> None:
        """Everything that happened and is going on."""
        for key, someone in zip(self._clinicians, CLINICIANS, strict=True):
            self._plan_visits(key, someone)
            self._plan_present(key, someone)
        heapq.heapify(self._steps)
        while self._steps:
            step = heapq.heappop(self._steps)
            self._clock.set(max(self._clock.now_ms(), step.at_ms))
            try:
                await step.act()
            except Refusal:
                continue  # two people wanted one time: that happens

    async def _welcome(self, someone: Someone, position: int) -> None:
        ids, calendars = self._engine.ids, self._booking.calendars
        key = ids.new_id()
        row = {
            "id": key,
            "name": someone.name,
            "title": someone.title,
            "about": someone.about,
            "email": None,
            "timezone": someone.timezone,
            "slot_minutes": 30,
            "visit_types": [self._kinds[place] for place in someone.kinds],
            "salt": ids.salt(),
            "position": position,
        }
        await calendars.ask(key, OpenCalendar(by=SYSTEM, row=row))
        for hours in someone.hours:
            for weekday in hours.weekdays:
                window = Window(
                    ids.new_id(),
                    weekday,
                    hours.start_minute,
                    hours.end_minute,
                    buffer_minutes=hours.buffer_minutes,
                )
                await calendars.ask(key, AddWindow(by=SYSTEM, window=window))
        self._clinicians.append(key)

    def _plan_visits(self, key: str, someone: Someone) -> None:
        for start, kind in self._starts(someone):
            if self._random.random() >= someone.fullness:
                continue
            booked_ms = start * 1000 - self._random.randrange(20, 90) * HOUR_MS
            booked_ms = max(min(booked_ms, self._now_ms - HOUR_MS), self._clock.now_ms())
            self._then(booked_ms, self._visit(key, start, kind))

    def _plan_present(self, key: str, someone: Someone) -> None:
        """Two times of each clinician are being booked at this moment."""
        soon = [place for place in self._starts(someone) if place[0] * 1000 > self._now_ms + HOUR_MS]
        placed: list[str] = []
        for start, kind in self._random.sample(soon, k=min(HOLDS_TRIED, len(soon))):

            async def act(start: int = start, kind: str = kind) -> None:
                if len(placed) < HOLDS_NOW:
                    await self._booking.holds.place(Wish(clinician=key, start=start, visit_type=kind))
                    placed.append(key)

            self._then(self._now_ms - self._random.randrange(10, 200) * 1000, act)

    def _starts(self, someone: Someone) -> list[tuple[int, str]]:
        """Starts over the fortnight that do not overlap, each with one kind of visit."""
        zone = Zone(someone.timezone)
        today = zone.day_of(self._now_ms // 1000)
        found = []
        for day in days(today - timedelta(days=PAST_DAYS), today + timedelta(days=COMING_DAYS)):
            for hours in someone.hours:
                if day.weekday() in hours.weekdays:
                    place = someone.kinds[day.toordinal() % len(someone.kinds)]
                    step = (KINDS[place].minutes + hours.buffer_minutes) * 60
                    first = zone.instant(day, hours.start_minute)
                    last = zone.instant(day, hours.end_minute) - KINDS[place].minutes * 60
                    found += [(start, self._kinds[place]) for start in range(first, last + 1, step)]
        return found

    def _visit(self, key: str, start: int, kind: str) -> Callable[[], Awaitable[None]]:
        luck = self._luck()
        details = self._details()

        async def act() -> None:
            placed = await self._booking.holds.place(Wish(clinician=key, start=start, visit_type=kind))
            if placed.appointment is None or luck < 0.12:
                return  # nobody confirms it: it expires, or it is let go
            name = placed.appointment.id
            if luck < 0.16:
                await self._booking.holds.release(name)
                return
            done = await self._booking.promises.confirm(name, details, PATIENT)
            if done.appointment is not None:
                self._plan_end(key, name, start, done.appointment.end, luck)

        return act

    def _plan_end(self, key: str, name: str, start: int, end: int, luck: float) -> None:
        """How a confirmed visit ended, if that lies in the past."""
        clinician = By("clinician", key)
        closes_ms = (end + self._booking.terms.join_closes_after_seconds + 60) * 1000
        if luck < 0.24:
            by_clinic = luck < 0.20
            by = By("staff") if by_clinic else PATIENT
            reason = self._random.choice(REASONS) if by_clinic else None
            at_ms = min(self._clock.now_ms() + 12 * HOUR_MS, start * 1000 - HOUR_MS)
            self._then(at_ms, lambda: self._cancel(name, reason, by))
        elif luck < 0.32:
            self._then(closes_ms, lambda: self._close(MarkNoShow(by=clinician, appointment=name)))
        else:
            self._then(end * 1000, lambda: self._close(Complete(by=clinician, appointment=name)))

    async def _cancel(self, name: str, reason: str | None, by: By) -> None:
        await self._booking.promises.cancel(name, reason, by)

    async def _close(self, command: Complete | MarkNoShow) -> None:
        await self._booking.holds.command(command)

    def _luck(self) -> float:
        """Chance without clusters: every run of `LUCKS` visits has the same shares."""
        if not self._lucks:
            self._lucks = self._random.sample([place / LUCKS for place in range(LUCKS)], k=LUCKS)
        return self._lucks.pop()

    def _details(self) -> Details:
        name = self._random.choice(PATIENTS)
        mailbox = "".join(sign for sign in name.lower() if sign.isascii() and sign.isalpha())
        return Details(
            name=name,
            email=f"{mailbox}@example.org",
            phone="020 7946 0123" if self._random.random() < 0.3 else None,
            note=self._random.choice(NOTES) if self._random.random() < 0.5 else None,
            access_needs=(self._random.choice(NEEDS),) if self._random.random() < 0.15 else (),
        )

    def _then(self, at_ms: int, act: Callable[[], Awaitable[None]]) -> None:
        """Plan something; what lies in the future does not happen."""
        if at_ms <= self._now_ms:
            heapq.heappush(self._steps, Step(at_ms, next(self._places), act))
