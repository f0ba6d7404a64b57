"""A clinic of actors on a journal in memory and a moved clock, and viewers that fold what they hear."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from actors.calendar import messages as m
from actors.calendar.actor import CalendarActor
from actors.calendar.announce import Audience
from actors.calendar.availability import Window
from actors.calendar.publish import Frame, SlotsChanged, Topic, public_fields
from actors.calendar.state import Terms, window_from
from actors.clinic.actor import STREAM, AddVisitType, ClinicActor
from actors.hub import Hub
from actors.journal import Record
from actors.manual_clock import ManualClock
from actors.memory_journal import MemoryJournal
from actors.refusals import Refusal
from actors.runtime import Address, System
from tests.actors.calendar import reference
from tests.actors.calendar.given import ANNA, PATIENT, STAFF, TERMS, hours, ms, row, sec

EPOCH = "epoch-1"
CALENDAR = Address("calendar", "cal")
# Exactly what the contract names, for each frame.
FIELDS = {
    "snapshot": ["op", "calendar", "visit_type", "minutes", "epoch", "seq", "now", "open", "held"],
    "resumed": ["op", "calendar", "visit_type", "epoch", "seq", "now"],
    "slots": ["op", "calendar", "visit_type", "epoch", "prev", "seq", "open", "held", "gone"],
}


class Viewer:
    """A page that follows one visit type by the contract's rule. Given a `seq`, it goes on from there."""

    def __init__(self, visit_type: str | None = None, seq: int | None = None, states: Mapping[int, str] = {}) -> None:
        self.visit_type, self.seq, self.states = visit_type, seq, dict(states)
        self.frames: list[dict[str, Any]] = []
        self.is_lost = False
        self.past: list[tuple[int, dict[int, str]]] = []  # every position that it had, and what it showed

    @property
    def since(self) -> m.Since | None:
        return None if self.seq is None else m.Since(EPOCH, self.seq)

    @property
    def ops(self) -> list[str]:
        return [frame["op"] for frame in self.frames]

    def __call__(self, frame: bytes) -> None:
        self.hear(json.loads(frame))

    def deliver(self, frame: Frame) -> None:
        self.hear(json.loads(json.dumps(public_fields(frame))))

    def hear(self, frame: dict[str, Any]) -> None:
        assert sorted(frame) == sorted(FIELDS[frame["op"]])
        assert (frame["calendar"], frame["visit_type"], frame["epoch"]) == ("cal", self.visit_type, EPOCH)
        self.frames.append(frame)
        match frame["op"]:
            case "snapshot":
                self.states = {at: how for how in ("open", "held") for at in frame[how]}
                self.seq, self.is_lost = frame["seq"], False
            case "resumed":
                assert frame["seq"] == self.seq
            case "slots":
                self._fold(frame)
        if self.seq is not None:
            self.past.append((self.seq, dict(self.states)))

    def _fold(self, frame: dict[str, Any]) -> None:
        named = [at for how in ("open", "held", "gone") for at in frame[how]]
        assert len(named) == len(set(named))
        assert frame["prev"] <= frame["seq"]
        assert self.seq is not None
        if frame["prev"] > self.seq:
            self.is_lost = True
        elif frame["seq"] >= self.seq:
            self.states |= {at: how for how in ("open", "held", "gone") for at in frame[how]}
            self.states = {at: how for at, how in self.states.items() if how != "gone"}
            self.seq = frame["seq"]


class GatedJournal(MemoryJournal):
    """Its appends wait while the gate is shut; notes the size of each."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.sizes: list[int] = []
        self.waiting = 0

    async def append(self, append: Any) -> Any:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        self.sizes.append(len(append.entries))
        return await super().append(append)


class Desk:
    """One clinic with the calendar `cal`. `restart` makes a new process on the same journal."""

    def __init__(self, clock: ManualClock | None = None, terms: Terms = TERMS, **limits: Any) -> None:
        self.clock = clock or ManualClock(ms("08:00"))
        self.journal = GatedJournal()
        self.terms = terms
        self.viewers: list[Viewer] = []
        self._numbers = count(1)
        self._limits = limits
        self._begin()

    def _begin(self) -> None:
        self.system = System(self.clock, refusals=Refusal, **self._limits)
        self.hub: Hub[Topic, SlotsChanged] = Hub(
            lambda seconds, callback: asyncio.get_running_loop().call_soon(callback),
            lambda topic, change: json.dumps(public_fields(change)).encode(),
        )
        self.audience = Audience(self.hub, EPOCH)
        self.system.register(
            "calendar", 2, lambda key: CalendarActor(key, self.terms, self.journal, self.clock, self.audience)
        )
        self.system.register("clinic", 1, lambda key: ClinicActor(self.journal, self.clock, self._tell_calendars))

    def _tell_calendars(self, types: Mapping[str, int]) -> None:
        for key in self.system.active("calendar"):
            self.system.tell(Address("calendar", key), m.OfferVisitTypes(types))

    async def open(self, *windows: Window, **changes: Any) -> "Desk":
        """Open the calendar with these windows, Monday morning if there are none."""
        await self.ask(m.OpenCalendar(by=STAFF, row=row(**changes)))
        for window in windows or (hours(),):
            await self.ask(m.AddWindow(by=STAFF, window=window))
        return self

    async def ask(self, message: object, key: str = "cal") -> Any:
        return await self.system.ask(Address("calendar", key), message)

    def begin(self, message: object) -> "asyncio.Task[Any]":
        """Ask without waiting."""
        return asyncio.ensure_future(self.system.ask(CALENDAR, message))

    async def ask_all(self, *messages: object) -> list[Any]:
        """Ask all at once; refusals stand among the answers."""
        return await asyncio.gather(*map(self.begin, messages), return_exceptions=True)

    def hold(self, at: str | int, name: str | None = None, **more: Any) -> m.PlaceHold:
        """A command with a number of its own."""
        number = next(self._numbers)
        more = {"by": PATIENT, "reference": f"R{number}", "capped": False} | more
        start = at if isinstance(at, int) else sec(at)
        return m.PlaceHold(appointment=name or f"a{number}", number=number, start=start, **more)

    async def book(self, at: str | int, name: str, **more: Any) -> Any:
        """Hold and confirm."""
        await self.ask(self.hold(at, name, **more))
        return await self.ask(m.Confirm(by=PATIENT, appointment=name, patient=replace(ANNA, id=f"p-{name}")))

    async def offer(self, name: str, minutes: int) -> None:
        """Add a visit type to the clinic."""
        values = {"id": name, "name": name, "minutes": minutes, "way": "video", "address": None}
        await self.system.ask(Address("clinic", STREAM), AddVisitType(by=STAFF, row=values))
        await self.settle()

    async def watch(self, viewer: Viewer | None = None, *, stays: bool = True) -> Viewer:
        """Let somebody watch: from the beginning, or from where they were."""
        viewer = viewer or Viewer()
        await self.ask(m.Watch(viewer.visit_type, viewer.since, viewer, viewer.deliver))
        if stays:
            self.viewers.append(viewer)
        else:
            self.hub.unsubscribe(Topic("cal", viewer.visit_type), viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Close a page."""
        self.viewers.remove(viewer)
        self.hub.unsubscribe(Topic("cal", viewer.visit_type), viewer)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def to(self, time: str) -> None:
        """Move the clock to a local time."""
        self.clock.set(ms(time))
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen without time."""
        for _ in range(40):
            await asyncio.sleep(0)

    async def restart(self, terms: Terms | None = None) -> None:
        """Stop in good order and start again; the pages lose their sockets."""
        await self.stop()
        self.terms = terms or self.terms
        self._begin()

    async def stop(self) -> None:
        await self.system.stop()
        self.viewers.clear()

    def appointment(self, name: str) -> Record:
        """The row on disk."""
        return next(found for found in self.journal.rows("appointments") if found["id"] == name)

    def kinds(self) -> list[str]:
        """The kinds of the log's rows."""
        return [entry.kind for entry in self.journal._log.get("cal", [])]

    def offered(self) -> dict[str, int]:
        """Visit types of the clinician, from the disk."""
        (clinician,) = self.journal.rows("clinicians")
        names = None if clinician["visit_types"] is None else json.loads(clinician["visit_types"])
        types = {found["id"]: found["minutes"] for found in self.journal.rows("visit_types")}
        return {name: minutes for name, minutes in types.items() if names is None or name in names}

    def truth(self, visit_type: str | None = None) -> dict[int, str]:
        """What the public may see now, worked out from the disk the slow way."""
        offered = self.offered()
        if visit_type is not None and visit_type not in offered:
            return {}
        return reference.open_set(
            self.journal.rows("clinicians")[0],
            [window_from(found) for found in self.journal.rows("windows") if found["removed_at_ms"] is None],
            self.journal.rows("appointments"),
            offered.get(visit_type or ""),
            self.terms.notice_seconds,
            self.terms.horizon_days,
            self.clock.now_ms(),
        )


@asynccontextmanager
async def a_desk(*windows: Window, terms: Terms = TERMS, limits: Mapping[str, Any] = {}) -> AsyncIterator[Desk]:
    """An open clinic, stopped in the end."""
    desk = Desk(terms=terms, **limits)
    try:
        yield await desk.open(*windows)
    finally:
        desk.journal.gate.set()
        desk.journal.next_outcomes.clear()
        await desk.stop()


Scenario = Callable[[Desk], Any]
