"""A system on a moved clock, with actors that do what their messages say and note what happens to them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable

import pytest

from actors.manual_clock import ManualClock
from actors.runtime import Address, Behaviour, Envelope, System

NOON = 1_800_000_000_000


class No(Exception):
    """A refusal."""


class Actor(Behaviour):
    """Answers a message with itself; raises one that is an exception; calls one that can be called."""

    def __init__(self, world: "World", key: str) -> None:
        self.world, self.key = world, key
        self.due: int | None = None
        self.may_leave = True
        self.messages: list[object] = []
        world.lives.append(self)

    async def start(self) -> None:
        self.world.note("start", self.key)
        await self.world.pass_gate("start")
        if self.world.start_errors:
            raise self.world.start_errors.pop(0)

    async def turn(self, mail: list[Envelope]) -> None:
        self.world.note("turn", self.key)
        self.world.batches.append(len(mail))
        await self.world.pass_gate("turn")
        for envelope in mail:
            envelope.answer(await self.obey(envelope.message))

    async def obey(self, message: object) -> object:
        self.messages.append(message)
        if isinstance(message, BaseException):
            raise message
        if not callable(message):
            return message
        result = message(self)
        return await result if inspect.isawaitable(result) else result

    def deadline(self) -> int | None:
        return self.due

    async def wake(self) -> None:
        self.world.note("wake", self.key)
        await self.world.pass_gate("wake")
        if self.world.wake_errors:
            raise self.world.wake_errors.pop(0)
        self.due = None

    def idle(self) -> bool:
        return self.may_leave

    async def stop(self) -> None:
        self.world.note("stop", self.key)
        await self.world.pass_gate("stop")
        if self.world.stop_errors:
            raise self.world.stop_errors.pop(0)


class World:
    """What a test holds in its hands. Kinds: `leaf` (asked by all), `top` (asks leaves)."""

    No = No

    def __init__(self, **limits: float) -> None:
        self.clock = ManualClock(NOON)
        self.system = System(self.clock, refusals=No, **limits)  # type: ignore[arg-type]
        self.notes: list[str] = []
        self.batches: list[int] = []
        self.lives: list[Actor] = []
        self.start_errors: list[BaseException] = []
        self.wake_errors: list[BaseException] = []
        self.stop_errors: list[BaseException] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.system.register("leaf", 2, lambda key: Actor(self, key))
        self.system.register("top", 1, lambda key: Actor(self, key))

    @property
    def last(self) -> Actor:
        return self.lives[-1]

    def note(self, what: str, key: str) -> None:
        self.notes.append(f"{what} {key}")

    def shut(self, gate: str) -> asyncio.Event:
        """From now on `start`, `turn`, `wake` or `stop` waits here until the event is set."""
        self.gates[gate] = asyncio.Event()
        return self.gates[gate]

    async def pass_gate(self, gate: str) -> None:
        if gate in self.gates:
            await self.gates[gate].wait()

    def begin(self, message: object, key: str = "a", kind: str = "leaf") -> "asyncio.Task[object]":
        """Ask without waiting."""
        return asyncio.ensure_future(self.system.ask(Address(kind, key), message))

    async def ask(self, message: object, key: str = "a", kind: str = "leaf") -> object:
        return await self.system.ask(Address(kind, key), message)

    def tell(self, message: object, key: str = "a", kind: str = "leaf") -> None:
        self.system.tell(Address(kind, key), message)

    async def kill(self, key: str = "a") -> None:
        """Make the actor die of a defect."""
        with pytest.raises(RuntimeError):
            await self.ask(KeyError("oops"), key)
        await self.settle()

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen without time."""
        for _ in range(20):
            await asyncio.sleep(0)

    def armed(self) -> list[int]:
        """Timers that would still fire."""
        return sorted(at_ms - NOON for at_ms, _, timer in self.clock._timers if timer._callback is not None)


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., World]]:
    """Makes worlds with limits of the test's choice; they are all stopped in the end."""
    worlds: list[World] = []

    def make(**limits: float) -> World:
        worlds.append(World(**limits))
        return worlds[-1]

    yield make
    for world in worlds:
        for gate in world.gates.values():
            gate.set()
        stopping = asyncio.ensure_future(world.system.stop())
        await world.settle()
        await world.advance(11)
        await stopping
        await world.settle()


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build()
