"""A small clinic behind a real server whose clock stands still, a browser without a screen, a reader of pages."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType

from aiohttp import ClientResponse, ClientSession, CookieJar

from actors.calendar.availability import Window
from actors.calendar.messages import AddWindow, OpenCalendar
from actors.clinic.actor import AddVisitType, OpenClinic
from actors.command import SYSTEM
from actors.manual_clock import ManualClock
from server.booking.booking import Booking
from server.config import load
from server.serve import serving

NOW = int(datetime(2026, 11, 24, 10, 42, tzinfo=UTC).timestamp())  # a Tuesday; London is on GMT
START = int(datetime(2026, 11, 24, 11, 20, tzinfo=UTC).timestamp())
DETAILS = {"who": "me", "name": "Maria Ruiz", "email": "m.ruiz@example.org", "phone": "07700 900123", "note": "Dizzy."}
CLINIC = {
    "name": "Harbour Clinic",
    "timezone": "Europe/London",
    "phone": "020 7946 0000",
    "help_hours": "weekdays",
    "emergency_number": "999",
    "urgent_notice": "Not for emergencies.",
}
Fields = Mapping[str, str | Sequence[str]]
NOTHING: Fields = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Harbour:
    """The clinic: one clinician, Tuesdays from nine to five, kinds of visit by their way."""

    booking: Booking
    clock: ManualClock
    url: str
    clinician: str
    kinds: Mapping[str, str]

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator["Visitor"]:
        """Somebody with a browser of their own."""
        async with ClientSession(self.url, cookie_jar=CookieJar(unsafe=True)) as session:
            yield Visitor(self, session)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Asks for pages and presses buttons; redirects are not followed, so that tests see them."""

    harbour: Harbour
    session: ClientSession

    async def get(self, path: str) -> "Seen":
        """Look at a page."""
        async with self.session.get(path, allow_redirects=False) as response:
            return await Seen.of(response)

    async def post(self, path: str, fields: Fields, headers: Mapping[str, str] | None = None) -> "Seen":
        """Send a form from one of our own pages."""
        pairs = [(name, one) for name, value in fields.items() for one in _each(value)]
        sent = {"Origin": self.harbour.url} | dict(headers or {})
        async with self.session.post(path, data=pairs, headers=sent, allow_redirects=False) as response:
            return await Seen.of(response)

    async def hold(self, start: int = START, way: str = "video") -> str:
        """Press a time; answers the path of its page."""
        fields = {"start": str(start), "visit_type": self.harbour.kinds[way]}
        seen = await self.post(f"/book/{self.harbour.clinician}", fields)
        assert seen.status == 303, seen.text
        return seen.location

    async def press(self, path: str, fields: Fields = NOTHING, *, action: str = "", accept: str = "") -> "Seen":
        """Press a button of the page at `path` with these fields filled in."""
        csrf = (await self.get(path)).value("csrf")
        headers = {"Accept": accept} if accept else {}
        return await self.post(path + action, {"csrf": csrf} | dict(fields), headers)

    async def book(self, way: str = "video", **more: str) -> str:
        """Hold and confirm; answers the path of the appointment's page."""
        seen = await self.press(await self.hold(way=way), DETAILS | more)
        assert seen.status == 303, seen.text
        return seen.location.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as a person meets it: `text` has no tags and nothing hidden."""

    status: int
    headers: Mapping[str, str]
    body: str
    page: "Reader"

    @classmethod
    async def of(cls, response: ClientResponse) -> "Seen":
        """Read an answer."""
        body = await response.text()
        reader = Reader()
        reader.feed(body)
        return cls(response.status, response.headers, body, reader)

    @property
    def text(self) -> str:
        """The words that can be seen."""
        return " ".join(" ".join(self.page.words).split())

    @property
    def location(self) -> str:
        """Where it sends on to."""
        return self.headers["Location"]

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.page.values[name]


class Reader(HTMLParser):
    """Collects visible words, field values, links and the title."""

    EMPTY = frozenset({"meta", "link", "input", "br", "hr", "img", "use", "path", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.values: dict[str, str] = {}
        self.checked: set[str] = set()
        self.links: dict[str, str] = {}
        self.buttons: list[dict[str, str]] = []
        self._open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note fields and buttons, and remember what is open."""
        named = {name: value or "" for name, value in attrs}
        if tag == "input" and named.get("type") in ("radio", "checkbox"):
            if "checked" in named:
                self.checked.add(named["value"])
        elif tag == "input":
            self.values[named.get("name", "")] = named.get("value", "")
        if tag not in self.EMPTY:
            self._open.append((tag, named))
        if tag == "button" and not self._hidden:
            self.buttons.append(named)

    def handle_endtag(self, tag: str) -> None:
        """Close it again."""
        if tag not in self.EMPTY:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Words, unless they are hidden."""
        tag, named = self._open[-1] if self._open else ("", {})
        if tag == "textarea":
            self.values[named["name"]] = data.removeprefix("\n")
        elif not self._hidden:
            self.words.append(data)
            if tag == "a" and "href" in named:
                self.links[" ".join(data.split())] = named["href"]

    @property
    def _hidden(self) -> bool:
        return any("hidden" in named or tag in ("template", "script") for tag, named in self._open)


def _each(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


@asynccontextmanager
async def harbour(folder: Path, *, rate_limits: str = "off") -> AsyncIterator[Harbour]:
    """The clinic, serving, at 10:42."""
    clock = ManualClock(NOW * 1000)
    settings = {"DATABASE": str(folder / "holdfast.db"), "PORT": "0", "RATE_LIMITS": rate_limits}
    config = load({f"HOLDFAST_{name}": value for name, value in settings.items()})
    async with serving(config, clock=clock) as (engine, url):
        booking = engine.booking
        kinds = {"video": "Follow-up", "clinic": "Examination", "phone": "Call"}
        await booking.calendars.ask_clinic(OpenClinic(by=SYSTEM, row=CLINIC))
        ids = {way: engine.ids.new_id() for way in kinds}
        for way, name in kinds.items():
            address = "12 Harbour Street" if way == "clinic" else None
            kind = {"id": ids[way], "name": name, "minutes": 20, "way": way, "address": address}
            await booking.calendars.ask_clinic(AddVisitType(by=SYSTEM, row=kind))
        clinician = engine.ids.new_id()
        person = {"id": clinician, "name": "Amira Haddad", "title": "Dr", "about": "", "email": None, "position": 1}
        more = {"timezone": "Europe/London", "slot_minutes": 20, "visit_types": None, "salt": engine.ids.salt()}
        await booking.calendars.ask(clinician, OpenCalendar(by=SYSTEM, row=person | more))
        window = Window(engine.ids.new_id(), 1, 540, 1020)
        await booking.calendars.ask(clinician, AddWindow(by=SYSTEM, window=window))
        yield Harbour(booking, clock, url, clinician, ids)
