"""Addresses, asking and telling, who may ask whom."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from actors.runtime import Address, AskCycle, MailboxFull, OneByOne, System

PERSON: ContextVar[str] = ContextVar("person", default="nobody")


async def test_an_ask_gets_the_answer(world: Any) -> None:
    assert await world.ask("hello") == "hello"


async def test_a_refusal_goes_to_the_asker_and_the_actor_lives(world: Any) -> None:
    with pytest.raises(world.No):
        await world.ask(world.No("not today"))
    assert await world.ask("still there") == "still there"
    assert len(world.lives) == 1


async def test_the_same_address_is_the_same_actor_and_another_key_another(world: Any) -> None:
    await world.ask(1, "a")
    await world.ask(2, "a")
    await world.ask(3, "b")
    assert [life.messages for life in world.lives] == [[1, 2], [3]]
    assert world.system.active("leaf") == ["a", "b"]
    assert world.system.active("top") == []


async def test_an_unknown_kind_is_an_error_of_the_caller(world: Any) -> None:
    with pytest.raises(KeyError):
        await world.ask(1, kind="nobody")
    with pytest.raises(KeyError):
        world.tell(1, kind="nobody")


async def test_a_kind_is_registered_once(world: Any) -> None:
    with pytest.raises(ValueError, match="leaf"):
        world.system.register("leaf", 3, lambda key: world.last)


async def test_an_asker_that_went_away_is_not_noticed_by_the_actor(world: Any) -> None:
    gate = world.shut("turn")
    asker = world.begin("first")
    await world.settle()
    asker.cancel()
    await world.settle()
    gate.set()
    assert await world.ask("second") == "second"
    assert world.last.messages == ["first", "second"]
    assert asker.cancelled()


async def test_a_message_whose_asker_left_while_it_waited_is_handled_all_the_same(world: Any) -> None:
    gate = world.shut("turn")
    first, second = world.begin("first"), world.begin("second")
    await world.settle()
    second.cancel()
    gate.set()
    await first
    await world.settle()
    assert world.last.messages == ["first", "second"]


async def test_a_told_message_arrives_and_a_refusal_of_it_goes_nowhere(world: Any) -> None:
    world.tell("hello")
    await world.settle()
    world.tell(world.No("nobody hears this"))
    await world.settle()
    assert await world.ask("after") == "after"
    assert world.last.messages[0] == "hello"
    assert len(world.lives) == 1


async def test_a_full_mailbox_refuses_an_ask_at_once(build: Any) -> None:
    world = build(mailbox_limit=3)
    gate = world.shut("turn")
    waiting = [world.begin(0)]
    await world.settle()
    waiting += [world.begin(n) for n in (1, 2, 3)]
    await world.settle()
    with pytest.raises(MailboxFull) as caught:
        await world.ask(4)
    assert not caught.value.begun
    gate.set()
    assert await asyncio.gather(*waiting) == [0, 1, 2, 3]


async def test_a_mailbox_is_bounded_while_the_actor_starts(build: Any) -> None:
    world = build(mailbox_limit=2)
    gate = world.shut("start")
    waiting = [world.begin(n) for n in (1, 2)]
    await world.settle()
    with pytest.raises(MailboxFull):
        await world.ask(3)
    gate.set()
    assert await asyncio.gather(*waiting) == [1, 2]


async def test_a_told_message_for_a_full_mailbox_is_dropped_and_counted(build: Any, caplog: Any) -> None:
    world = build(mailbox_limit=1)
    for secret in ("one", "two", "three"):
        world.tell(secret)
    await world.settle()
    assert world.last.messages == ["one"]
    assert world.system.dropped == 2
    assert "leaf/a" in caplog.text
    assert "two" not in caplog.text


async def test_an_actor_may_ask_downhill(world: Any) -> None:
    assert await world.ask(lambda actor: world.ask("deep", "b"), kind="top") == "deep"


@pytest.mark.parametrize(("kind", "key"), [("top", "a"), ("top", "b")])
async def test_an_actor_may_not_ask_itself_or_its_own_kind(world: Any, kind: str, key: str) -> None:
    async def attempt(actor: Any) -> str:
        with pytest.raises(AskCycle):
            await world.ask("never", key, kind)
        return "refused"

    assert await world.ask(attempt, "a", "top") == "refused"


async def test_an_actor_may_not_ask_uphill(world: Any) -> None:
    async def attempt(actor: Any) -> str:
        with pytest.raises(AskCycle, match="leaf/a may not ask top/z"):
            await world.ask("never", "z", "top")
        return "refused"

    assert await world.ask(attempt) == "refused"
    assert world.system.active("top") == []


async def test_an_actor_that_was_asked_by_one_above_is_still_bound_by_its_own_rank(world: Any) -> None:
    async def uphill(actor: Any) -> str:
        with pytest.raises(AskCycle):
            await world.ask("never", "a", "top")
        return "refused"

    assert await world.ask(lambda actor: world.ask(uphill, "b"), "a", "top") == "refused"


async def test_an_ask_cycle_that_nobody_catches_is_a_defect(world: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        await world.ask(lambda actor: world.ask("never"))
    assert isinstance(caught.value.__cause__, AskCycle)


async def test_an_actor_may_tell_uphill_and_itself(world: Any) -> None:
    def tell_all(actor: Any) -> None:
        world.tell("up", "z", "top")
        world.tell("later")

    await world.ask(tell_all)
    await world.settle()
    assert world.lives[0].messages[-1] == "later"
    assert world.lives[1].messages == ["up"]


async def test_who_made_an_actor_does_not_rub_off_on_it(world: Any) -> None:
    await world.ask(lambda actor: world.ask("made by the top actor", "b"), kind="top")
    outside = await world.ask(lambda actor: world.ask("down", "c"), kind="top")
    assert outside == "down"
    assert await world.ask("asked from outside", "b") == "asked from outside"


async def test_nothing_of_the_first_askers_context_stays_with_the_actor(world: Any) -> None:
    PERSON.set("alice")
    assert await world.ask(lambda actor: PERSON.get()) == "nobody"


async def test_a_failure_further_down_is_an_answer_and_does_not_kill(world: Any) -> None:
    with pytest.raises(RuntimeError):
        await world.ask(lambda actor: world.ask(KeyError("x"), "b"), kind="top")
    assert await world.ask("alive", kind="top") == "alive"
    assert [life.key for life in world.lives] == ["a", "b"]


async def test_a_refusal_further_down_is_an_answer_and_does_not_kill(world: Any) -> None:
    with pytest.raises(world.No):
        await world.ask(lambda actor: world.ask(world.No(), "b"), kind="top")
    assert await world.ask("alive", kind="top") == "alive"
    assert len(world.lives) == 2


def test_an_address_reads_as_kind_and_key() -> None:
    assert str(Address("calendar", "abc")) == "calendar/abc"


async def test_several_families_of_refusals_may_be_given(world: Any) -> None:
    class Strict(OneByOne):
        async def receive(self, message: object) -> object:
            raise ZeroDivisionError if message == 0 else world.No

    lives: list[Strict] = []

    def make(key: str) -> Strict:
        lives.append(Strict())
        return lives[-1]

    system = System(world.clock, refusals=(world.No, ZeroDivisionError))
    system.register("strict", 1, make)
    with pytest.raises(ZeroDivisionError):
        await system.ask(Address("strict", "x"), 0)
    with pytest.raises(world.No):
        await system.ask(Address("strict", "x"), 1)
    assert len(lives) == 1
    await system.stop()
