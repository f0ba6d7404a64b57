"""Envelopes and the base behaviours."""

import asyncio
from typing import Any

import pytest

from actors.runtime import Address, Behaviour, Envelope, OneByOne, System


async def test_the_first_answer_wins_and_later_ones_do_nothing() -> None:
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    envelope = Envelope("message", reply, 0)
    assert envelope.is_open
    envelope.answer("first")
    envelope.answer("second")
    envelope.refuse(ValueError())
    assert await reply == "first"
    assert not envelope.is_open


async def test_the_first_refusal_wins_over_a_later_answer() -> None:
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    envelope = Envelope("message", reply, 0)
    envelope.refuse(ValueError())
    envelope.answer("late")
    with pytest.raises(ValueError):  # noqa: PT011
        await reply


async def test_an_envelope_whose_asker_left_takes_an_answer_quietly() -> None:
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    reply.cancel()
    envelope = Envelope("message", reply, 0)
    assert not envelope.is_open
    envelope.answer("nobody hears this")
    envelope.refuse(ValueError())


def test_a_told_envelope_is_never_open_and_takes_anything() -> None:
    envelope = Envelope("message", None, 0)
    assert not envelope.is_open
    envelope.answer(1)
    envelope.refuse(ValueError())


async def test_a_behaviour_without_a_turn_of_its_own_is_a_defect(world: Any) -> None:
    world.system.register("blank", 3, lambda key: Behaviour())
    with pytest.raises(RuntimeError) as caught:
        await world.ask("hello", kind="blank")
    assert isinstance(caught.value.__cause__, NotImplementedError)


class Echo(OneByOne):
    def __init__(self) -> None:
        self.seen: list[object] = []

    async def receive(self, message: object) -> object:
        self.seen.append(message)
        if isinstance(message, Exception):
            raise message
        return message


async def test_one_by_one_refuses_only_the_message_that_it_refused(world: Any) -> None:
    echo = Echo()
    world.system.register("echo", 3, lambda key: echo)
    asks = [world.begin(message, kind="echo") for message in (1, world.No(), 3)]
    one, two, three = await asyncio.gather(*asks, return_exceptions=True)
    assert (one, type(two), three) == (1, world.No, 3)


async def test_one_by_one_loses_only_the_message_that_it_died_of(world: Any) -> None:
    lives: list[Echo] = []

    def make(key: str) -> Echo:
        lives.append(Echo())
        return lives[-1]

    world.system.register("echo", 3, make)
    asks = [world.begin(message, kind="echo") for message in (1, KeyError("x"), 3)]
    one, two, three = await asyncio.gather(*asks, return_exceptions=True)
    assert (one, three) == (1, 3)
    assert isinstance(two, RuntimeError)
    assert [life.seen[-1] for life in lives[1:]] == [3]


async def test_a_one_by_one_without_receive_is_a_defect(world: Any) -> None:
    system = System(world.clock)
    system.register("blank", 1, lambda key: OneByOne())
    with pytest.raises(RuntimeError) as caught:
        await system.ask(Address("blank", "a"), 1)
    assert isinstance(caught.value.__cause__, NotImplementedError)
    await system.stop()
