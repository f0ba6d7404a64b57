"""What an actor is made of: an address, envelopes to answer, and a behaviour to override."""

from asyncio import Future
from typing import Any, NamedTuple


class Address(NamedTuple):
    """Where to send to. Callers hold an address, never an actor."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"


class Envelope:
    """A message and the one answer to it. The first of `answer` and `refuse` wins, later ones do nothing.

    Whether anybody still waits for the answer is not the actor's business: both always return quietly.
    """

    __slots__ = ("_reply", "arrived_ms", "message")

    def __init__(self, message: object, reply: Future[Any] | None, arrived_ms: int) -> None:
        self.message = message
        self.arrived_ms = arrived_ms
        self._reply = reply

    def answer(self, result: object) -> None:
        """Give the asker its result."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(result)

    def refuse(self, error: BaseException) -> None:
        """Raise `error` at the asker."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)

    @property
    def is_open(self) -> bool:
        """Somebody waits and has no answer yet. False for told messages."""
        return self._reply is not None and not self._reply.done()


class Behaviour:
    """What an actor does. Its methods never run in parallel, so its state needs no locks.

    A refusal (one of the system's `refusals`) raised from `turn` goes to all of that turn who have no answer
    yet; raised from `start` it answers everybody who waits, and the actor is dropped. `Abandon` drops the
    actor without counting as a death. Any other exception is a defect: the actor dies and is loaded anew,
    with back-off. `stop` is called only for an actor that leaves in good order, not for one dropped or dead.
    """

    read_only = False
    """Refuse writes: it died too often. Set before `start`, taken back between turns after a good minute."""

    batch_limit: int | None = None
    """At most this many envelopes in one turn; None takes the system's limit."""

    async def start(self) -> None:
        """Load the state. Messages wait meanwhile."""

    async def turn(self, mail: list[Envelope]) -> None:
        """Answer or refuse every envelope. To return while an asker has no answer is a defect."""
        raise NotImplementedError

    def deadline(self) -> int | None:
        """When to `wake`, in wall-clock milliseconds. Asked after the start, each turn and each wake."""
        return None

    async def wake(self) -> None:
        """The deadline has come. Called again soon if it does not move on."""

    def idle(self) -> bool:
        """May leave memory. Asked after a time without mail, and only when there is no deadline."""
        return True

    async def stop(self) -> None:
        """Leave in good order: out of memory, or with the whole system."""


class OneByOne(Behaviour):
    """Takes one message a turn and answers with what `receive` returns; a refusal refuses only that one."""

    batch_limit = 1

    async def turn(self, mail: list[Envelope]) -> None:
        for envelope in mail:
            envelope.answer(await self.receive(envelope.message))

    async def receive(self, message: object) -> object:
        """Handle one message; the result is the answer."""
        raise NotImplementedError
