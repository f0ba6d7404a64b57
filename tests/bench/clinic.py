"""A large clinic behind a real server, for measuring."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from actors.calendar.availability import Window, Zone
from actors.calendar.messages import AddWindow, OpenCalendar
from actors.clinic.actor import OpenClinic
from actors.command import SYSTEM
from server import serve
from server.app import create_app
from server.config import load
from server.engine import Engine
from server.fields import instant_text

NOTHING = "/nothing"
CLINIC = {"name": "Bench", "timezone": "UTC"} | dict.fromkeys(
    ("phone", "help_hours", "emergency_number", "urgent_notice"), ""
)


@asynccontextmanager
async def large_clinic(
    folder: Path, calendars: int, hours: tuple[int, int] = (0, 1440)
) -> AsyncIterator[tuple[Engine, int, list[str]]]:
    """A server without limits, with that many calendars in steps of ten minutes; `hours` in minutes of each day."""
    config = load({"HOLDFAST_DATABASE": str(folder / "bench.db"), "HOLDFAST_PORT": "0", "HOLDFAST_RATE_LIMITS": "off"})
    original, serve.create_app = serve.create_app, _with_nothing
    try:
        async with serve.serving(config) as (engine, url):
            await engine.booking.calendars.ask_clinic(OpenClinic(by=SYSTEM, row=CLINIC))
            names = [await _open_calendar(engine, position, hours) for position in range(calendars)]
            serve.spare_the_collector()
            yield engine, int(url.rpartition(":")[2]), names
    finally:
        serve.create_app = original


async def holds(engine: Engine, calendars: list[str]) -> Iterator[tuple[str, str]]:
    """Path and body of ever new holds, the calendars in turn."""
    starts = []
    today = Zone("UTC").day_of(engine.clock.now_ms() // 1000)
    for name in calendars:
        read = await engine.booking.times.read(name, None, today + timedelta(days=2), today + timedelta(days=50))
        starts.append([time.start for time in read.times])
    return (
        (f"/api/v1/clinicians/{name}/holds", json.dumps({"start": instant_text(free[turn])}))
        for turn in range(min(map(len, starts)))
        for name, free in zip(calendars, starts, strict=True)
    )


def _with_nothing(engine: Engine) -> web.Application:
    app = create_app(engine)

    async def nothing(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b"{}", content_type="application/json")

    app.router.add_post(NOTHING, nothing)
    return app


async def _open_calendar(engine: Engine, position: int, hours: tuple[int, int]) -> str:
    key = engine.ids.new_id()
    row = {"id": key, "name": "Somebody", "title": "", "email": None, "about": "", "timezone": "UTC"}
    rest = {"slot_minutes": 10, "visit_types": None, "salt": engine.ids.salt(), "position": position}
    await engine.booking.calendars.ask(key, OpenCalendar(by=SYSTEM, row=row | rest))
    for weekday in range(7):
        window = Window(engine.ids.new_id(), weekday, *hours)
        await engine.booking.calendars.ask(key, AddWindow(by=SYSTEM, window=window))
    return key
