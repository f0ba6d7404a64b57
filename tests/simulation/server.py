"""One life of the server in a simulated world: started, stopped in good order, or killed at any instant."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING
from unittest.mock import patch

import aiohttp_jinja2
import jinja2
from aiohttp import web

from actors.ids import SeededIds
from server.app import LIVE, create_app
from server.config import Config, load
from server.engine import Engine, running
from server.live.session import Live
from server.pages import render
from server.pages.files import StaticTree
from server.pages.when import Formats
from server.protocol import HoldfastRunner
from server.shield import SHIELD
from tests.simulation.fold import claim
from tests.simulation.loop import OWNER, Listener
from tests.simulation.plan import Plan

if TYPE_CHECKING:
    from tests.simulation.world import World

STOP_SECONDS = 5.0
LONGEST_STOP = 10.0  # a supervisor of processes kills then
SLOW_DISK_STOP = 25.0  # requests under way, twice; then the actors; each waits for a disk that takes seconds
URL = "http://[::1]:8080"


class Server:
    """Runs in tasks of its own, so that a kill can end exactly these."""

    def __init__(self, world: "World", life: int) -> None:
        self.engine: Engine | None = None
        self.live: Live | None = None
        self.killed = asyncio.Event()
        self._world, self._life = world, life
        self._up, self._stop, self._task_done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Whether it came up; with a broken disk it may not, or it is killed on the way, or it takes too long."""
        token = OWNER.set("server")
        self._task = asyncio.create_task(self._serve(), name=f"server {self._life}")
        OWNER.reset(token)
        self._task.add_done_callback(lambda _: self._task_done.set())
        await self._until(self._up, self.killed, self._task_done)
        if self._task.done() and not self.killed.is_set():
            error = self._task.exception()
            claim(self._world.has_troubles, "the server did not start:", repr(error))
            return False
        return self._up.is_set() and not self.killed.is_set()

    def kill(self) -> None:
        """From now on nothing that it does can be seen or is kept."""
        if not self.killed.is_set():
            self.killed.set()
            self._world.disk.crash()
            if self._world.network.listener is not None:
                self._world.network.listener.break_all()

    async def bury(self) -> None:
        """End the tasks of a killed or failed server, which will never get an answer."""
        self._world.is_burying = True
        self._world.disk.crash()
        for _ in range(5):
            left = self._world.tasks_of("server")
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=60)
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.exception()  # of a dead server, whatever it is
        claim(not self._world.tasks_of("server"), "tasks outlive their kill:", self._world.tasks_of("server"))
        self._world.network.listener = None
        self._world.is_burying = False

    async def stop(self) -> None:
        """In good order and in time; nothing is left of it."""
        began = asyncio.get_running_loop().time()
        self._stop.set()
        await self._until(self._task_done, self.killed)
        took = asyncio.get_running_loop().time() - began
        if not self.killed.is_set():
            most = SLOW_DISK_STOP if self._world.plan.slow_share else LONGEST_STOP
            claim(took <= most, "to stop took", took)
            claim(self._task is not None and self._task.exception() is None, "it fails to stop", self._task)
        self._world.network.listener = None

    async def _until(self, *events: asyncio.Event) -> None:
        """Until one of them, or for much too long."""
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    async def _serve(self) -> None:
        world = self._world
        config, ids = settings(world.plan), SeededIds(world.plan.seed * 1000 + self._life)
        options = {"clock": world.clock, "ids": ids, "base_url": URL, "open_storage": world.disk.open}
        async with running(config, **options) as engine:
            with patch.object(render, "setup", _share_pages):
                app = create_app(engine)
            runner = HoldfastRunner(app, headers=app[SHIELD].headers, shutdown_seconds=STOP_SECONDS)
            await runner.setup()
            try:
                listener = Listener(8080 + self._life, world.plan.socket_bytes)
                await web.SockSite(runner, listener).start()
                world.network.listener, self.engine, self.live = listener, engine, app[LIVE]
                self._up.set()
                await self._stop.wait()
            finally:
                await runner.cleanup()


def settings(plan: Plan) -> Config:
    """The server's settings in this world."""
    given = {
        "SECRET_KEY": "k" * 40,
        "BASE_URL": URL,
        "HOST": "::1",
        "HOLD_SECONDS": plan.hold_seconds,
        "HOLD_EXTENSION_SECONDS": plan.extension_seconds,
        "HOLD_EXTENSIONS": plan.extensions,
        "MINIMUM_NOTICE_SECONDS": plan.notice_seconds,
        "HORIZON_DAYS": plan.horizon_days,
        "RATE_LIMITS": "on" if plan.rate_limits else "off",
    }
    return load({f"HOLDFAST_{name}": str(value) for name, value in given.items()})


@cache
def _pages() -> tuple[Formats, StaticTree, jinja2.Environment]:
    """Templates are compiled once for all worlds: they hold nothing of any."""
    formats, static = Formats(render.LOCALE), StaticTree.read(render.ROOT / "static")
    return formats, static, render.environment(static, formats)


def _share_pages(app: web.Application) -> None:
    app[render.FORMATS], app[render.STATIC], app[aiohttp_jinja2.APP_KEY] = _pages()
    app[render.STATIC].add_routes(app.router)
