"""Those who use the server: patients with the API, browsers with the pages, staff. Each keeps to the contract."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.simulation.fold import claim
from tests.simulation.loop import OWNER

if TYPE_CHECKING:
    from tests.simulation.world import World

API = "/api/v1"
SECRET = "Qzxvw7"  # stands in everything personal that anybody says, and nowhere else
MOST_TRIES = 6
PATIENCE_SECONDS = 40.0  # an actor's patience and a stop come before
EXPECTED = {
    "found": {201},
    "hold": {201, 409, 422, 429},
    "extend": {200, 409, 410},
    "release": {200, 409},
    "confirm": {200, 409, 410},
    "cancel": {200, 409, 410},
    "read": {200},
    "list": {200, 404},
    "times": {200, 404},
    "window": {200, 201, 204, 404, 422},
    "clinician": {200},
    "visit_type": {201},
    "press": {303, 409, 422, 429, 503},
    "state": {200, 404},
    "let_go": {200, 303, 404, 409, 410},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text) if self.text else {}

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class Mine:
    """An appointment that somebody has a token for."""

    id: str
    token: str
    start: int
    expires_at: int | None


class Person:
    """Sends requests; tries again with the same key when it does not know what came of one."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.random = random.Random(f"{world.plan.seed} {name}")
        self.sent = 0
        self._session: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Until the world's troubles are over and everything begun has come to an end."""
        async with self.online():
            while self.world.is_troubled:
                await self.pause()
                await self.act()

    @asynccontextmanager
    async def online(self) -> AsyncIterator[None]:
        """With a line to the server, and a name."""
        OWNER.set(self.name)
        timeout, jar = aiohttp.ClientTimeout(total=None), aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as self._session:
            yield

    async def act(self) -> None:
        """One thing that this person does."""
        raise NotImplementedError

    async def pause(self) -> None:
        """A while; often until a moment at which others act too."""
        await asyncio.sleep(self.random.expovariate(1 / self.world.pace))
        if self.random.random() < 0.4:
            await asyncio.sleep(-asyncio.get_running_loop().time() % 5)

    async def until_ms(self, at_ms: int) -> None:
        """By the wall clock."""
        await asyncio.sleep(max(0.0, (at_ms - self.world.clock.now_ms()) / 1000))

    async def persist(
        self, what: str, method: str, path: str, body: Any = None, *, bearer: str | None = None, key: str | None = None
    ) -> Answer | None:
        """The answer, in the end; None when this person gave up and will never know."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        for attempt in range(MOST_TRIES):
            answer = await self.send(what, method, path, body, headers)
            if answer is not None and answer.status not in (503, 429):
                self.world.heard(what, key, answer)
                return answer
            if answer is not None and answer.status == 429 and not self.world.plan.rate_limits:
                claim(False, what, "was limited although limits are off")
            if answer is not None and answer.status == 429 and attempt:
                return answer
            wait = int(answer.headers.get("Retry-After", 1)) if answer is not None else 0
            await asyncio.sleep(self.random.uniform(0, 1) + min(wait, 5) * self.random.choice((0, 1)) + attempt**2)
        return None

    async def send(
        self, what: str, method: str, path: str, body: Any, headers: Mapping[str, str], **options: Any
    ) -> Answer | None:
        """One request; None when the line broke, or when this person broke it."""
        if self._session is None:
            raise RuntimeError("not running")
        self.sent += 1
        patience = PATIENCE_SECONDS
        if self.world.is_troubled and self.random.random() < self.world.plan.broken_share:
            patience = self.random.choice((0.0, 0.001, 0.02, 1.0))
        answer = None
        began = asyncio.get_running_loop().time()
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(patience):
                url = "http://[::1]:8080" + path
                options.setdefault("allow_redirects", False)
                async with self._session.request(method, url, json=body, headers=headers, **options) as response:
                    answer = Answer(response.status, await response.text(), response.headers)
        waited = asyncio.get_running_loop().time() - began
        claim(answer is not None or waited < PATIENCE_SECONDS, self.name, what, path, "was never answered")
        if answer is not None:
            self.world.judge(what, path, answer)
        return answer

    def new_key(self) -> str:
        """An idempotency key that nobody guesses."""
        return f"{self.name}-{self.random.getrandbits(64):016x}"

    async def times(self, clinician: str, visit_type: str | None) -> list[dict[str, Any]]:
        """What the API shows of a calendar, proven against the log on the way."""
        query = f"?visit_type={visit_type}" if visit_type else ""
        before_ms, seen = self.world.clock.now_ms(), self.world.seen.get(clinician, 0)
        answer = await self.send("times", "GET", f"{API}/clinicians/{clinician}/slots{query}", None, {})
        if answer is None or answer.status != 200:
            return []
        self.world.check_times(clinician, visit_type, answer.json, before_ms, seen)
        return answer.json["slots"]


class Patient(Person):
    """Holds, thinks, extends, confirms, lets go, cancels; sends things twice."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(world, name)
        self.mine: list[Mine] = []

    async def act(self) -> None:
        if self.mine and self.random.random() < 0.3:
            await self.use(self.random.choice(self.mine))
            return
        hold = await self.place()
        for _ in range(self.random.randint(0, 3) if hold else 0):
            await self.think(hold)
            await self.use(hold)

    async def place(self) -> Mine | None:
        """Hold a time that looks open; sometimes one that another's hold frees at this very moment."""
        clinician, visit_type = self.world.some_topic(self.random)
        start = await self.wanted(clinician, visit_type)
        if start is None:
            return None
        body = {"start": self.world.instant(start)} | ({"visit_type": visit_type} if visit_type else {})
        path, key = f"{API}/clinicians/{clinician}/holds", self.new_key()
        head = self.world.durable_head(clinician)
        answer = await self.persist("hold", "POST", path, body, key=key)
        if answer is not None and answer.status == 409:
            self.world.check_alternatives(clinician, visit_type, answer, head)
        if answer is None or answer.status != 201:
            return None
        found = answer.json["appointment"]
        hold = Mine(found["id"], answer.json["token"], start, self.world.seconds(found["expires_at"]))
        self.mine.append(hold)
        await self.perhaps_again("hold", path, body, None, key)
        return hold

    async def wanted(self, clinician: str, visit_type: str | None) -> int | None:
        ending = self.world.ending_hold(clinician)
        if ending is not None and self.random.random() < 0.25:
            await self.until_ms(ending[1] * 1000 + self.random.choice((-1, 0, 0, 1)))
            return ending[0]
        slots = await self.times(clinician, visit_type)
        if self.random.random() < 0.85:
            slots = [slot for slot in slots if slot["state"] == "open"]
        if not slots:
            return None
        first = self.random.random() < 0.5  # where all look first
        return self.world.seconds((slots[0] if first else self.random.choice(slots))["start"])

    async def think(self, hold: Mine) -> None:
        """Some part of the hold's time, or to its very edge."""
        left = (hold.expires_at or 0) * 1000 - self.world.clock.now_ms()
        if self.random.random() < 0.35:
            await self.until_ms((hold.expires_at or 0) * 1000 + self.random.choice((-1, 0, 0, 1)))
        elif left > 0:
            await asyncio.sleep(self.random.uniform(0, left / 1000))

    async def use(self, hold: Mine) -> None:
        """One of the things that one can do with an appointment."""
        what = self.random.choice(("extend", "extend", "confirm", "confirm", "release", "cancel", "read"))
        path = f"{API}/appointments/{hold.id}"
        if what == "read":
            await self.persist("read", "GET", path, bearer=hold.token)
            return
        body = self.said(what)
        key = self.new_key() if self.random.random() < 0.9 else None
        answer = await self.persist(what, "POST", f"{path}/{what}", body, bearer=hold.token, key=key)
        if answer is None:
            return
        if answer.is_ok:
            hold.expires_at = self.world.seconds(answer.json["appointment"]["expires_at"]) or hold.expires_at
            await self.perhaps_again(what, f"{path}/{what}", body, hold.token, key)

    def said(self, what: str) -> dict[str, Any]:
        if what == "confirm":
            patient = {"name": f"{SECRET} {self.name}", "email": f"{SECRET}{self.name}@example.org"}
            note = {"note": f"{SECRET} note"} if self.random.random() < 0.5 else {}
            return {"patient": patient, **note}
        if what == "cancel" and self.random.random() < 0.5:
            return {"reason": f"{SECRET} cannot come"}
        return {}

    async def perhaps_again(
        self, what: str, path: str, body: Any, bearer: str | None, key: str | None
    ) -> None:
        """The same request again, at once or later; the world knows what was answered to its key."""
        if key is None or self.random.random() > 0.25:
            return
        if self.random.random() < 0.5:
            await self.pause()
        await self.persist(what, "POST", path, body, bearer=bearer, key=key)


class Browser(Person):
    """A patient with the pages: one hold a session, each press lets the one before go."""

    hold: str | None = None

    async def act(self) -> None:
        clinician, visit_type = self.world.some_topic(self.random)
        slots = await self.times(clinician, visit_type)
        if self.random.random() < 0.7:  # else also one that overlaps what this browser holds itself
            slots = [slot for slot in slots if slot["state"] == "open"]
        if not slots:
            return
        headers = {"Origin": "http://[::1]:8080"}
        form = {"start": str(self.world.seconds(self.random.choice(slots)["start"]))}
        form |= {"visit_type": visit_type} if visit_type else {}
        answer = await self.send("press", "POST", f"/book/{clinician}", None, headers, data=form)
        if answer is None or answer.status != 303:
            return
        self.hold = answer.headers["Location"].removeprefix("/hold/")
        self.world.committed(self.hold)
        if self.random.random() < 0.3:
            await self.send("state", "GET", f"/hold/{self.hold}/state", None, {})
        if self.random.random() < 0.3:
            form = {"csrf": self.world.csrf(self._cookie())}
            path = f"/hold/{self.hold}/release"
            await self.send("let_go", "POST", path, None, headers | {"Accept": "application/json"}, data=form)

    def _cookie(self) -> str:
        jar = self._session.cookie_jar if self._session else ()
        return next((cookie.value for cookie in jar if cookie.key == "booking"), "")


class Staff(Person):
    """Changes hours and visit types, books walk-ins, cancels with reasons, reads lists."""

    async def act(self) -> None:
        clinician, _ = self.world.some_topic(self.random)
        match self.random.choice(("hours", "hours", "hours", "cancel", "cancel", "walk-in", "list", "change")):
            case "hours":
                await self.change_hours(clinician)
            case "cancel":
                await self.cancel(clinician)
            case "walk-in":
                await self.walk_in(clinician)
            case "list":
                await self.ask("list", "GET", f"/appointments?status=all&clinician={clinician}")
            case _:
                await self.change(clinician)

    async def ask(self, what: str, method: str, path: str, body: Any = None) -> Answer | None:
        key = self.new_key() if method == "POST" and self.random.random() < 0.8 else None
        return await self.persist(what, method, API + path, body, bearer=self.world.key, key=key)

    async def change_hours(self, clinician: str) -> None:
        found = await self.ask("list", "GET", f"/clinicians/{clinician}/availability")
        windows = found.json["availability"] if found is not None and found.is_ok else []
        deed = self.random.choice(("add", "pause", "stretch", "remove"))
        if deed == "add" or not windows:
            await self.ask("window", "POST", f"/clinicians/{clinician}/availability", self.some_window())
            return
        window = self.random.choice(windows)
        path = f"/availability/{window['id']}"
        if deed == "pause":
            await self.ask("window", "PATCH", path, {"active": not window["active"]})
        elif deed == "stretch":
            changed = {"end_minute": min(1440, window["end_minute"] + 60), "buffer_minutes": self.random.choice((0, 5))}
            await self.ask("window", "PATCH", path, changed)
        else:
            await self.ask("window", "DELETE", path)

    def some_window(self) -> dict[str, Any]:
        begin = self.random.randrange(0, 1380, 15)
        window = {
            "weekday": self.world.some_weekday(self.random),
            "start_minute": begin,
            "end_minute": min(1440, begin + self.random.choice((60, 120, 240))),
            "buffer_minutes": self.random.choice((0, 0, 10)),
        }
        return window | ({"slot_minutes": self.random.choice((15, 45))} if self.random.random() < 0.3 else {})

    async def cancel(self, clinician: str) -> None:
        found = await self.ask("list", "GET", f"/appointments?clinician={clinician}")
        live = found.json["appointments"] if found is not None and found.is_ok else []
        if live:
            path = f"/appointments/{self.random.choice(live)['id']}/cancel"
            await self.ask("cancel", "POST", path, {"reason": f"{SECRET} is ill", "staff_note": f"{SECRET} again"})

    async def walk_in(self, clinician: str) -> None:
        start = self.world.some_start(self.random, clinician)
        if start is None:
            return
        made = await self.ask("hold", "POST", f"/clinicians/{clinician}/holds", {"start": self.world.instant(start)})
        if made is not None and made.status == 201:
            patient = {"name": f"{SECRET} guest", "phone": f"{SECRET} 1"}
            path = f"/appointments/{made.json['appointment']['id']}/confirm"
            await self.ask("confirm", "POST", path, {"patient": patient})

    async def change(self, clinician: str) -> None:
        draw = self.random.random()
        if draw < 0.3 and len(self.world.visit_types) < 4:
            body = {"name": "More", "minutes": self.random.choice((10, 25, 45))}
            made = await self.ask("visit_type", "POST", "/visit-types", body)
            if made is not None and made.status == 201:
                self.world.visit_types.append(made.json["visit_type"]["id"])
            return
        offered = self.random.choice((None, self.world.visit_types[:1], self.world.visit_types[:2]))
        changes = {"slot_minutes": self.random.choice((20, 30, 60))} if draw < 0.6 else {"visit_types": offered}
        await self.ask("clinician", "PATCH", f"/clinicians/{clinician}", changes)
