"""A clinic that processes of their own serve, one after the other, by the machine's clock."""

from pathlib import Path

from aiohttp import ClientSession

from actors.calendar.availability import Window
from actors.calendar.messages import AddWindow, OpenCalendar
from actors.clock import SystemClock
from actors.command import SYSTEM
from actors.ids import RandomIds
from server.engine import running
from server.setup import NewClinic, init
from tests.stories.clinic import Clinic, settings


class Outside(Clinic):
    """Its clinician Amira always works, half hours without visit types. Nothing of it runs in this process."""

    async def start(self) -> None:
        """Processes are started by the test."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Forget the process that it talked to."""
        await self.session.close()

    def talk_to(self, url: str) -> None:
        """Send everything to the process that listens there."""
        self.url, self.session = url, ClientSession(url)


async def founded(folder: Path) -> Outside:
    """Set it up in an empty folder."""
    ids, clock = RandomIds(), SystemClock()
    made = Outside(folder, clock, settings(folder), *[""] * 5, {}, {})  # type: ignore[arg-type]
    wanted = NewClinic(name="Harbour Clinic", timezone="Europe/London", admin="a@example.org")
    await init(made.config, wanted, ids, clock)
    async with running(made.config) as engine:
        made.amira = ids.new_id()
        row = {"id": made.amira, "name": "Amira Haddad", "title": "Dr", "email": None, "about": None}
        row |= {"salt": ids.salt(), "timezone": "Europe/London", "slot_minutes": 30, "visit_types": None, "position": 1}
        await engine.booking.calendars.ask(made.amira, OpenCalendar(by=SYSTEM, row=row))
        for weekday in range(7):
            window = Window(ids.new_id(), weekday, 0, 1440)
            await engine.booking.calendars.ask(made.amira, AddWindow(by=SYSTEM, window=window))
    made.key_ids["admin"], made.keys["admin"] = await made.new_key("admin")
    return made
