"""A hold ends at its second: on every page, for whoever confirms, over restarts, and when nobody served at the time."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.stories.clinic import Clinic, at, instant
from tests.stories.live_page import seconds, shows_truth, watching
from tests.stories.outside import founded
from tests.stories.process import serve, served

NINE = "2027-03-22T09:00:00Z"
HELD_UNTIL = at("2027-03-22T07:15:00Z")


async def test_an_instant_before_it_can_be_confirmed(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    assert seconds(hold.first["expires_at"]) == HELD_UNTIL
    clinic.clock.set(HELD_UNTIL * 1000 - 1)
    assert (await hold.confirm()).is_ok()["appointment"]["status"] == "confirmed"


async def test_at_the_instant_it_is_410_and_open_on_every_page(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up) as page, watching(clinic, None) as plain:
        hold = await clinic.hold(NINE)
        await shows_truth(clinic, [page, plain])
        clinic.clock.set(HELD_UNTIL * 1000 - 1)
        await shows_truth(clinic, [page, plain])
        assert at(NINE) in page.held
        clinic.clock.set(HELD_UNTIL * 1000)
        await page.until(lambda: at(NINE) in page.open)
        await shows_truth(clinic, [page, plain])
        assert (await hold.confirm()).is_problem(410, "hold-expired")["slot_open"] is True


async def test_deadline_that_began_within_a_second_is_rounded_up(clinic: Clinic) -> None:
    clinic.clock.advance(0.001)
    hold = await clinic.hold(NINE)
    assert seconds(hold.first["expires_at"]) == HELD_UNTIL + 1
    clinic.clock.set((HELD_UNTIL + 1) * 1000 - 1)
    assert (await hold.confirm()).status == 200


@pytest.mark.parametrize("left_ms", [1, 60_000])
async def test_restart_leaves_neither_more_nor_less_time(clinic: Clinic, left_ms: int) -> None:
    hold, other = await clinic.hold(NINE), await clinic.hold("2027-03-22T09:20:00Z")
    clinic.clock.set(HELD_UNTIL * 1000 - left_ms)
    await clinic.restart()
    assert (await hold.read())["expires_at"] == hold.first["expires_at"]
    async with watching(clinic, clinic.follow_up) as page:
        assert at(NINE) in page.held
        clinic.clock.set(HELD_UNTIL * 1000 - 1)
        (await hold.confirm()).is_ok()
        await shows_truth(clinic, [page])
        clinic.clock.advance(0.001)
        await page.until(lambda: seconds(other.first["start"]) in page.open)  # on its own, nobody asked
        (await other.confirm()).is_problem(410, "hold-expired")


@pytest.mark.parametrize("late_ms", [0, 1, 86_400_000])
async def test_deadline_while_nobody_served_is_kept_before_anybody_is_heard(clinic: Clinic, late_ms: int) -> None:
    hold = await clinic.hold(NINE)
    await clinic.stop()
    clinic.clock.set(HELD_UNTIL * 1000 + late_ms)
    await clinic.start()
    row = await clinic.engine.storage.queries.appointment(hold.id)  # nobody has asked for anything yet
    assert row is not None
    assert (row["status"], row["cause"]) == ("expired", "timeout")
    assert (await hold.confirm()).is_problem(410, "hold-expired")["slot_open"] is (late_ms < 86_400_000)
    found = await hold.read()
    assert (found["status"], found["cause"], found["actions"]) == ("expired", "timeout", [])


async def test_extended_hold_keeps_its_extension_over_a_restart(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    (await hold.act("extend")).is_ok()
    clinic.clock.set(HELD_UNTIL * 1000)
    await clinic.restart()
    clinic.clock.set((HELD_UNTIL + 300) * 1000 - 1)
    assert (await hold.read())["status"] == "held"
    clinic.clock.advance(0.001)
    assert (await hold.read())["status"] == "expired"


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_real_seconds_over_kill_and_restart(tmp_path: Path) -> None:
    """Holds of two seconds: one ends on an open page, one while the server is dead, one lives on through it."""
    clinic, times = await founded(tmp_path), {"hold_seconds": "2", "hold_extension_seconds": "7"}
    server = await serve(clinic.folder, **times)
    clinic.talk_to(server.url)
    starts = [slot["start"] for slot in await clinic.slots()][4:8]

    async def hold(start: str) -> tuple[str, str, float]:
        told = (await clinic.post(f"/clinicians/{clinic.amira}/holds", {"start": start})).is_ok(201)
        return told["appointment"]["id"], told["token"], seconds(told["appointment"]["expires_at"])

    async with watching(clinic, None) as page:
        _, _, until = await hold(starts[0])
        await page.until(lambda: seconds(starts[0]) in page.held)
        await page.until(lambda: seconds(starts[0]) in page.open)
        assert until <= time.time() < until + 2  # a busy machine's second included
        dead, dead_token, dead_until = await hold(starts[1])
        alive, alive_token, _ = await hold(starts[2])
        told = await clinic.post(f"/appointments/{alive}/extend", auth=alive_token)
        alive_until = seconds(told.is_ok()["appointment"]["expires_at"])
        await server.end(signal.SIGKILL)
    await clinic.stop()

    over = asyncio.Event()
    clinic.clock.call_at(int(dead_until) * 1000, over.set)
    await over.wait()  # nobody serves at that time
    async with served(clinic.folder, **times) as again:
        clinic.talk_to(again.url)
        found = (await clinic.get(f"/appointments/{dead}", auth=dead_token)).is_ok()["appointment"]
        assert (found["status"], found["cause"]) == ("expired", "timeout")
        found = (await clinic.get(f"/appointments/{alive}", auth=alive_token)).is_ok()["appointment"]
        assert (found["status"], found["expires_at"]) == ("held", instant(alive_until))
        async with watching(clinic, None, keeping=page) as back:
            await back.until(lambda: seconds(starts[1]) in back.open and seconds(starts[2]) in back.held)
            assert back.frames[0]["op"] == "resumed"
            await back.until(lambda: seconds(starts[2]) in back.open)
            assert alive_until <= time.time() < alive_until + 2
        await clinic.stop()
