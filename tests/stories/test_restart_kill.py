"""`kill -9` under load, again and again: what was acknowledged is there, once, and answers as it did."""

import asyncio
import random
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from server.storage.connection import open_reader
from server.storage.queries import Queries
from tests.stories.clinic import PATIENT, Reply
from tests.stories.outside import Outside, founded
from tests.stories.process import served

ROUNDS = 5
WORKERS = 6
SEED = 20_270_322
pytestmark = pytest.mark.process


@dataclass(slots=True)
class Deed:
    """A request with its idempotency key, and its answer if one came."""

    path: str
    body: dict[str, Any]
    auth: str | None
    key: str
    status: int = 0
    answer: Any = None

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class Load:
    """What all clients did, in each client's own order. `enough` is set after so many acknowledgements."""

    clinic: Outside
    wanted: int
    deeds: list[list[Deed]] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    done: int = 0

    async def client(self, name: str, starts: list[str], chance: random.Random) -> None:
        """Book and cancel until the server is gone."""
        mine: list[Deed] = []
        self.deeds.append(mine)
        try:
            for start in starts:
                await self._visit(mine, f"{name}-{start}", start, chance)
        except ClientError:
            return
        raise AssertionError("the server outlived the load")

    async def _visit(self, mine: list[Deed], name: str, start: str, chance: random.Random) -> None:
        holds = f"/clinicians/{self.clinic.amira}/holds"
        hold = await self._do(mine, Deed(holds, {"start": start}, None, f"{name}-hold"))
        if not hold.is_done:
            return
        path, token = f"/appointments/{hold.answer['appointment']['id']}", hold.answer["token"]
        confirm = ("confirm", {"patient": PATIENT, "note": f"visit {name}"})
        cancel = ("cancel", {"reason": "no longer needed"})
        extend, release = ("extend", {}), ("release", {})
        plans: list[list[tuple[str, dict[str, Any]]]] = [[confirm], [confirm, cancel], [extend, confirm], [release], []]
        for action, body in chance.choice(plans):
            await self._do(mine, Deed(f"{path}/{action}", body, token, f"{name}-{action}"))

    async def _do(self, mine: list[Deed], deed: Deed) -> Deed:
        mine.append(deed)
        reply = await send(self.clinic, deed)
        deed.status, deed.answer = reply.status, reply.json
        if deed.is_done:
            self.done += 1
        if self.done >= self.wanted:
            self.enough.set()
        return deed


async def send(clinic: Outside, deed: Deed) -> Reply:
    return await clinic.post(deed.path, deed.body, auth=deed.auth, once=deed.key)


@pytest.mark.timeout(120)
async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    clinic, chance = await founded(tmp_path), random.Random(SEED)
    settings = {"rate_limits": "off", "base_url": "http://clinic.example"}
    past: list[list[Deed]] = []
    last: list[list[Deed]] = []
    unanswered = 0
    for _ in range(ROUNDS):
        async with served(tmp_path, **settings) as server:
            clinic.talk_to(server.url)
            await is_as_acknowledged(clinic, last, past)
            load = Load(clinic, wanted=chance.randrange(20, 90))
            async with asyncio.TaskGroup() as clients:
                for task in await workers(load, chance):
                    clients.create_task(task)
                await asyncio.wait_for(load.enough.wait(), 30)
                await server.end(signal.SIGKILL)
            await clinic.stop()
        last = load.deeds
        past += last
        unanswered += sum(not deed.status for mine in last for deed in mine)
    assert unanswered, "no request was under way at any of the kills"
    async with served(tmp_path, **settings) as server:
        clinic.talk_to(server.url)
        await is_as_acknowledged(clinic, past, past)
        await clinic.stop()
        assert await server.end() == 0
    async with open_reader(clinic.database) as reader:
        queries = Queries(reader)
        for stream in await queries.streams():
            assert await queries.broken_link(stream) is None


async def workers(load: Load, chance: random.Random) -> list[Coroutine[Any, Any, None]]:
    """Clients with times of their own, and some that all of them want."""
    free = [slot["start"] for slot in await load.clinic.slots() if slot["state"] == "open"]
    wanted = chance.sample(free, k=min(len(free), WORKERS * 150))
    shared, own = wanted[: len(wanted) // 10], wanted[len(wanted) // 10 :]
    found = []
    for place in range(WORKERS):
        starts = own[place::WORKERS] + shared
        chance.shuffle(starts)
        found.append(load.client(f"client-{place}-{load.wanted}", starts, random.Random(chance.random())))
    return found


async def is_as_acknowledged(clinic: Outside, repeated: list[list[Deed]], past: list[list[Deed]]) -> None:
    """Every request sent again is answered as before; and what there is, is what the requests so far made."""
    await asyncio.gather(*(again(clinic, mine) for mine in repeated))
    made = {
        deed.answer["appointment"]["id"]: deed.answer["appointment"]
        for mine in past
        for deed in mine
        if deed.is_done
    }
    there = await everything(clinic)
    assert sorted(there) == sorted(made), "an appointment is missing, or nobody asked for it"
    for key, told in made.items():
        assert {name: there[key][name] for name in ("status", "version", "start", "reference")} == {
            name: told[name] for name in ("status", "version", "start", "reference")
        }
    live = [one["start"] for one in there.values() if one["status"] in ("held", "confirmed")]
    assert len(set(live)) == len(live)
    references = [one["reference"] for one in there.values()]
    assert len(set(references)) == len(references)


async def again(clinic: Outside, mine: list[Deed]) -> None:
    """Send a client's requests again in their order; those without an answer get one now, and keep it."""
    for deed in mine:
        if deed.is_done:
            reply = await send(clinic, deed)
            assert (reply.status, reply.json) == (deed.status, deed.answer), deed
        elif not deed.status:
            first, second = await send(clinic, deed), await send(clinic, deed)
            assert first.status == second.status, (deed, first, second)
            assert first.status < 500
            deed.status, deed.answer = first.status, first.json
            if deed.is_done:
                assert first.json == second.json


async def everything(clinic: Outside) -> dict[str, Any]:
    """All appointments, by id."""
    found: dict[str, Any] = {}
    query = {"status": "all", "limit": "200"}
    while True:
        page = (await clinic.get("/appointments", auth="admin", **query)).is_ok()
        for one in page["appointments"]:
            assert one["id"] not in found
            found[one["id"]] = one
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]
