"""One simulated world: the server on its disk, those who use it, and the troubles that its seed brings."""

import asyncio
import random
from asyncio import Task
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from actors.calendar.availability import Zone
from actors.clinic.actor import OpenClinic
from actors.command import SYSTEM
from server.access import key_digest, key_text
from server.fields import instant_text
from server.storage.codec import CODECS
from tests.simulation import invariants
from tests.simulation.fold import OPEN, Ledger, Violation, claim
from tests.simulation.loop import OWNER, Network, SimClock, SimLoop
from tests.simulation.people import EXPECTED, SECRET, Answer, Browser, Patient, Person, Staff
from tests.simulation.plan import Plan
from tests.simulation.server import Server
from tests.simulation.storage import Disk, Faults
from tests.simulation.viewer import Viewer
from tests.simulation.visitors import Founder, Witness

KEY, KEY_SECRET = "k" * 20, "s" * 40
LONGEST_WAIT = 6_000.0  # for people to finish what they have begun: some wait for ends of holds, one after another
SETTLED_SECONDS = 95.0  # longer than any slice, revival, back-off and probation
SLICE_SECONDS = 31.0  # after a step of the clock timers notice it within this
READ_AT_ONCE = 2.0
PERSIST_SECONDS = 300.0  # what somebody asks for may be asked anew for so long
MOST_STARTS = 50  # tries with a failing disk
ACTS = 5  # about so many each person begins


class World:
    """What people and viewers see of each other, and everything that is known to the tests alone."""

    def __init__(self, plan: Plan, loop: SimLoop, network: Network, folder: Path) -> None:
        self.plan, self.loop, self.network = plan, loop, network
        self.random = random.Random(f"{plan.seed} world")
        self.clock = SimClock(loop, plan.base_ms)
        self.disk = Disk(folder / "holdfast.db", Faults(plan, random.Random(f"{plan.seed} faults")), plan)
        self.key = key_text(KEY, KEY_SECRET)
        self.pace = plan.trouble_seconds / ACTS
        self.calendars: list[str] = []
        self.visit_types: list[str] = []
        self.ledgers: dict[str, Ledger] = {}
        self.is_troubled = self.is_over = self.is_burying = False
        self.answers = 0
        self.people: list[Person] = []
        self.viewers: list[Viewer] = []
        self.server: Server | None = None
        self.lives = 0
        self.seen: dict[str, int] = {}  # calendar -> the newest `seq` that anybody knows to be true
        self._remembered: dict[str, tuple[int, str]] = {}
        self._failure: asyncio.Future[None] = loop.create_future()
        self._owners: WeakKeyDictionary[Task[Any], str] = WeakKeyDictionary()
        loop.set_task_factory(self._owned)

    async def live(self) -> None:
        """From the first start to the end of all; raises whatever must not be."""
        await self._start()
        await self._found_clinic()
        self._people()
        viewers = [self._task(viewer.run(), viewer.name) for viewer in self.viewers]
        people = [self._task(person.run(), person.name) for person in self.people]
        self.is_troubled = True
        self.disk.faults.is_on, self.disk.faults.is_quick = True, not self.plan.slow_share
        keeper = self._task(self._keep(), "keeper")
        await self._or_failure(asyncio.wait([keeper]))
        self.is_troubled = self.disk.faults.is_on = False
        self.disk.faults.is_quick = True
        await self._mend()
        await self._or_failure(asyncio.wait([keeper, *people], timeout=LONGEST_WAIT))
        claim(all(task.done() for task in people), "somebody waits for ever")
        await self._settle()
        await self._end(viewers)

    @property
    def has_troubles(self) -> bool:
        """Whether anything may fail just now."""
        return self.disk.faults.is_on

    def fail(self, error: BaseException) -> None:
        """The first thing that must not be ends the world."""
        if not self._failure.done():
            self._failure.set_exception(error)

    def tasks_of(self, owner: str) -> list[Task[Any]]:
        """The tasks under way that belong to somebody, in the order of their birth."""
        return [task for task in list(self._owners) if self._owners[task] == owner and not task.done()]

    # What people ask of the world

    def some_topic(self, chance: random.Random) -> tuple[str, str | None]:
        return chance.choice(self.calendars), chance.choice((None, *self.visit_types[:2]))

    def some_weekday(self, chance: random.Random) -> int:
        day = Zone(self.plan.zone).day_of(self.clock.now_ms() // 1000)
        return (day.weekday() + chance.choice((0, 0, 1, 2))) % 7

    def some_start(self, chance: random.Random, clinician: str) -> int | None:
        """A start of today, be it ever so near, whoever has it."""
        self.follow()
        ledger, now = self.ledgers[clinician], self.clock.now_ms() // 1000
        then = ledger.then[-1]
        zone = ledger._zone(then.zone)
        starts = [slot.start for slot in ledger._grid(then, zone, zone.day_of(now), None) if slot.start >= now]
        return chance.choice(starts) if starts else None

    def ending_hold(self, clinician: str) -> tuple[int, int] | None:
        """Start and end of the hold that ends next."""
        sql = "SELECT start, expires_at FROM appointments WHERE status = 'held' AND clinician = ? ORDER BY expires_at"
        row = self.disk.eye.execute(sql, (clinician,)).fetchone()
        return (row[0], row[1]) if row else None

    def csrf(self, cookie: str) -> str:
        """What the page would have in its form."""
        engine = self.server.engine if self.server else None
        return engine.booking.sessions._session(cookie, is_new=False).csrf if engine else ""

    @staticmethod
    def instant(seconds: int) -> str:
        return instant_text(seconds)

    @staticmethod
    def seconds(text: str | None) -> int | None:
        return None if text is None else int(datetime.fromisoformat(text).timestamp())

    def told_ms(self) -> int:
        """Up to this moment whoever is connected has been told what time changed."""
        slack = READ_AT_ONCE + (SLICE_SECONDS if self.plan.clock_steps else 0)
        return self.clock.seen_ms(slack + (45.0 if self.disk.faults.is_on or self.is_troubled else 0))

    # What must be true of each answer

    def judge(self, what: str, path: str, answer: Answer) -> None:
        """Of any answer: an expected one, and nothing in it that does not belong there."""
        self.answers += 1
        self.loop.note(what, answer.status)
        allowed = EXPECTED[what] | {503} | ({429} if self.plan.rate_limits else set())
        claim(answer.status in allowed, what, path, "was answered", answer.status, answer.text)
        if answer.status == 503 and "/problems/unavailable" in answer.text:
            claim("Retry-After" in answer.headers, what, "does not say when to come back:", answer.text)
        if what == "times":
            claim(SECRET not in answer.text, "the public reads of a person:", answer.text)

    def heard(self, what: str, key: str | None, answer: Answer) -> None:
        """Of a final answer: it is on disk, it is what the log says, and its key answers nothing else."""
        if answer.is_ok and "appointment" in answer.json:
            self._check_acknowledged(answer.json["appointment"])
        if answer.is_ok and "availability" in answer.json and what == "window":
            self._check_hours(answer.json["availability"])
        if key is None:
            return
        if key in self._remembered:
            claim(self._remembered[key] == (answer.status, answer.text), key, self._remembered.get(key), "then", answer)
        elif answer.is_ok:
            kept = self.disk.eye.execute("SELECT count(*) FROM idempotency WHERE key = ?", (key,)).fetchone()[0]
            claim(kept or what != "hold", "a hold is not remembered under its key")
            if kept:
                self._remembered[key] = answer.status, answer.text

    def committed(self, appointment: str) -> None:
        """Of what a page promised."""
        found = self.disk.eye.execute("SELECT 1 FROM appointments WHERE id = ?", (appointment,)).fetchone()
        claim(found, "a page promised a hold that is not on disk:", appointment)

    def check_times(
        self, clinician: str, visit_type: str | None, told: dict[str, Any], before_ms: int, seen: int
    ) -> None:
        """Of `GET slots`: true at its `seq`, at some moment while it was asked; not older than what was known then."""
        self.follow()
        ledger, now_ms = self.ledgers[clinician], self.clock.now_ms()
        claim(told["seq"] <= ledger.head, "times of rows that are not on disk", told["seq"])
        claim(told["seq"] >= seen, "GET shows", told["seq"], "when somebody knew of", seen)
        self.see(clinician, told["seq"])
        claim(told["visit_type"] == visit_type and told["clinician"] == clinician, "other times than asked", told)
        shown = {self.seconds(slot["start"]): slot["state"] for slot in told["slots"]}
        allowed = ledger.standings(told["seq"], visit_type, before_ms, now_ms)
        for start, states in allowed.items():
            claim(shown.get(start, "gone") in states, "GET shows", start, shown.get(start), "the log says", states)
        claim(not shown.keys() - allowed.keys(), "GET shows more than there is:", shown.keys() - allowed.keys())

    def check_alternatives(self, clinician: str, visit_type: str | None, answer: Answer, since: int) -> None:
        """Of the times offered in place of one that is gone: each was open while that was decided."""
        self.follow()
        ledger, now_ms = self.ledgers[clinician], self.clock.now_ms()
        offered = [self.seconds(start) for start in answer.json.get("alternatives", ())]
        claim(offered == sorted(set(offered), key=offered.index) and len(offered) <= 3, "odd alternatives", offered)
        for seq in range(ledger.head, max(0, since - 1), -1):
            states = ledger.standings(seq, visit_type, self.clock.seen_ms(PERSIST_SECONDS), now_ms)
            offered = [start for start in offered if OPEN not in states.get(start, ())]
        claim(not offered, "offered and not open:", offered)

    def follow(self) -> None:
        """Read the log up to now."""
        for ledger in self.ledgers.values():
            ledger.follow(self.disk.eye)

    def see(self, calendar: str, seq: int) -> None:
        """Somebody knows now that this row is true."""
        self.seen[calendar] = max(self.seen.get(calendar, 0), seq)

    def durable_head(self, calendar: str) -> int:
        """How many rows of a calendar are on disk."""
        row = self.disk.eye.execute("SELECT head FROM streams WHERE stream = ?", (calendar,)).fetchone()
        return int(row[0]) if row else 0

    def _check_acknowledged(self, told: dict[str, Any]) -> None:
        self.follow()
        seats = self.ledgers[told["clinician"]].seats.get(told["id"], [])
        claim(len(seats) >= told["version"], "acknowledged and not on disk:", told)
        seat = seats[told["version"] - 1]
        self.see(told["clinician"], seat.seq)
        claim(told["status"] == seat.status, "told", told, "but the log says", seat)
        expires_at = seat.expires_at if seat.status == "held" else None
        claim(self.seconds(told["expires_at"]) == expires_at, "told", told, "but the log says", seat)
        claim(self.seconds(told["start"]) == seat.start, "told", told, "but the log says", seat)

    def _check_hours(self, told: dict[str, Any]) -> None:
        self.follow()
        ledger = self.ledgers[told["clinician"]]
        found = ledger.hours_changed(told["id"])
        claim(found, "hours were acknowledged that are not on disk", told)
        self.see(told["clinician"], found)

    # How it goes on

    async def _found_clinic(self) -> None:
        engine = self.server.engine if self.server else None
        assert engine is not None
        row = {"name": "Sim", "timezone": self.plan.zone, "phone": "", "help_hours": "", "emergency_number": ""}
        await engine.booking.calendars.ask_clinic(OpenClinic(by=SYSTEM, row=row | {"urgent_notice": ""}))
        codec = CODECS["keys"]
        values = {"id": KEY, "digest": key_digest(KEY_SECRET), "scope": "admin", "partner": None, "created_at_ms": 1}
        assert self.disk.journal is not None
        await self.disk.journal._writer.execute(codec.upsert, codec.pick(values | {"revoked_at_ms": None}))
        founder = Founder(self, "founder")
        await self._or_failure(asyncio.wait([self._task(founder.run(), "founder")]))

    def _people(self) -> None:
        plan = self.plan
        self.people += [Patient(self, f"patient-{number}") for number in range(plan.patients)]
        self.people += [Browser(self, f"browser-{number}") for number in range(plan.browsers)]
        self.people += [Staff(self, f"staff-{number}") for number in range(plan.staff)]
        topics = [(calendar, visit_type) for calendar in self.calendars for visit_type in (None, *self.visit_types)]
        for number in range(plan.viewers):
            self.viewers.append(Viewer(self, f"viewer-{number}", *self.random.choice(topics)))

    async def _start(self) -> None:
        """Try until it runs: a supervisor of processes does the same."""
        for _ in range(MOST_STARTS):
            began_ms = self.clock.now_ms()
            self.server = Server(self, self.lives)
            self.lives += 1
            if await self.server.start():
                break
            await self.server.bury()
            await asyncio.sleep(1)
        else:
            raise Violation("the server does not start any more")
        sql = "SELECT count(*) FROM appointments WHERE status = 'held' AND expires_at * 1000 <= ?"
        overdue = self.disk.eye.execute(sql, (began_ms,)).fetchone()[0]
        claim(not overdue, overdue, "holds are overdue and the server listens")

    async def _keep(self) -> None:
        """Bring the troubles at their times, and the server back after each of its ends."""
        plan, chance = self.plan, self.random
        deeds = ["crash"] * plan.crashes + ["restart"] * plan.restarts + ["step"] * plan.clock_steps
        times = sorted((chance.uniform(0, plan.trouble_seconds), deed) for deed in deeds)
        self.disk.faults.crash = lambda: self.server.kill() if self.server else None
        for at, deed in [*times, (plan.trouble_seconds, "end")]:
            while (left := at - self.loop.time()) > 0:
                assert self.server is not None
                try:
                    async with asyncio.timeout(left):
                        await self.server.killed.wait()
                except TimeoutError:
                    break
                await self._again()
            await self._bring(deed)

    async def _bring(self, deed: str) -> None:
        assert self.server is not None
        self.loop.note(deed)
        match deed:
            case "crash":
                self.server.kill()
            case "restart":
                await self.server.stop()
                await self._again()
            case "step":
                self.clock.step_forward(self.random.choice((1_500, 70_000, 3_600_000, 9 * 3_600_000)))

    async def _again(self) -> None:
        assert self.server is not None
        await self.server.bury()
        self.follow()
        await asyncio.sleep(self.random.choice((0, 0.5, 20, 2 * self.plan.hold_seconds)))
        await self._start()

    async def _mend(self) -> None:
        """Nothing fails any more; a server that was just killed comes back once more."""
        assert self.server is not None
        if self.server.killed.is_set():
            await self._again()

    async def _settle(self) -> None:
        """Without troubles every hold ends, and everybody comes to know all of it."""
        plan = self.plan
        longest = plan.hold_seconds + plan.extensions * plan.extension_seconds + SETTLED_SECONDS
        await self._or_failure(asyncio.sleep(longest))
        minute_ms = 60_000
        await self._or_failure(asyncio.sleep((minute_ms + 31_500 - self.clock.now_ms() % minute_ms) / 1000))
        held = self.disk.eye.execute("SELECT id FROM appointments WHERE status = 'held'").fetchall()
        claim(not held, "holds that never end:", [row[0] for row in held])
        self.follow()
        invariants.check_database(self.disk.eye, self.ledgers)
        assert self.server is not None
        assert self.server.engine is not None
        assert self.server.live is not None
        invariants.check_memory(self.disk.eye, self.server.engine)
        invariants.check_bounds(self.server.engine, self.server.live, len(self.people) + len(self.viewers))
        witness = Witness(self, "witness")
        await self._or_failure(asyncio.wait([self._task(witness.run(), "witness")]))

    async def _end(self, viewers: list[Task[None]]) -> None:
        """Everybody goes; the server keeps nothing for them, and stops."""
        self.is_over = True
        for viewer in viewers:
            viewer.cancel()
        await asyncio.wait(viewers)
        await self._or_failure(asyncio.sleep(40))  # longer than connections are kept
        assert self.server is not None
        assert self.server.engine is not None
        assert self.server.live is not None
        invariants.check_rest(self.server.engine, self.server.live)
        await self.server.stop()
        await asyncio.sleep(0)
        left = [task for task in self._owners if not task.done() and task is not asyncio.current_task()]
        claim(not left, "tasks are left:", left)
        self.follow()
        invariants.check_database(self.disk.eye, self.ledgers)
        if self._failure.done():
            await self._failure
        self._failure.cancel()

    async def _or_failure(self, wanted: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(wanted)
        await asyncio.wait([task, self._failure], return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            task.cancel()
            await self._failure
        await task

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> Task[None]:
        return asyncio.create_task(self._guarded(work), name=name)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.fail(error)

    def _owned(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Task[Any]:
        task: Task[Any] = asyncio.Task(work, loop=loop, **options)
        context = options.get("context")
        self._owners[task] = context.get(OWNER, "server") if context is not None else OWNER.get()
        return task
