"""A clinic behind a real server whose clock stands still, and a client that knows only the outside contract."""

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientWebSocketResponse

from actors.clinic.actor import OpenClinic
from actors.command import SYSTEM
from actors.ids import RandomIds
from actors.manual_clock import ManualClock
from server.access import SCOPES, Scope
from server.config import Config, load
from server.engine import Engine
from server.serve import serving
from server.setup import create_key, end_key

PREFIX: Final = "/api/v1"
NOW: Final = int(datetime(2027, 3, 22, 7, 0, tzinfo=UTC).timestamp())  # a Monday; summer time begins on Sunday
BASE_URL: Final = "http://clinic.example"  # fixed, so that links stay the same over a restart on another port
PARTNER: Final = "harbour-insurance"
PATIENT: Final = {"name": "Maria Ruiz", "email": "m.ruiz@example.org", "phone": "07700 900123"}
CLINIC_ROW: Final = {
    "name": "Harbour Clinic",
    "timezone": "Europe/London",
    "phone": "020 7946 0000",
    "help_hours": "Monday to Friday, 8 to 18",
    "emergency_number": "999",
    "urgent_notice": "Not for emergencies.",
}
UNSENT: Final = object()


def at(text: str) -> int:
    """Unix seconds of `2027-03-22T09:00Z` or `2027-03-22T09:00:30Z`."""
    return int(datetime.fromisoformat(text).timestamp())


def instant(seconds: float) -> str:
    """The contract's spelling of an instant."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        """Which problem this is; checks that it is told as the contract says."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body)
        told = self.json
        assert told["status"] == self.status, told
        assert {"type", "title", "status", "detail"} <= set(told), told
        assert isinstance(told["title"], str), told
        assert isinstance(told["detail"], str), told
        base, _, slug = told["type"].rpartition("/")
        assert base == "https://holdfast.invalid/problems", told
        return str(slug)

    @property
    def pointers(self) -> list[str]:
        """Where the faults are."""
        for fault in self.json["errors"]:
            assert set(fault) == {"pointer", "detail"}, fault
        return [fault["pointer"] for fault in self.json["errors"]]

    def is_ok(self, status: int = 200) -> Any:
        """The JSON of an answer that must have succeeded."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["Content-Type"] == "application/json"
        return self.json

    def is_problem(self, status: int, slug: str, *pointers: str) -> Any:
        """The JSON of an answer that must be this problem, with exactly these faults if any are named."""
        assert (self.status, self.slug) == (status, slug), self.body
        if pointers:
            assert sorted(self.pointers) == sorted(pointers), self.json
        return self.json


@dataclass(slots=True)
class Clinic:
    """A running clinic. `keys` are API keys by scope; the rest are ids."""

    folder: Path
    clock: ManualClock
    settings: Mapping[str, str]
    amira: str  # London; every visit type; Monday to Friday 09:00-12:00
    jonas: str  # Berlin; follow-up and examination; Monday to Friday 09:00-12:00, buffer 10; Sunday 01:00-04:00
    follow_up: str  # 20 minutes, video
    examination: str  # 45 minutes, at the clinic
    telephone: str  # 10 minutes, phone
    keys: dict[str, str]
    key_ids: dict[str, str]
    engine: Engine = field(init=False)
    url: str = field(init=False)
    session: ClientSession = field(init=False)
    _running: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    @property
    def config(self) -> Config:
        """The settings as the server reads them."""
        return load(dict(self.settings))

    @property
    def database(self) -> Path:
        """The file that all of it is in."""
        return self.folder / "holdfast.db"

    async def start(self) -> None:
        """Serve on a free port."""
        async with AsyncExitStack() as stack:
            self.engine, self.url = await stack.enter_async_context(serving(self.config, clock=self.clock))
            self.session = await stack.enter_async_context(ClientSession(self.url))
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """Stop serving; everything stays on disk."""
        await self._running.aclose()

    async def restart(self) -> None:
        """Stop, and serve again from the same database (another port)."""
        await self.stop()
        await self.start()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = UNSENT,
        *,
        auth: str | None = None,
        once: str | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Reply:
        """Send a request below the prefix. `auth` is a scope, or a key or token itself; `once` an Idempotency-Key."""
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = f"Bearer {self.keys.get(auth, auth)}"
        if once is not None:
            sent["Idempotency-Key"] = once
        if body is not UNSENT:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, PREFIX + path, data=data, headers=sent, params=query or None, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, *, auth: str | None = None, **query: str) -> Reply:
        """GET."""
        return await self.send("GET", path, auth=auth, **query)

    async def post(self, path: str, body: Any = UNSENT, *, auth: str | None = None, once: str | None = None) -> Reply:
        """POST."""
        return await self.send("POST", path, body, auth=auth, once=once)

    async def slots(self, clinician: str | None = None, **query: str) -> list[dict[str, str]]:
        """Open and held starts; `from_` for `from`."""
        named = {name.rstrip("_"): value for name, value in query.items()}
        reply = await self.get(f"/clinicians/{clinician or self.amira}/slots", **named)
        found: list[dict[str, str]] = reply.is_ok()["slots"]
        return found

    async def hold(
        self, start: str, *, clinician: str | None = None, visit_type: str | None = None, auth: str | None = None
    ) -> "Hold":
        """Hold a start that must be free; of a follow-up unless told."""
        body = {"start": start, "visit_type": visit_type or self.follow_up}
        reply = await self.post(f"/clinicians/{clinician or self.amira}/holds", body, auth=auth)
        told = reply.is_ok(201)
        return Hold(self, told["appointment"]["id"], told["token"], told["appointment"])

    async def book(self, start: str, *, auth: str | None = None, **confirmation: Any) -> "Hold":
        """Hold as the patient and confirm."""
        hold = await self.hold(start)
        (await hold.confirm(auth=auth, **confirmation)).is_ok()
        return hold

    async def live(self) -> ClientWebSocketResponse:
        """A socket on `/live`; closed with the client's session at the latest."""
        return await self.session.ws_connect("/live")

    async def new_key(self, scope: Scope, partner: str | None = None) -> tuple[str, str]:
        """Another key, made beside the running server: its id and its text."""
        return await create_key(self.config, scope, partner, RandomIds(), self.clock)

    async def revoke(self, key_id: str) -> None:
        """End a key beside the running server."""
        assert await end_key(self.config, key_id, self.clock)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, or what became of it, with its token. `first` is the answer that placed it."""

    clinic: Clinic
    id: str
    token: str
    first: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Below the prefix."""
        return f"/appointments/{self.id}"

    async def read(self, *, auth: str | None = None) -> dict[str, Any]:
        """As the patient sees it, or whoever is named."""
        found: dict[str, Any] = (await self.clinic.get(self.path, auth=auth or self.token)).is_ok()["appointment"]
        return found

    async def act(
        self, action: str, body: Any = UNSENT, *, auth: str | None = None, once: str | None = None
    ) -> Reply:
        """POST an action as the patient, or as whoever is named."""
        return await self.clinic.post(f"{self.path}/{action}", body, auth=auth or self.token, once=once)

    async def confirm(self, *, auth: str | None = None, once: str | None = None, **more: Any) -> Reply:
        """Confirm with plain details; more fields, or another `patient`, if named."""
        return await self.act("confirm", {"patient": PATIENT} | more, auth=auth, once=once)


def settings(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a test server; names without their prefix."""
    given = {"DATABASE": str(folder / "holdfast.db"), "PORT": "0", "BASE_URL": BASE_URL} | more
    return {f"HOLDFAST_{name.upper()}": value for name, value in given.items()}


async def found(folder: Path) -> dict[str, Any]:
    """Set the clinic up in an empty folder; answers the fields of `Clinic` that tell what is in it."""
    clock = ManualClock(NOW * 1000)
    facts: dict[str, Any] = {"keys": {}, "key_ids": {}}
    made = Clinic(folder, clock, settings(folder), *[""] * 5, facts["keys"], facts["key_ids"])
    await made.start()
    try:
        await made.engine.booking.calendars.ask_clinic(OpenClinic(by=SYSTEM, row=CLINIC_ROW))
        for scope in SCOPES:
            key, text = await made.new_key(scope, PARTNER if scope == "partner" else None)
            made.key_ids[scope], made.keys[scope] = key, text

        async def add(path: str, wrapped: str, body: dict[str, Any]) -> str:
            return str((await made.post(path, body, auth="admin")).is_ok(201)[wrapped]["id"])

        for name, kind in _KINDS.items():
            facts[name] = await add("/visit-types", "visit_type", kind)
        facts["amira"] = await add(
            "/clinicians",
            "clinician",
            {"name": "Amira Haddad", "title": "Dr", "email": "amira@clinic.example", "timezone": "Europe/London"},
        )
        offered = [facts["follow_up"], facts["examination"]]
        jonas = {"name": "Jonas Weber", "timezone": "Europe/Berlin", "visit_types": offered}
        facts["jonas"] = await add("/clinicians", "clinician", jonas)
        for weekday in range(5):
            for name, buffer in (("amira", 0), ("jonas", 10)):
                window = {"weekday": weekday, "start_minute": 540, "end_minute": 720, "buffer_minutes": buffer}
                await add(f"/clinicians/{facts[name]}/availability", "availability", window)
        sunday = {"weekday": 6, "start_minute": 60, "end_minute": 240}
        await add(f"/clinicians/{facts['jonas']}/availability", "availability", sunday)
    finally:
        await made.stop()
    return facts


_KINDS: Final[Mapping[str, dict[str, Any]]] = {
    "follow_up": {"name": "Follow-up", "minutes": 20, "way": "video"},
    "examination": {"name": "Examination", "minutes": 45, "way": "clinic", "address": "12 Harbour Street"},
    "telephone": {"name": "Telephone call", "minutes": 10, "way": "phone"},
}


@dataclass(frozen=True, slots=True)
class Template:
    """A clinic that was set up once; tests serve copies of it."""

    folder: Path
    facts: Mapping[str, Any]

    @asynccontextmanager
    async def running(self, folder: Path, **more: str) -> AsyncIterator[Clinic]:
        """A copy of the clinic in another folder, serving; settings without their prefix may be given."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        facts = dict(self.facts) | {name: dict(self.facts[name]) for name in ("keys", "key_ids")}
        clinic = Clinic(folder, ManualClock(NOW * 1000), settings(folder, **more), **facts)
        await clinic.start()
        try:
            yield clinic
        finally:
            await clinic.stop()
