"""A page that follows the contract's rule for `/live` to the letter, and so must always show what GET shows."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.stories.clinic import Clinic

PATIENCE_SECONDS = 10.0  # a wait ends with an event; this is for a test that fails
FIELDS = {
    "snapshot": ["op", "calendar", "visit_type", "minutes", "epoch", "seq", "now", "open", "held"],
    "slots": ["op", "calendar", "visit_type", "epoch", "prev", "seq", "open", "held", "gone"],
    "resumed": ["op", "calendar", "visit_type", "epoch", "seq", "now"],
    "error": ["op", "re", "reason"],
}

View = tuple[frozenset[int], frozenset[int]]


class LivePage:
    """Folds the frames of one topic. `frames` are all that came; `again` counts how often it had to start anew."""

    def __init__(self, socket: ClientWebSocketResponse, calendar: str, visit_type: str | None) -> None:
        self.socket, self.calendar, self.visit_type = socket, calendar, visit_type
        self.frames: list[dict[str, Any]] = []
        self.open: set[int] = set()
        self.held: set[int] = set()
        self.epoch, self.seq, self.again = "", -1, 0
        self._news = asyncio.Condition()

    @property
    def view(self) -> View:
        """What it shows."""
        return frozenset(self.open), frozenset(self.held)

    @property
    def place(self) -> dict[str, Any]:
        """Where it is: what `since` wants."""
        return {"epoch": self.epoch, "seq": self.seq}

    async def watch(self, since: dict[str, Any] | None = None) -> None:
        """Ask for the topic."""
        asked = {"op": "watch", "calendar": self.calendar, "visit_type": self.visit_type}
        await self.socket.send_json(asked | ({"since": since} if since else {}))

    async def read(self) -> None:
        """Fold frames until the socket closes."""
        async for message in self.socket:
            assert message.type is WSMsgType.TEXT
            frame = json.loads(message.data)
            assert list(frame) == FIELDS[frame["op"]], frame
            async with self._news:
                if (frame.get("calendar"), frame.get("visit_type")) == (self.calendar, self.visit_type):
                    await self._fold(frame)
                self.frames.append(frame)
                self._news.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of the page."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"the page stays at {self.seq} after {self.frames[-3:]}") from None

    async def next(self, op: str, *, after: int = 0) -> dict[str, Any]:
        """The first frame of that kind at or after a position in `frames`."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            found[:] = [frame for frame in self.frames[after:] if frame["op"] == op]
            return bool(found)

        await self.until(came)
        return found[0]

    async def _fold(self, frame: dict[str, Any]) -> None:
        match frame["op"]:
            case "snapshot":
                self.open, self.held = set(frame["open"]), set(frame["held"])
                assert not self.open & self.held
                self.epoch, self.seq = frame["epoch"], frame["seq"]
            case "slots" if frame["prev"] > self.seq:
                self.again += 1
                await self.watch()
            case "slots" if frame["seq"] >= self.seq:
                lists = [set(frame[name]) for name in ("open", "held", "gone")]
                assert sum(map(len, lists)) == len(set().union(*lists)), "a start is in one list only"
                changed = set().union(*lists)
                self.open = (self.open - changed) | lists[0]
                self.held = (self.held - changed) | lists[1]
                self.epoch, self.seq = frame["epoch"], frame["seq"]


@asynccontextmanager
async def watching(
    clinic: Clinic,
    visit_type: str | None,
    *,
    calendar: str | None = None,
    since: dict[str, Any] | None = None,
    keeping: LivePage | None = None,
) -> AsyncIterator[LivePage]:
    """A page on a socket of its own, past its first frame. `keeping` is an earlier page whose state it goes on from."""
    socket = await clinic.live()
    page = LivePage(socket, calendar or clinic.amira, visit_type)
    if keeping is not None:
        page.open, page.held = set(keeping.open), set(keeping.held)
        page.epoch, page.seq = keeping.epoch, keeping.seq
        since = since or keeping.place
    reading = asyncio.create_task(page.read())
    try:
        await page.watch(since)
        await page.until(lambda: bool(page.frames))
        yield page
    finally:
        await socket.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    if not reading.cancelled() and reading.exception() is not None:
        raise reading.exception() or AssertionError


async def get_view(clinic: Clinic, page: LivePage) -> View:
    """What GET shows of the page's topic; nothing where it is not offered."""
    query = {"visit_type": page.visit_type} if page.visit_type else {}
    slots = (await clinic.get(f"/clinicians/{page.calendar}/slots", **query)).is_ok()["slots"]
    return tuple(  # type: ignore[return-value]
        frozenset(seconds(slot["start"]) for slot in slots if slot["state"] == state) for state in ("open", "held")
    )


async def shows_truth(clinic: Clinic, pages: Sequence[LivePage]) -> None:
    """Each page comes to show what GET shows now."""
    for page in pages:
        truth = await get_view(clinic, page)
        try:
            await page.until(lambda page=page, truth=truth: page.view == truth)  # type: ignore[misc]
        except AssertionError as error:
            missing = [sorted(truth[side] ^ page.view[side])[:5] for side in (0, 1)]
            raise AssertionError(f"page and GET differ in open, held: {missing}; {error}") from None


def seconds(text: str) -> int:
    """Unix seconds of an instant as the contract spells it."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
