"""Doing a thing once: the second of two requests waits, effects are answered again, refusals are not remembered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.command import Remember
from actors.manual_clock import ManualClock
from actors.refusals import AlreadyAnswered, Invalid, SlotUnavailable, Unavailable
from server.booking.once import KEPT_MS, Locks, Once
from server.storage.queries import StoredAnswer

NOW_MS = 1_803_884_400_000
KEY = Remember("scope", "key", "fingerprint")


class Shelf:
    """Remembers answers as the database does."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], StoredAnswer] = {}

    async def remembered(self, scope: str, key: str) -> StoredAnswer | None:
        await asyncio.sleep(0)
        return self.answers.get((scope, key))

    def keep(self, key: Remember, answer: dict[str, Any], at_ms: int = NOW_MS) -> None:
        self.answers[(key.scope, key.key)] = StoredAnswer(key.fingerprint, at_ms, answer)


class Work:
    """An effect that is remembered when it is done."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.done = shelf, 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: list[Exception] = []

    async def do(self, key: Remember | None) -> str:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.done += 1
        if key is not None:
            self.shelf.keep(key, {"done": self.done})
        return f"did {self.done}"

    async def replay(self, answer: dict[str, Any], at_ms: int) -> str:
        return f"again {answer['done']} of {at_ms}"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def work(shelf: Shelf) -> Work:
    return Work(shelf)


@pytest.fixture
def run(shelf: Shelf, clock: ManualClock, work: Work) -> Callable[..., Awaitable[str]]:
    once = Once(shelf, clock)  # type: ignore[arg-type]
    return lambda key=KEY: once.run(key, work.do, work.replay)


async def test_without_a_key_everything_is_done_each_time(run: Any, work: Work) -> None:
    assert [await run(None), await run(None)] == ["did 1", "did 2"]


async def test_with_a_key_it_is_done_once_and_answered_again(run: Any, work: Work) -> None:
    assert [await run(), await run(), await run()] == ["did 1", f"again 1 of {NOW_MS}", f"again 1 of {NOW_MS}"]
    assert work.done == 1


async def test_of_two_at_once_the_second_waits_for_the_first(run: Any, work: Work) -> None:
    work.gate.clear()
    both = [asyncio.ensure_future(run()) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(task.done() for task in both)
    work.gate.set()
    assert await asyncio.gather(*both) == ["did 1", f"again 1 of {NOW_MS}"]


async def test_the_same_key_for_another_request_is_wrong_at_the_whole(run: Any, work: Work) -> None:
    await run()
    with pytest.raises(Invalid) as refused:
        await run(Remember("scope", "key", "another"))
    assert refused.value.faults[0][0] == ""
    assert work.done == 1


async def test_a_key_belongs_to_its_credential(run: Any, work: Work) -> None:
    await run()
    assert await run(Remember("another", "key", "fingerprint")) == "did 2"


async def test_a_key_is_kept_for_a_day(run: Any, work: Work, clock: ManualClock) -> None:
    await run()
    clock.set(NOW_MS + KEPT_MS)
    assert await run() == f"again 1 of {NOW_MS}"
    clock.set(NOW_MS + KEPT_MS + 1)
    assert await run() == "did 2"


async def test_a_refusal_is_not_remembered(run: Any, work: Work) -> None:
    work.errors.append(SlotUnavailable())
    with pytest.raises(SlotUnavailable):
        await run()
    assert await run() == "did 1"


async def test_what_was_answered_meanwhile_elsewhere_is_answered_again(run: Any, work: Work, shelf: Shelf) -> None:
    async def late(key: Remember | None) -> str:
        shelf.keep(KEY, {"done": 9})
        raise AlreadyAnswered(scope="scope", key="key")

    work.do = late  # type: ignore[method-assign]
    assert await run() == f"again 9 of {NOW_MS}"


async def test_an_answer_that_vanished_is_not_invented(run: Any, work: Work) -> None:
    work.errors.append(AlreadyAnswered(scope="scope", key="key"))
    with pytest.raises(Unavailable):
        await run()


async def test_a_lock_is_forgotten_when_nobody_wants_it() -> None:
    locks, order = Locks(), []

    async def one(name: str, place: int) -> None:
        async with locks.of(name):
            order.append(("in", name, place))
            await asyncio.sleep(0)
            order.append(("out", name, place))

    await asyncio.gather(one("a", 1), one("a", 2), one("b", 3), one("a", 4))
    mine = [(what, place) for what, name, place in order if name == "a"]
    assert mine == [("in", 1), ("out", 1), ("in", 2), ("out", 2), ("in", 4), ("out", 4)]
    assert order[1] == ("in", "b", 3)
    assert locks._locks == {}


async def test_who_gives_up_waiting_for_a_lock_leaves_it_to_the_others() -> None:
    locks = Locks()
    entered = asyncio.Event()

    async def wait_and_enter() -> None:
        async with locks.of("a"):
            entered.set()

    async with locks.of("a"):
        waiting, second = asyncio.ensure_future(wait_and_enter()), asyncio.ensure_future(wait_and_enter())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        assert not entered.is_set()
    await second
    assert locks._locks == {}
