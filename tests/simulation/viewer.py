"""A live page as the contract describes it: it applies frames, and every one of them is proven against the log."""

import asyncio
import json
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.simulation.fold import GONE, HELD, OPEN, claim
from tests.simulation.loop import OWNER
from tests.simulation.people import SECRET

if TYPE_CHECKING:
    from tests.simulation.world import World

NAMES = ["op", "calendar", "visit_type"]
FIELDS = {
    "snapshot": [*NAMES, "minutes", "epoch", "seq", "now", "open", "held"],
    "slots": [*NAMES, "epoch", "prev", "seq", "open", "held", "gone"],
    "resumed": [*NAMES, "epoch", "seq", "now"],
    "error": ["op", "re", "reason"],
}
LONGEST_FRAME = 64 * 1024


class Viewer:
    """Watches one calendar for one visit type, loses its line now and then, and comes back with `since`."""

    def __init__(self, world: "World", name: str, calendar: str, visit_type: str | None) -> None:
        self.world, self.name, self.calendar, self.visit_type = world, name, calendar, visit_type
        self.random = random.Random(f"{world.plan.seed} {name}")
        self.epoch: str | None = None
        self.seq = 0
        self.states: dict[int, str] = {}
        self.is_live = False  # told everything up to some moment ago, and the line holds
        self.gaps = self.resumes = self.snapshots = 0
        self._told_ms = 0  # up to here it surely knows what time has changed
        self._fresh_after = 0.0

    async def run(self) -> None:
        """Until the world ends."""
        OWNER.set(self.name)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            while not self.world.is_over:
                with suppress(aiohttp.ClientError, OSError):
                    async with session.ws_connect("http://[::1]:8080/live", autoping=True) as ws:
                        await self._follow(ws)
                self.is_live = False
                await asyncio.sleep(self.random.uniform(0, 3) * self.random.choice((0, 1, 1, 10)))

    def check(self) -> None:
        """What it shows is what the log says up to its `seq`, give or take what time does at this moment."""
        self.world.follow()
        ledger = self.world.ledgers[self.calendar]
        claim(self.seq <= ledger.head, self.name, "is at", self.seq, "beyond the log's", ledger.head)
        now_ms = self.world.clock.now_ms()
        allowed = ledger.standings(self.seq, self.visit_type, self._since_ms(), now_ms)
        for start, states in allowed.items():
            shown = self.states.get(start, GONE)
            claim(shown in states, f"{self.name} at {self.seq} shows {start} as {shown}, the log says {states}")
        more = self.states.keys() - allowed.keys()
        claim(not more, f"{self.name} at {self.seq} shows {more} as bookable, the log does not")

    async def _follow(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        since = {"epoch": self.epoch, "seq": self.seq} if self.epoch else None
        await self._watch(ws, since)
        while not self.world.is_over:
            if self.world.is_troubled and self.random.random() < self.world.plan.broken_share:
                await self._trouble(ws)
            message = await ws.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            claim(len(message.data) <= LONGEST_FRAME, "a frame is too long")
            claim(SECRET not in message.data, "a frame tells of a person:", message.data)
            frame = json.loads(message.data)
            self.world.loop.note("frame", frame.get("seq", 0), len(message.data))
            if not await self._take(ws, frame):
                return

    async def _take(self, ws: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> bool:
        claim(frame["op"] in FIELDS and list(frame) == FIELDS[frame["op"]], "a frame has other fields:", frame)
        if frame["op"] == "error":
            return await self._refused(frame)
        topic = (frame["calendar"], frame["visit_type"])
        claim(topic == (self.calendar, self.visit_type), "a frame of another topic", frame)
        claim(frame["seq"] <= self.world.durable_head(self.calendar), "a frame of rows that are not on disk", frame)
        self.world.see(self.calendar, frame["seq"])
        match frame["op"]:
            case "snapshot":
                self._begin(frame)
            case "resumed":
                claim((frame["epoch"], frame["seq"]) == (self.epoch, self.seq), "resumed elsewhere", frame)
                self._told_ms = frame["now"] * 1000  # holds once the rest of the resume has come
                self.resumes += 1
            case "slots":
                await self._apply(ws, frame)
        return True

    async def _refused(self, frame: dict[str, Any]) -> bool:
        """A visit type that is not offered any more, or a calendar in trouble: ask again in a while."""
        claim(frame["reason"] in ("not-found", "unavailable"), "an odd refusal", frame)
        claim(self.visit_type or frame["reason"] != "not-found", "a calendar was lost", frame)
        await asyncio.sleep(self.random.uniform(0.5, 3))
        return False

    def _begin(self, frame: dict[str, Any]) -> None:
        claim(frame["epoch"] != self.epoch or frame["seq"] >= self.seq, "a snapshot of the past", frame, self.seq)
        starts = [*frame["open"], *frame["held"]]
        claim(len(set(starts)) == len(starts), "a start twice in a snapshot", frame)
        self.epoch, self.seq = frame["epoch"], frame["seq"]
        self.states = dict.fromkeys(frame["open"], OPEN) | dict.fromkeys(frame["held"], HELD)
        self._told_ms, self.is_live = frame["now"] * 1000, True
        self.snapshots += 1
        self.check()

    async def _apply(self, ws: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        starts = [*frame["open"], *frame["held"], *frame["gone"]]
        claim(len(set(starts)) == len(starts), "a start twice in a frame", frame)
        claim(frame["prev"] <= frame["seq"], "a frame runs backwards", frame)
        if frame["epoch"] != self.epoch or frame["prev"] > self.seq:
            # On a line that holds the server makes a gap on purpose only: when the grid itself became another one.
            self.world.follow()
            missed = self.world.ledgers[self.calendar].kinds[self.seq + 1 : frame["prev"] + 1]
            claim("calendar_changed" in missed, self.name, self.seq, "a gap:", frame, missed)
            self.gaps += 1
            self.is_live = False
            await self._watch(ws, {"epoch": self.epoch, "seq": self.seq})
            return
        if frame["seq"] < self.seq:
            return
        self.seq = frame["seq"]
        for state in (OPEN, HELD):
            self.states.update(dict.fromkeys(frame[state], state))
        for start in frame["gone"]:
            self.states.pop(start, None)
        if frame["prev"] == frame["seq"] and not self.is_live:
            self.is_live = True
        self.check()

    async def _watch(self, ws: aiohttp.ClientWebSocketResponse, since: dict[str, Any] | None) -> None:
        question = {"op": "watch", "calendar": self.calendar}
        question |= {"visit_type": self.visit_type} if self.visit_type else {}
        await ws.send_str(json.dumps(question | ({"since": since} if since else {})))

    async def _trouble(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """The line is cut, or nothing is read for a while."""
        connection = ws._response.connection if ws._response else None
        transport = connection.transport if connection else None
        if transport is None:
            return
        if self.random.random() < 0.5:
            transport.abort()
        else:
            transport.pause_reading()
            await asyncio.sleep(self.random.choice((0.1, 3.0, 12.0, 60.0)))
            self._fresh_after = self.world.loop.time() + 1  # until then it reads what is old
            if not transport.is_closing():
                transport.resume_reading()

    def _since_ms(self) -> int:
        """While the line holds it knows more and more."""
        if self.is_live and self.world.loop.time() >= self._fresh_after:
            self._told_ms = max(self._told_ms, self.world.told_ms())
        return self._told_ms
