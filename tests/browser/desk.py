"""Everybody else: patients who hold, confirm and let go, and the front desk that cancels, pauses and opens hours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession

from actors.ids import RandomIds
from server.config import load
from server.setup import create_key
from tests.server.pages.harbour import Harbour

TODAY, NEXT_WEEK = "2026-11-24", "2026-12-01"  # Tuesdays
MARIA = {"name": "Maria Ruiz", "email": "m.ruiz@example.org", "phone": "07700 900123"}


def at(clock: str, day: str = TODAY, zone: str = "Europe/London", fold: int = 0) -> int:
    """Unix seconds of a wall-clock time."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())


@dataclass(frozen=True, slots=True)
class Taken:
    """A time that somebody has, with the key to it."""

    id: str
    token: str
    start: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Speaks the API; every answer must be a good one."""

    harbour: Harbour
    session: ClientSession
    admin: str

    async def ask(self, method: str, path: str, body: Any = None, *, auth: str | None = None) -> Any:
        """Send and read JSON."""
        headers = {"Authorization": f"Bearer {auth}"} if auth else {}
        async with self.session.request(method, f"/api/v1{path}", json=body, headers=headers) as response:
            assert response.ok, (response.status, await response.text())
            return await response.json()

    async def hold(self, start: int, way: str | None = "video", clinician: str | None = None) -> Taken:
        """Another patient holds a free time."""
        instant = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"start": instant} | ({"visit_type": self.harbour.kinds[way]} if way else {})
        told = await self.ask("POST", f"/clinicians/{clinician or self.harbour.clinician}/holds", body)
        return Taken(told["appointment"]["id"], told["token"], start)

    async def release(self, taken: Taken) -> None:
        """They let it go."""
        await self.ask("POST", f"/appointments/{taken.id}/release", {}, auth=taken.token)

    async def confirm(self, taken: Taken) -> None:
        """They book it."""
        await self.ask("POST", f"/appointments/{taken.id}/confirm", {"patient": MARIA}, auth=taken.token)

    async def book(self, start: int, way: str | None = "video", clinician: str | None = None) -> Taken:
        """Another patient books a free time."""
        taken = await self.hold(start, way, clinician)
        await self.confirm(taken)
        return taken

    async def cancel(self, taken: Taken) -> None:
        """The clinic cancels it."""
        await self.ask("POST", f"/appointments/{taken.id}/cancel", {"reason": "Ill."}, auth=self.admin)

    async def pause(self, clinician: str | None = None, *, active: bool = False) -> None:
        """All weekly hours are paused, or resumed."""
        listed = await self.ask(
            "GET", f"/clinicians/{clinician or self.harbour.clinician}/availability", auth=self.admin
        )
        for window in listed["availability"]:
            await self.ask("PATCH", f"/availability/{window['id']}", {"active": active}, auth=self.admin)

    async def open_hours(self, clinician: str, weekday: int, start: int, end: int, only_on: str | None = None) -> None:
        """Weekly hours in minutes since midnight; on one date only if given."""
        hours = {"weekday": weekday, "start_minute": start, "end_minute": end}
        validity = {"valid_from": only_on, "valid_until": only_on} if only_on else {}
        await self.ask("POST", f"/clinicians/{clinician}/availability", hours | validity, auth=self.admin)

    async def add_clinician(self, name: str, *ways: str, title: str = "", about: str = "", **more: Any) -> str:
        """A colleague without hours; `ways` name the kinds of visit, none means no kinds at all."""
        kinds = [self.harbour.kinds[way] for way in ways]
        person = {"name": name, "timezone": "Europe/London", "slot_minutes": 20, "visit_types": kinds} | more
        person |= {"title": title} if title else {}
        person |= {"about": about} if about else {}
        told = await self.ask("POST", "/clinicians", person, auth=self.admin)
        return str(told["clinician"]["id"])


@asynccontextmanager
async def opened(harbour: Harbour, folder: Path) -> AsyncIterator[Desk]:
    """The desk of a harbour whose database is in that folder."""
    config = load({"HOLDFAST_DATABASE": str(folder / "holdfast.db")})
    _, admin = await create_key(config, "admin", None, RandomIds(), harbour.clock)
    async with ClientSession(harbour.url) as session:
        yield Desk(harbour, session, admin)
