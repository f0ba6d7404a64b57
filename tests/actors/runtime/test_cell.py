"""Turns, starting, deadlines and passivation of one live actor."""

import asyncio
from typing import Any

import pytest

from actors.runtime import ActorDied, Address, Behaviour, Envelope, Stopping, System

NOON = 1_800_000_000_000


async def test_messages_that_come_while_starting_wait_for_it(world: Any) -> None:
    gate = world.shut("start")
    asks = [world.begin(n) for n in range(3)]
    await world.settle()
    assert world.notes == ["start a"]
    gate.set()
    assert await asyncio.gather(*asks) == [0, 1, 2]
    assert world.notes == ["start a", "turn a"]


async def test_waiting_messages_are_taken_into_one_turn_in_order(world: Any) -> None:
    gate = world.shut("turn")
    first = world.begin("first")
    await world.settle()
    rest = [world.begin(n) for n in range(10)]
    await world.settle()
    gate.set()
    assert await asyncio.gather(first, *rest) == ["first", *range(10)]
    assert world.batches == [1, 10]
    assert world.last.messages == ["first", *range(10)]


async def test_a_turn_takes_no_more_than_the_limit(world: Any) -> None:
    assert await asyncio.gather(*[world.begin(n) for n in range(150)]) == list(range(150))
    assert world.batches == [64, 64, 22]
    assert world.last.messages == list(range(150))


async def test_a_behaviour_may_take_fewer_but_never_more_than_the_limit(world: Any) -> None:
    sizes = []

    class Counting(Behaviour):
        def __init__(self, limit: int) -> None:
            self.batch_limit = limit

        async def turn(self, mail: list[Envelope]) -> None:
            sizes.append(len(mail))
            for envelope in mail:
                envelope.answer(None)

    system = System(world.clock, batch_limit=4)
    system.register("counting", 1, lambda key: Counting(int(key)))
    for limit in ("3", "9"):
        await asyncio.gather(*[system.ask(Address("counting", limit), n) for n in range(5)])
    assert sizes == [3, 2, 4, 1]
    await system.stop()


async def test_a_refusal_out_of_a_turn_goes_to_all_who_have_no_answer_yet(world: Any) -> None:
    asks = [world.begin(message) for message in ("one", world.No("all of it"), "three")]
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert results[0] == "one"
    assert [type(result) for result in results[1:]] == [world.No, world.No]
    assert len(world.lives) == 1


async def test_a_deadline_set_by_a_turn_that_ended_in_a_refusal_counts(world: Any) -> None:
    def set_deadline(actor: Any) -> None:
        actor.due = NOON + 5_000

    await asyncio.gather(world.begin(set_deadline), world.begin(world.No()), return_exceptions=True)
    await world.advance(5)
    assert world.notes[-1] == "wake a"


async def test_a_behaviour_may_empty_its_list_of_mail(world: Any) -> None:
    class Popping(Behaviour):
        async def turn(self, mail: list[Envelope]) -> None:
            mail.pop().answer("done")
            mail.clear()

    system = System(world.clock)
    system.register("popping", 1, lambda key: Popping())
    results = await asyncio.gather(*[system.ask(Address("popping", "a"), n) for n in range(2)], return_exceptions=True)
    assert results[1] == "done"
    assert isinstance(results[0], ActorDied)
    await system.stop()


async def test_a_message_left_without_an_answer_is_a_defect(world: Any) -> None:
    class Forgetful(Behaviour):
        async def turn(self, mail: list[Envelope]) -> None:
            mail[0].answer("only the first")

    system = System(world.clock)
    system.register("forgetful", 1, lambda key: Forgetful())
    first, second = await asyncio.gather(
        *[system.ask(Address("forgetful", "a"), {"name": "Alice"}) for _ in range(2)], return_exceptions=True
    )
    assert first == "only the first"
    assert isinstance(second, RuntimeError)
    assert str(second.__cause__) == "a dict was left without an answer"
    await system.stop()


async def test_a_told_message_needs_no_answer(world: Any) -> None:
    class Silent(Behaviour):
        lives = 0

        def __init__(self) -> None:
            Silent.lives += 1

        async def turn(self, mail: list[Envelope]) -> None:
            for envelope in mail:
                if envelope.is_open:
                    envelope.answer("asked")

    system = System(world.clock)
    system.register("silent", 1, lambda key: Silent())
    system.tell(Address("silent", "a"), 1)
    assert await system.ask(Address("silent", "a"), 2) == "asked"
    assert Silent.lives == 1
    await system.stop()


async def test_a_deadline_wakes_the_actor_when_it_is_due_and_not_before(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 5_000))
    await world.advance(4.999)
    assert "wake a" not in world.notes
    await world.advance(0.001)
    assert world.notes.count("wake a") == 1


async def test_a_deadline_that_start_found_wakes_the_actor(world: Any) -> None:
    class Loaded(Behaviour):
        woken = False

        def deadline(self) -> int | None:
            return None if self.woken else NOON + 1_000

        async def turn(self, mail: list[Envelope]) -> None: ...

        async def wake(self) -> None:
            Loaded.woken = True

    system = System(world.clock)
    system.register("loaded", 1, lambda key: Loaded())
    system.tell(Address("loaded", "a"), 1)
    await world.advance(1)
    assert Loaded.woken
    await system.stop()


async def test_a_deadline_in_the_past_wakes_at_once(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON - 1))
    await world.settle()
    assert world.notes[-1] == "wake a"


async def test_a_deadline_that_moved_earlier_counts(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 50_000))
    await world.ask(lambda actor: setattr(actor, "due", NOON + 2_000))
    await world.advance(2)
    assert world.notes[-1] == "wake a"


async def test_a_deadline_that_moved_later_does_not_wake_at_the_old_time(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 2_000))
    await world.ask(lambda actor: setattr(actor, "due", NOON + 3_000))
    await world.advance(2)
    assert "wake a" not in world.notes
    await world.advance(1)
    assert world.notes[-1] == "wake a"


async def test_a_deadline_that_was_called_off_does_not_wake(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 2_000))
    await world.ask(lambda actor: setattr(actor, "due", None))
    await world.advance(5)
    assert "wake a" not in world.notes


async def test_a_wake_waits_for_the_turn_in_progress(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    gate = world.shut("turn")
    ask = world.begin("slow")
    await world.settle()
    await world.advance(2)
    assert "wake a" not in world.notes
    gate.set()
    await ask
    await world.settle()
    assert world.notes[-1] == "wake a"


async def test_a_turn_waits_for_the_wake_in_progress(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    gate = world.shut("wake")
    await world.advance(1)
    ask = world.begin("later")
    await world.settle()
    assert not ask.done()
    gate.set()
    assert await ask == "later"


async def test_a_stream_of_mail_does_not_hold_off_a_wake(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    gate = world.shut("turn")
    asks = [world.begin(n) for n in range(200)]
    await world.settle()
    await world.advance(1)
    gate.set()
    await asyncio.gather(*asks)
    assert world.notes.index("wake a") < len(world.notes) - 1


async def test_a_wake_that_does_not_move_its_deadline_is_not_repeated_in_a_hot_loop(world: Any) -> None:
    def stick(actor: Any) -> None:
        actor.deadline = lambda: NOON

    await world.ask(stick)
    await world.settle()
    assert world.notes.count("wake a") == 1
    await world.advance(0.1)
    assert world.notes.count("wake a") == 2
    assert await world.ask("still answering") == "still answering"


async def test_a_refusal_in_a_wake_is_tried_again_soon_and_kills_nobody(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 1_000))
    world.wake_errors.append(world.No())
    await world.advance(1)
    assert world.notes.count("wake a") == 1
    await world.advance(0.1)
    assert world.notes.count("wake a") == 2
    assert len(world.lives) == 1


async def test_an_idle_actor_leaves_memory_after_a_minute_without_mail(world: Any) -> None:
    await world.ask("hello")
    await world.advance(59.999)
    assert world.system.active("leaf") == ["a"]
    await world.advance(0.001)
    assert world.system.active("leaf") == []
    assert world.notes[-1] == "stop a"
    assert world.armed() == []


async def test_mail_puts_off_leaving(world: Any) -> None:
    await world.ask("hello")
    await world.advance(40)
    world.tell("again")
    await world.advance(40)
    assert world.system.active("leaf") == ["a"]
    await world.advance(20)
    assert world.system.active("leaf") == []


async def test_the_time_until_leaving_is_a_setting(build: Any) -> None:
    world = build(passivate_after=2)
    await world.ask("hello")
    await world.advance(2)
    assert world.system.active("leaf") == []


async def test_an_actor_that_is_not_idle_stays_and_is_asked_again_a_minute_later(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "may_leave", False))
    await world.advance(60)
    assert world.system.active("leaf") == ["a"]
    world.last.may_leave = True
    await world.advance(59)
    assert world.system.active("leaf") == ["a"]
    await world.advance(1)
    assert world.system.active("leaf") == []


async def test_an_actor_with_a_deadline_stays(world: Any) -> None:
    await world.ask(lambda actor: setattr(actor, "due", NOON + 300_000))
    await world.advance(200)
    assert world.system.active("leaf") == ["a"]
    assert world.armed() == [300_000]
    await world.advance(100)
    assert world.notes[-2:] == ["wake a", "stop a"]


async def test_a_message_during_stopping_goes_to_the_successor(world: Any) -> None:
    await world.ask("hello")
    gate = world.shut("stop")
    await world.advance(60)
    ask = world.begin("to whom it may concern")
    await world.settle()
    assert world.notes == ["start a", "turn a", "stop a"]
    assert world.system.active("leaf") == ["a"]
    gate.set()
    assert await ask == "to whom it may concern"
    assert [life.messages for life in world.lives] == [["hello"], ["to whom it may concern"]]


async def test_a_failing_stop_is_logged_and_the_successor_starts_at_once(world: Any, caplog: Any) -> None:
    await world.ask("hello")
    gate = world.shut("stop")
    world.stop_errors.append(KeyError("oops"))
    await world.advance(60)
    ask = world.begin("next")
    await world.settle()
    gate.set()
    assert await ask == "next"
    assert "leaf/a failed to stop: KeyError" in caplog.text


async def test_a_turn_creates_no_task_and_no_timer_of_its_own(world: Any) -> None:
    await world.ask("hello")
    tasks, timers = len(asyncio.all_tasks()), world.armed()
    for n in range(50):
        world.tell(n)
        await world.settle()
    assert len(asyncio.all_tasks()) == tasks
    assert world.armed() == timers


async def test_an_idle_method_that_fails_is_a_defect(world: Any, caplog: Any) -> None:
    def spoil(actor: Any) -> None:
        def idle() -> bool:
            raise ZeroDivisionError

        actor.idle = idle

    await world.ask(spoil)
    await world.advance(60)
    assert "leaf/a died: ZeroDivisionError" in caplog.text
    assert await world.ask("a new one") == "a new one"


async def test_when_the_loop_is_torn_down_nobody_waits_for_ever(world: Any) -> None:
    world.shut("turn")
    begun = world.begin("in its turn")
    await world.settle()
    waiting = world.begin("in the mailbox")
    await world.settle()
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == "leaf/a"]
    task.cancel()
    with pytest.raises(Stopping) as first:
        await begun
    with pytest.raises(Stopping) as second:
        await waiting
    assert (first.value.begun, second.value.begun) == (True, False)
