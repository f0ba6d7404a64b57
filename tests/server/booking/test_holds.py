"""Taking a time as pages and API do it: one hold a session, caps, and nobody turned away for a place that is free."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.calendar import messages as m
from actors.calendar.availability import Window
from actors.calendar.turn import Answer
from actors.command import PATIENT, SYSTEM, By, Remember
from actors.ids import SeededIds
from actors.journal import Append, Failed, Outcome, Unknown
from actors.manual_clock import ManualClock
from actors.refusals import AlreadyAnswered, NotFound, OutcomeUnknown, SlotUnavailable, TooManyHolds
from server.booking.holds import HOLDS_PER_ADDRESS, Wish
from server.config import load
from server.engine import Engine, running

NOW_MS = 1_803_884_400_000  # Monday, 1 March 2027, 07:00 UTC
NINE = 1_803_891_600
DAY = 86_400
PERSON = {"name": "Ada", "title": "", "about": "", "email": None, "timezone": "UTC", "visit_types": None, "salt": b"s"}


class Place:
    """Clinicians `c0`, `c1` and `c2`, each with two days of starts every five minutes from nine on."""

    def __init__(self, engine: Engine, clock: ManualClock) -> None:
        self.engine, self.clock, self.holds = engine, clock, engine.booking.holds

    async def take(self, place: int, clinician: str = "c0", **more: Any) -> Answer:
        """Hold the start of that number."""
        return await self.holds.place(Wish(clinician=clinician, start=NINE + place * 300, **more))

    async def status(self, answer: Answer) -> str:
        assert answer.appointment is not None
        return (await self.engine.booking.reading.appointment(answer.appointment.id)).status.value


def named(answer: Answer) -> str:
    assert answer.appointment is not None
    return answer.appointment.id


@asynccontextmanager
async def opened(folder: Path, clock: ManualClock, limits: str = "on", fill: bool = True) -> AsyncIterator[Place]:
    settings = {"HOLDFAST_DATABASE": str(folder / "holdfast.db"), "HOLDFAST_RATE_LIMITS": limits}
    async with running(load(settings), clock=clock, ids=SeededIds(clock.now_ms())) as engine:
        for place in range(3 if fill else 0):
            row = PERSON | {"id": f"c{place}", "slot_minutes": 5, "position": place}
            await engine.booking.calendars.ask(f"c{place}", m.OpenCalendar(by=SYSTEM, row=row))
            for day in (0, 1):
                window = Window(f"w{place}{day}", day, 540, 1440)
                await engine.booking.calendars.ask(f"c{place}", m.AddWindow(by=SYSTEM, window=window))
        yield Place(engine, clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
async def place(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Place]:
    async with opened(tmp_path, clock) as found:
        yield found


async def test_a_hold_has_a_reference_of_its_own(place: Place) -> None:
    first, second = await place.take(0), await place.take(1)
    assert first.appointment is not None
    assert second.appointment is not None
    assert first.appointment.reference != second.appointment.reference
    assert (first.appointment.number, second.appointment.number) == (1, 2)


async def test_an_unknown_clinician_is_not_found_and_makes_no_actor(place: Place) -> None:
    with pytest.raises(NotFound):
        await place.take(0, "nobody")
    assert "nobody" not in place.engine.system.active("calendar")


async def test_a_session_moves_its_one_hold(place: Place) -> None:
    first = await place.take(0, session="s")
    second = await place.take(5, session="s")
    assert (await place.status(first), await place.status(second)) == ("expired", "held")
    assert place.holds.of_session("s") == named(second)


async def test_a_session_moves_its_hold_to_another_clinician(place: Place) -> None:
    first = await place.take(0, session="s")
    second = await place.take(0, "c1", session="s")
    assert (await place.status(first), await place.status(second)) == ("expired", "held")
    assert place.holds.of_session("s") == named(second)


@pytest.mark.parametrize("clinician", ["c0", "c1"])
async def test_a_session_keeps_its_hold_when_the_new_one_fails(place: Place, clinician: str) -> None:
    await place.take(5, clinician)
    first = await place.take(0, session="s")
    with pytest.raises(SlotUnavailable):
        await place.take(5, clinician, session="s")
    assert await place.status(first) == "held"
    assert place.holds.of_session("s") == named(first)


async def test_a_session_that_presses_twice_at_once_has_one_hold(place: Place) -> None:
    answers = await asyncio.gather(*(place.take(number, session="s") for number in range(6)))
    held = [answer for answer in answers if await place.status(answer) == "held"]
    assert [named(answer) for answer in held] == [place.holds.of_session("s")]


async def test_a_confirmed_time_is_no_longer_the_sessions_hold(place: Place) -> None:
    first = await place.take(0, session="s")
    patient = m.Patient("p", b"s", "Anna", None, "1")
    await place.holds.command(m.Confirm(by=PATIENT, appointment=named(first), patient=patient))
    assert place.holds.of_session("s") is None
    await place.take(5, session="s")
    assert await place.status(first) == "confirmed"


async def test_a_released_or_lapsed_hold_is_no_longer_the_sessions(place: Place) -> None:
    await place.holds.release(named(await place.take(0, session="s")))
    assert place.holds.of_session("s") is None
    await place.take(1, session="s")
    place.clock.advance(900)
    assert place.holds.of_session("s") is None


async def test_fifty_at_once_from_one_address_on_one_start_are_told_that_it_is_taken(place: Place) -> None:
    wishes = (place.take(0, address="ip", session=f"s{number}") for number in range(50))
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Answer"] + ["SlotUnavailable"] * 49
    assert place.holds._under_way == {}


async def _fill(place: Place, count: int, address: str = "ip") -> list[Answer]:
    """Holds of one address over clinicians and days, so that no day's share is reached."""
    wishes = [(number % 3, number // 3) for number in range(count)]
    return [await place.take(number, f"c{who}", address=address) for who, number in wishes]


async def test_an_address_has_forty_live_holds_and_hears_when_the_first_ends(place: Place) -> None:
    first = (await _fill(place, 1))[0]
    place.clock.advance(60)
    await _fill_more(place, HOLDS_PER_ADDRESS - 1)
    with pytest.raises(TooManyHolds) as refused:
        await place.take(100, address="ip")
    assert first.appointment is not None
    assert refused.value.until == first.appointment.expires_at
    assert isinstance(await place.take(100, address="elsewhere"), Answer)
    assert isinstance(await place.take(101), Answer)
    assert isinstance(await place.take(102, address="ip", by=By("staff", "k")), Answer)
    assert isinstance(await place.take(103, address="ip", by=By("partner", "k")), Answer)


async def _fill_more(place: Place, count: int) -> None:
    for number in range(count):
        await place.take(10 + number // 3, f"c{number % 3}", address="ip")


async def test_a_hold_that_ended_makes_room_at_the_address(place: Place) -> None:
    held = await _fill(place, HOLDS_PER_ADDRESS)
    with pytest.raises(TooManyHolds):
        await place.take(100, address="ip")
    await place.holds.release(named(held[7]))
    assert isinstance(await place.take(100, address="ip"), Answer)
    with pytest.raises(TooManyHolds):
        await place.take(101, address="ip")
    place.clock.advance(900)
    assert isinstance(await place.take(101, address="ip"), Answer)


async def test_of_many_at_once_exactly_forty_are_granted(place: Place) -> None:
    wishes = (place.take(number // 3, f"c{number % 3}", address="ip") for number in range(60))
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    kinds = [type(answer).__name__ for answer in answers]
    assert (kinds.count("Answer"), kinds.count("TooManyHolds")) == (40, 20)
    assert place.holds._under_way == {}


async def test_attempts_that_fail_use_up_nothing(place: Place) -> None:
    await place.take(0)
    await _fill_more(place, HOLDS_PER_ADDRESS - 2)
    wishes = [place.take(0, address="ip") for _ in range(20)] + [place.take(50, address="ip")]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["SlotUnavailable"] * 20 + ["Answer"]


async def test_who_gives_up_waiting_in_line_blocks_nobody(place: Place) -> None:
    await _fill_more(place, HOLDS_PER_ADDRESS - 1)
    first = asyncio.ensure_future(place.take(60, address="ip"))
    second = asyncio.ensure_future(place.take(61, address="ip"))
    await asyncio.sleep(0)
    second.cancel()
    assert isinstance(await first, Answer)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert place.holds._under_way == {}


async def test_who_moves_a_hold_at_a_full_address_adds_none(place: Place) -> None:
    await _fill_more(place, HOLDS_PER_ADDRESS - 1)
    await place.take(60, address="ip", session="s")
    assert isinstance(await place.take(61, address="ip", session="s"), Answer)


async def test_without_limits_there_are_no_caps(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock, "off") as place:
        answers = [await place.take(number, address="ip") for number in range(HOLDS_PER_ADDRESS + 5)]
        assert len(answers) == HOLDS_PER_ADDRESS + 5


async def test_holds_are_counted_over_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as place:
        await _fill_more(place, HOLDS_PER_ADDRESS - 1)
        mine = await place.take(60, address="ip", session="s")
    async with opened(tmp_path, clock, fill=False) as place:
        assert place.holds.of_session("s") == named(mine)
        with pytest.raises(TooManyHolds):
            await place.take(70, address="ip")
        clock.advance(900)
        assert isinstance(await place.take(70, address="ip"), Answer)


async def test_numbers_and_references_go_on_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as place:
        first = (await place.take(0)).appointment
    async with opened(tmp_path, ManualClock(NOW_MS + 1), fill=False) as place:
        second = (await place.take(1)).appointment
    assert first is not None
    assert second is not None
    assert second.number == first.number + 1
    assert second.reference != first.reference


async def test_an_answered_key_places_no_second_hold(place: Place) -> None:
    key = Remember("scope", "key", "fingerprint")
    await place.take(0, remember=key)
    with pytest.raises(AlreadyAnswered):
        await place.take(1, remember=key)
    assert isinstance(await place.take(1), Answer)


async def test_the_share_of_a_day_holds_for_strangers_of_many_addresses(place: Place) -> None:
    window = Window("few", 2, 540, 575)  # Wednesday, seven starts
    await place.engine.booking.calendars.ask("c0", m.AddWindow(by=SYSTEM, window=window))
    for number in range(3):
        wish = Wish(clinician="c0", start=NINE + 2 * DAY + number * 300, address=f"ip{number}")
        await place.holds.place(wish)
    with pytest.raises(TooManyHolds):
        await place.holds.place(Wish(clinician="c0", start=NINE + 2 * DAY + 1500, address="ip9"))
    named_holder = Wish(clinician="c0", start=NINE + 2 * DAY + 1500, by=By("partner", "k"))
    assert isinstance(await place.holds.place(named_holder), Answer)


async def test_the_same_time_pressed_twice_keeps_its_hold_and_its_deadline(place: Place, clock: ManualClock) -> None:
    first = await place.take(60, session="s")
    clock.advance(60)
    again = await place.take(60, session="s")
    assert named(again) == named(first)
    assert first.appointment is not None
    assert again.appointment is not None
    assert again.appointment.expires_at == first.appointment.expires_at
    clock.advance(840)
    later = await place.take(60, session="s")
    assert named(later) != named(first)


async def test_after_an_unknown_outcome_the_next_press_finds_the_sessions_own_hold(place: Place) -> None:
    journal = place.engine.storage.journal
    append = journal.append

    async def in_doubt(wanted: Append) -> Outcome:
        await append(wanted)
        return Unknown("the reply was lost")

    await place.take(50)
    journal.append = in_doubt  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        await place.take(60, session="s", address="ip")
    journal.append = append  # type: ignore[method-assign]
    found = await place.take(60, session="s", address="ip")
    assert place.holds.of_session("s") == named(found)
    assert [row["id"] for row in await place.engine.storage.queries.open_holds() if row["session"]] == [named(found)]


async def test_a_hold_that_could_not_be_let_go_is_let_go_with_the_next_press(place: Place) -> None:
    old = await place.take(60, session="s")
    journal = place.engine.storage.journal
    append = journal.append

    async def full(wanted: Append) -> Outcome:
        return Failed("disk full") if wanted.stream == "c0" else await append(wanted)

    journal.append = full  # type: ignore[method-assign]
    second = await place.take(60, clinician="c1", session="s")
    assert await place.status(old) == "held"
    journal.append = append  # type: ignore[method-assign]
    third = await place.take(61, clinician="c1", session="s")
    assert [await place.status(one) for one in (old, second, third)] == ["expired", "expired", "held"]
