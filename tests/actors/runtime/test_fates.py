"""Defects, abandonment, back-off, the hand-over of mail, and supervision."""

import asyncio
from typing import Any

import pytest

from actors.runtime import Abandon, ActorDied, Address

NOON = 1_800_000_000_000


async def test_a_defect_reaches_the_asker_with_its_cause_and_the_actor_dies(world: Any) -> None:
    with pytest.raises(ActorDied) as caught:
        await world.ask(KeyError("oops"))
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.begun
    assert await world.ask("anyone?") == "anyone?"
    assert [life.messages for life in world.lives[1:]] == [["anyone?"]]
    assert "stop a" not in world.notes


async def test_a_defect_is_logged_once_with_address_type_and_traceback_but_no_words(world: Any, caplog: Any) -> None:
    name, mail = "Alice Smith", "alice@example.org"

    async def leak(actor: Any) -> None:
        try:
            raise ValueError(name)
        except ValueError as error:
            raise KeyError(mail) from error

    await asyncio.gather(world.begin(leak), world.begin("beside"), return_exceptions=True)
    [record] = caplog.records
    assert record.name == "holdfast.actors"
    assert record.getMessage() == "leaf/a died: KeyError"
    assert "in leak" in caplog.text
    assert "ValueError" in caplog.text
    assert "lice" not in caplog.text


async def test_who_was_answered_before_the_defect_keeps_the_answer_and_the_rest_of_the_turn_dies(
    world: Any,
) -> None:
    asks = [world.begin(message) for message in ("one", KeyError("two"), "three")]
    one, two, three = await asyncio.gather(*asks, return_exceptions=True)
    assert one == "one"
    assert isinstance(two, ActorDied)
    assert isinstance(three, ActorDied)
    assert two is not three
    assert two.__cause__ is three.__cause__


async def test_mail_that_was_not_in_the_fatal_turn_goes_to_the_successor(world: Any) -> None:
    gate = world.shut("turn")
    fatal = world.begin(KeyError("oops"))
    await world.settle()
    rest = [world.begin(n) for n in range(5)]
    await world.settle()
    gate.set()
    with pytest.raises(ActorDied):
        await fatal
    assert await asyncio.gather(*rest) == list(range(5))
    assert world.last.messages == list(range(5))
    assert len(world.lives) == 2


async def test_a_cancelled_wait_inside_a_turn_is_a_defect_and_not_the_end_of_the_task(world: Any) -> None:
    with pytest.raises(ActorDied) as caught:
        await world.ask(asyncio.CancelledError())
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert await world.ask("next") == "next"


async def test_a_defect_in_a_wake_kills_and_the_successor_finds_its_deadline_again(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    world.wake_errors.append(KeyError("oops"))
    await world.advance(1)
    assert len(world.lives) == 2
    assert world.notes == ["start a", "turn a", "wake a", "start a"]


async def test_a_told_defect_leaves_nobody_behind_when_nothing_waits(world: Any) -> None:
    world.tell(KeyError("oops"))
    await world.settle()
    assert world.system.active("leaf") == []
    assert world.armed() == []


async def test_the_first_death_is_followed_by_a_start_at_once_and_later_ones_by_a_growing_pause(
    world: Any,
) -> None:
    pauses = []
    for _ in range(9):
        await world.kill()
        ask = world.begin("anyone?")
        died_ms = world.clock.now_ms()
        await world.settle()
        while not ask.done():
            await world.advance(0.1)
        pauses.append(world.clock.now_ms() - died_ms)
    assert pauses == [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]


async def test_a_start_that_fails_is_tried_again_and_the_mail_waits(world: Any) -> None:
    world.start_errors += [KeyError("one"), KeyError("two"), KeyError("three")]
    ask = world.begin("patience")
    await world.settle()
    assert len(world.lives) == 2
    await world.advance(0.1)
    assert len(world.lives) == 3
    await world.advance(0.2)
    assert await ask == "patience"
    assert len(world.lives) == 4


async def test_a_factory_that_fails_is_a_failed_start(world: Any, caplog: Any) -> None:
    def broken(key: str) -> Any:
        raise ZeroDivisionError

    world.system.register("broken", 3, broken)
    ask = world.begin("hello", kind="broken")
    await world.settle()
    assert "broken/a died: ZeroDivisionError" in caplog.text
    assert not ask.done()
    for _ in range(100):
        await world.advance(0.1)
    with pytest.raises(ActorDied):
        await ask


async def test_nobody_waits_longer_than_ten_seconds_for_a_start_that_keeps_failing(world: Any) -> None:
    world.start_errors += [KeyError(str(n)) for n in range(100)]
    early = world.begin("early")
    await world.settle()
    await world.advance(4)
    late = world.begin("late")
    await world.settle()
    for _ in range(59):
        await world.advance(0.1)
    assert not early.done()
    await world.advance(0.1)
    with pytest.raises(ActorDied) as caught:
        await early
    assert not caught.value.begun
    assert not late.done()
    await world.advance(4)
    with pytest.raises(ActorDied):
        await late


async def test_nobody_waits_longer_than_ten_seconds_for_a_start_that_hangs(world: Any) -> None:
    world.shut("start")
    ask = world.begin("hello")
    await world.settle()
    await world.advance(3)
    later = world.begin("later")
    await world.settle()
    await world.advance(7)
    with pytest.raises(ActorDied):
        await ask
    await world.advance(3)
    with pytest.raises(ActorDied):
        await later


async def test_nobody_waits_longer_than_ten_seconds_for_a_start_that_a_told_message_began(world: Any) -> None:
    world.shut("start")
    world.tell("first")
    await world.settle()
    await world.advance(3)
    ask = world.begin("hello")
    await world.settle()
    await world.advance(9.9)
    assert not ask.done()
    await world.advance(0.1)
    with pytest.raises(ActorDied):
        await ask


async def test_told_messages_wait_for_a_start_as_long_as_it_takes(world: Any) -> None:
    world.start_errors += [KeyError(str(n)) for n in range(8)]
    world.tell("important")
    for _ in range(300):
        await world.advance(0.1)
    assert world.last.messages == ["important"]


async def test_a_refusal_from_start_answers_all_who_wait_and_nothing_stays_in_memory(world: Any, caplog: Any) -> None:
    world.start_errors.append(world.No("no such calendar"))
    results = await asyncio.gather(world.begin(1), world.begin(2), return_exceptions=True)
    assert [type(result) for result in results] == [world.No, world.No]
    assert world.system.active("leaf") == []
    assert world.armed() == []
    assert not caplog.records


async def test_abandon_gives_the_error_itself_to_the_rest_of_the_turn_and_is_no_defect(world: Any, caplog: Any) -> None:
    class Unknown(Exception):
        pass

    error = Unknown()
    asks = [world.begin(message) for message in ("one", Abandon(error), "three")]
    one, two, three = await asyncio.gather(*asks, return_exceptions=True)
    assert one == "one"
    assert two is error
    assert three is error
    assert not caplog.records
    assert world.system.active("leaf") == []
    assert "stop a" not in world.notes


async def test_after_abandon_the_next_message_makes_a_new_actor_however_often(world: Any) -> None:
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            await world.ask(Abandon(ZeroDivisionError()))
        assert await world.ask("at once") == "at once"
    assert len(world.lives) == 11
    assert world.system.failing() == []


async def test_mail_behind_an_abandoned_turn_goes_to_the_successor(world: Any) -> None:
    gate = world.shut("turn")
    lost = world.begin(Abandon(ZeroDivisionError()))
    await world.settle()
    kept = world.begin("kept")
    await world.settle()
    gate.set()
    with pytest.raises(ZeroDivisionError):
        await lost
    assert await kept == "kept"
    assert len(world.lives) == 2


async def test_abandon_from_start_answers_all_who_wait(world: Any) -> None:
    world.start_errors.append(Abandon(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await world.ask("hello")
    assert world.system.active("leaf") == []


async def test_an_abandoned_actor_with_a_deadline_comes_back_by_itself(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    world.wake_errors.append(Abandon(ZeroDivisionError()))
    await world.advance(1)
    assert len(world.lives) == 1
    world.start_errors.append(Abandon(ZeroDivisionError()))
    await world.advance(1)
    assert len(world.lives) == 2
    await world.advance(1)
    assert len(world.lives) == 3


async def test_a_message_before_it_comes_back_brings_it_back_at_once_and_only_once(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 9_000))
    with pytest.raises(ZeroDivisionError):
        await world.ask(Abandon(ZeroDivisionError()))
    assert await world.ask("hello") == "hello"
    await world.advance(2)
    assert len(world.lives) == 2


async def test_three_deaths_in_a_minute_are_forgiven_and_the_fourth_makes_it_read_only(world: Any) -> None:
    for _ in range(3):
        await world.kill()
        await world.advance(5)
    await world.ask("fine")
    assert not world.last.read_only
    assert world.system.failing() == []
    await world.kill()
    assert world.system.failing() == [Address("leaf", "a")]
    await world.advance(1)
    assert await world.ask("a read") == "a read"
    assert world.last.read_only


async def test_four_deaths_over_more_than_a_minute_are_forgiven(world: Any) -> None:
    for _ in range(6):
        await world.kill()
        await world.advance(20)
    assert world.system.failing() == []


async def test_a_failing_actor_does_not_touch_its_neighbours(world: Any) -> None:
    for _ in range(4):
        await world.kill("a")
        await world.advance(5)
    await world.ask("hello", "b")
    assert not world.last.read_only


async def test_a_failing_actor_comes_back_by_itself_and_is_healthy_after_a_minute(world: Any) -> None:
    for _ in range(4):
        await world.kill()
        await world.advance(0.4)
    assert world.system.active("leaf") == ["a"]
    await world.advance(59.9)
    assert world.system.failing() == [Address("leaf", "a")]
    await world.advance(0.1)
    assert world.system.failing() == []
    assert not world.last.read_only
    assert await world.ask("a write") == "a write"
    await world.kill()
    assert world.system.failing() == []


async def test_another_death_starts_the_minute_anew(world: Any) -> None:
    for _ in range(4):
        await world.kill()
        await world.advance(0.4)
    await world.advance(50)
    await world.kill()
    await world.advance(0.8)
    await world.advance(59)
    assert world.system.failing() == [Address("leaf", "a")]
    await world.advance(1)
    assert world.system.failing() == []


async def test_a_failing_actor_does_not_leave_memory_before_it_has_proven_itself(build: Any) -> None:
    world = build(passivate_after=1)
    for _ in range(4):
        await world.kill()
        await world.advance(0.4)
    await world.advance(30)
    assert world.system.active("leaf") == ["a"]
    ask = world.begin("mail during its probation")
    await ask
    await world.advance(20)
    assert world.system.active("leaf") == ["a"]
    await world.advance(11)
    assert world.system.failing() == []
    assert world.system.active("leaf") == []


async def test_an_early_alarm_does_not_make_one_on_probation_leave(build: Any) -> None:
    world = build(passivate_after=1)
    for _ in range(3):
        await world.kill()
        await world.advance(0.4)
    await world.kill()
    ask = world.begin("arms the alarm of its patience")
    await world.settle()
    await world.advance(0.4)
    await ask
    await world.advance(10)
    assert world.system.active("leaf") == ["a"]


async def test_one_with_a_deadline_is_healthy_after_a_minute_too(world: Any) -> None:
    for _ in range(4):
        await world.kill()
        await world.advance(0.4)
    await world.ask(lambda actor: setattr(actor, "due", NOON + 600_000))
    await world.advance(59.8)
    assert world.system.failing() == [Address("leaf", "a")]
    await world.advance(0.2)
    assert world.system.failing() == []


async def test_deaths_of_long_ago_do_not_make_the_next_start_wait(world: Any) -> None:
    await world.kill()
    await world.kill()
    await world.advance(61)
    await world.kill()
    assert await world.ask("at once") == "at once"


async def test_one_that_failed_and_then_abandons_still_comes_back_to_prove_itself(world: Any) -> None:
    for _ in range(4):
        await world.kill()
        await world.advance(0.4)
    with pytest.raises(ZeroDivisionError):
        await world.ask(Abandon(ZeroDivisionError()))
    await world.advance(1)
    assert world.system.active("leaf") == ["a"]
    await world.advance(60)
    assert world.system.failing() == []
