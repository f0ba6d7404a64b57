"""How a system stops: nothing new, everything finished, hooks in reverse order, an end in any case."""

import asyncio
from typing import Any

import pytest

from actors.runtime import Abandon, Stopping


def others() -> list[str]:
    current = asyncio.current_task()
    return [task.get_name() for task in asyncio.all_tasks() if task is not current]


async def test_after_stopping_no_task_and_no_timer_remains(world: Any) -> None:
    before = set(others())
    for key in ("a", "b", "c"):
        await world.ask("hello", key)
    await world.ask(lambda actor: setattr(actor, "due", world.clock.now_ms() + 5_000), "d")
    await world.kill("a")
    await world.system.stop()
    assert set(others()) == before
    assert world.armed() == []
    assert world.system.active("leaf") == []


async def test_stopping_a_system_without_actors_returns(world: Any) -> None:
    await world.system.stop()
    assert world.armed() == []


async def test_new_asks_are_refused_and_new_tells_dropped(world: Any) -> None:
    await world.ask("hello")
    await world.system.stop()
    with pytest.raises(Stopping) as caught:
        await world.ask("too late")
    assert not caught.value.begun
    world.tell("too late")
    assert world.system.dropped == 1
    assert world.last.messages == ["hello"]


async def test_asks_during_the_drain_are_refused(world: Any) -> None:
    gate = world.shut("turn")
    slow = world.begin("slow")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    with pytest.raises(Stopping):
        await world.ask("too late", "new")
    gate.set()
    assert await slow == "slow"
    await stopping


async def test_every_mailbox_is_drained_before_the_first_hook(world: Any) -> None:
    gate = world.shut("turn")
    asks = [world.begin(n, key) for key in "ab" for n in range(100)]
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    assert not stopping.done()
    gate.set()
    assert await asyncio.gather(*asks) == [*range(100), *range(100)]
    await stopping
    first_stop = world.notes.index("stop a")
    assert not [note for note in world.notes[first_stop:] if note.startswith("turn")]


async def test_an_actor_that_drains_may_still_ask_downhill_and_tell(world: Any) -> None:
    gate = world.shut("turn")

    async def work(actor: Any) -> object:
        world.tell("by the way", "t", "top")
        return await world.ask("deep", "b")

    ask = world.begin(work, "a", "top")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    gate.set()
    assert await ask == "deep"
    await stopping
    told = next(life for life in world.lives if life.key == "t")
    assert told.messages == ["by the way"]


async def test_kinds_stop_in_reverse_order_of_registration(world: Any) -> None:
    await world.ask(1, "below", "leaf")
    await world.ask(1, "above", "top")
    await world.ask(1, "below too", "leaf")
    await world.system.stop()
    assert world.notes[-3:] == ["stop above", "stop below", "stop below too"]


async def test_a_stop_hook_may_ask_downhill_but_not_what_has_stopped(world: Any) -> None:
    answers: list[object] = []

    def arrange(actor: Any) -> None:
        async def stop() -> None:
            answers.append(await world.ask("last words", "b"))
            world.tell("gone", "other", "top")

        actor.stop = stop

    await world.ask(arrange, "a", "top")
    await world.system.stop()
    assert answers == ["last words"]
    assert world.system.dropped == 1
    assert world.system.active("leaf") == []


async def test_the_first_failing_hook_does_not_prevent_the_others(world: Any, caplog: Any) -> None:
    await world.ask(1, "above", "top")
    await world.ask(1, "below")
    world.stop_errors.append(KeyError("oops"))
    await world.system.stop()
    assert world.notes[-2:] == ["stop above", "stop below"]
    assert "top/above failed to stop: KeyError" in caplog.text


async def test_an_actor_that_is_still_starting_finishes_that_and_its_mail_first(world: Any) -> None:
    gate = world.shut("start")
    ask = world.begin("hello")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    gate.set()
    assert await ask == "hello"
    await stopping
    assert world.notes == ["start a", "turn a", "stop a"]


async def test_an_actor_that_is_just_leaving_memory_is_waited_for(world: Any) -> None:
    await world.ask("hello")
    gate = world.shut("stop")
    await world.advance(60)
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    assert not stopping.done()
    gate.set()
    await stopping
    assert world.notes.count("stop a") == 1


async def test_an_actor_that_waits_to_start_again_and_has_no_mail_ends_at_once(world: Any) -> None:
    for _ in range(3):
        await world.kill()
        await world.advance(0.3)
    await world.kill()
    assert world.system.active("leaf") == ["a"]
    starts = world.notes.count("start a")
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    assert stopping.done()
    assert world.notes.count("start a") == starts
    assert world.armed() == []


async def test_a_pending_return_of_an_abandoned_actor_is_called_off(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", world.clock.now_ms() + 9_000))
    with pytest.raises(ZeroDivisionError):
        await world.ask(Abandon(ZeroDivisionError()))
    assert world.armed() != []
    await world.system.stop()
    assert world.armed() == []
    await world.advance(5)
    assert len(world.lives) == 1


async def test_a_turn_that_hangs_is_answered_at_the_deadline_and_left_alone(world: Any) -> None:
    gate = world.shut("turn")
    begun = world.begin("in its turn")
    await world.settle()
    waiting = world.begin("in the mailbox")
    beside = world.begin("elsewhere", "b")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    await world.advance(9.9)
    assert not stopping.done()
    assert not begun.done()
    await world.advance(0.1)
    await stopping
    results: list[Any] = list(await asyncio.gather(begun, waiting, beside, return_exceptions=True))
    assert [type(result) for result in results] == [Stopping] * 3
    assert [result.begun for result in results] == [True, False, True]
    assert world.armed() == []
    gate.set()
    await world.settle()
    assert world.lives[0].messages == ["in its turn"], "the turn went on to its end"
    assert "leaf/a" not in others()
    assert world.armed() == []


async def test_the_deadline_is_an_argument(world: Any) -> None:
    world.shut("turn")
    ask = world.begin("slow")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop(2))
    await world.settle()
    assert world.armed() == [2_000, 10_000], "the deadline, and the patience of who waited for the start"
    await world.advance(2)
    await stopping
    assert world.armed() == []
    with pytest.raises(Stopping):
        await ask


async def test_a_stop_hook_that_hangs_does_not_hold_up_the_end(world: Any) -> None:
    await world.ask("hello", "a", "top")
    await world.ask("hello", "b")
    gate = world.shut("stop")
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    await world.advance(10)
    await stopping
    assert "leaf/b" not in others()
    gate.set()
    await world.settle()
    assert "top/a" not in others()


async def test_whatever_can_end_has_ended_when_a_late_stop_returns(world: Any) -> None:
    world.shut("turn")
    slow = world.begin("slow")
    await world.settle()
    del world.gates["turn"]
    await world.ask("at rest", "b")
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: loop.call_soon(lambda: world.clock.advance(5)))
    await world.system.stop(5)
    assert "leaf/b" not in others()
    assert world.armed() == []
    with pytest.raises(Stopping):
        await slow


async def test_a_turn_that_outlived_the_system_is_followed_by_nothing(world: Any) -> None:
    gate = world.shut("turn")
    answers: list[object] = []

    async def go_on(actor: Any) -> None:
        actor.due = world.clock.now_ms()
        try:
            answers.append(await world.ask("too late", "b"))
        except Stopping as stopping:
            answers.append(stopping)

    slow = world.begin(go_on, "a", "top")
    await world.settle()
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: world.clock.advance(5))
    await world.system.stop(5)
    gate.set()
    await world.settle()
    assert [type(answer) for answer in answers] == [Stopping]
    assert world.notes == ["start a", "turn a"]
    assert "top/a" not in others()
    assert isinstance(slow.exception(), Stopping)


async def test_mail_that_waits_for_another_start_is_waited_for(world: Any) -> None:
    world.start_errors += [KeyError("one"), KeyError("two")]
    ask = world.begin("patience")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    assert not stopping.done()
    await world.advance(0.1)
    assert await ask == "patience"
    await stopping


async def test_a_late_message_to_one_that_waits_to_start_again_is_answered_with_stopping(world: Any) -> None:
    asks: list[asyncio.Task[object]] = []

    def arrange(actor: Any) -> None:
        async def stop() -> None:
            asks.append(world.begin("on the way out", "b"))
            await world.settle()

        actor.stop = stop

    await world.kill("b")
    await world.kill("b")
    await world.ask(arrange, "a", "top")
    await world.system.stop()
    with pytest.raises(Stopping):
        await asks[0]


async def test_one_abandoned_in_the_drain_does_not_come_back(world: Any) -> None:
    gate = world.shut("turn")

    def abandon(actor: Any) -> None:
        raise Abandon(ZeroDivisionError())

    await_due = world.begin(lambda actor: setattr(actor, "due", world.clock.now_ms() + 9_000))
    gate.set()
    await await_due
    gate.clear()
    lost = world.begin(abandon)
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    gate.set()
    await stopping
    assert isinstance(lost.exception(), ZeroDivisionError)
    assert world.armed() == []


async def test_mail_behind_a_defect_in_the_drain_still_finds_a_successor(world: Any) -> None:
    gate = world.shut("turn")
    fatal = world.begin(KeyError("oops"))
    await world.settle()
    kept = world.begin("kept")
    await world.settle()
    stopping = asyncio.ensure_future(world.system.stop())
    await world.settle()
    gate.set()
    assert await kept == "kept"
    await stopping
    assert isinstance(fatal.exception(), RuntimeError)


async def test_stopping_twice_waits_for_the_same_end(world: Any) -> None:
    await world.ask("hello")
    gate = world.shut("stop")
    first = asyncio.ensure_future(world.system.stop())
    second = asyncio.ensure_future(world.system.stop())
    await world.settle()
    assert not first.done()
    assert not second.done()
    gate.set()
    await asyncio.gather(first, second)
    await world.system.stop()
