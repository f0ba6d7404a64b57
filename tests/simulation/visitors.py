"""The first and the last who come to a world: one sets the clinic up, the other compares everything in the end."""

from collections.abc import Iterable
from typing import Any

from actors.calendar.availability import Zone
from tests.simulation.fold import OPEN, Ledger, claim
from tests.simulation.people import Person


class Founder(Person):
    """Sets the clinic up before anybody comes."""

    async def run(self) -> None:
        async with self.online():
            await self.act()

    async def act(self) -> None:
        world, plan = self.world, self.world.plan
        for name, minutes in (("Talk", 30), ("Visit", 50)):
            body = {"name": name, "minutes": minutes}
            made = await self._made("/visit-types", body)
            world.visit_types.append(made["visit_type"]["id"])
        for number in range(plan.clinicians):
            body = {"name": f"Clinician {number}", "timezone": plan.zone, "slot_minutes": plan.slot_minutes}
            calendar = (await self._made("/clinicians", body))["clinician"]["id"]
            world.calendars.append(calendar)
            world.ledgers[calendar] = Ledger(calendar, plan.hold_seconds, plan.extension_seconds, plan.extensions)
            for window in self._week():
                await self._made(f"/clinicians/{calendar}/availability", window)

    async def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.world.key}"}
        answer = await self.send("found", "POST", f"/api/v1{path}", body, headers)
        claim(answer is not None and answer.status == 201, "the clinic could not be set up", path, answer)
        assert answer is not None
        return answer.json

    def _week(self) -> Iterable[dict[str, Any]]:
        """The week's hours; today's begin about now, so that times come too near while the world lasts."""
        now = self.world.clock.now_ms() // 1000
        zone = Zone(self.world.plan.zone)
        today, buffer = zone.day_of(now), self.world.plan.buffer_minutes
        minute = (now - zone.midnight(today.toordinal())) // 60
        for later in range(min(7, self.world.plan.horizon_days + 2)):
            weekday = (today.weekday() + later) % 7
            begin = 540 if later else max(0, min(1200, minute - 60)) // 10 * 10
            yield {
                "weekday": weekday,
                "start_minute": begin,
                "end_minute": min(1440, begin + 420),
                "buffer_minutes": buffer,
            }


class Witness(Person):
    """Compares, in the end, what the API says with every viewer and with the log; what is open can be held."""

    async def run(self) -> None:
        async with self.online():
            await self.act()

    async def act(self) -> None:
        world = self.world
        for viewer in world.viewers:
            ledger = world.ledgers[viewer.calendar]
            if not ledger.offers(ledger.head, viewer.visit_type):
                continue
            slots = await self.times(viewer.calendar, viewer.visit_type)
            claim(viewer.is_live, viewer.name, "never came back")
            viewer.check()
            shown = {world.seconds(slot["start"]): slot["state"] for slot in slots}
            claim(shown == viewer.states, f"{viewer.name} differs from GET: {shown.items() ^ viewer.states.items()}")
        for calendar in world.calendars:
            world.see(calendar, world.ledgers[calendar].head)
            opens = [slot for slot in await self.times(calendar, None) if slot["state"] == OPEN]
            if opens:
                path, body = f"/api/v1/clinicians/{calendar}/holds", {"start": self.random.choice(opens)["start"]}
                made = await self.persist("hold", "POST", path, body, bearer=world.key)
                claim(made is not None and made.status == 201, "what is open cannot be held:", made)
                assert made is not None
                body = {"reason": "done"}
                path = f"/api/v1/appointments/{made.json['appointment']['id']}/cancel"
                await self.persist("cancel", "POST", path, body, bearer=world.key)
