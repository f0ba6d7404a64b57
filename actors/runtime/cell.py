"""One live actor: a bounded mailbox, one task, one timer, and its fate in the end."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context, ContextVar
from typing import Protocol

from actors.runtime.actor import Address, Behaviour, Envelope
from actors.runtime.alarm import Alarm, Clock
from actors.runtime.deaths import WINDOW_MS
from actors.runtime.errors import Abandon, ActorDied, Stopping, wordless
from actors.runtime.life import Fate, Inheritance, Limits, State

WAKE_AGAIN_MS = 100  # a wake that left its deadline where it was is repeated at this pace, not in a hot loop

ACTING: ContextVar[Address | None] = ContextVar("acting", default=None)
"""The actor whose task this is, or None outside of actors."""

log = logging.getLogger("holdfast.actors")


class Host(Protocol):
    """What a cell tells its system."""

    def settled(self) -> None:
        """The cell has nothing to do just now."""

    def proven(self, address: Address) -> None:
        """The cell lived through its probation."""

    def ended(self, cell: "Cell", fate: Fate) -> None:
        """The cell is dead; mail may be left in its mailbox."""


class Cell:
    """Runs one behaviour. Each envelope that it took is answered, or left in the mailbox for its heir."""

    def __init__(
        self,
        address: Address,
        factory: Callable[[str], Behaviour],
        clock: Clock,
        limits: Limits,
        host: Host,
        inheritance: Inheritance,
    ) -> None:
        self.address = address
        self.state = State.STARTING
        self.has_run = False
        self.mailbox = inheritance.mailbox
        self.due_ms = inheritance.due_ms
        self._inheritance = inheritance
        self._factory, self._clock, self._limits, self._host = factory, clock, limits, host
        self._behaviour = Behaviour()
        self._batch = limits.batch
        self._mail: Sequence[Envelope] = ()  # of the turn in progress
        self._leave_ms = clock.now_ms() + limits.passivate_after_ms
        self._proven_ms: int | None = None  # when probation ends
        self._alarm = Alarm(clock, self._ring)
        self._closing = self._given_up = False
        self._sleeper: asyncio.Future[None] | None = None
        # An empty context: whoever happened to send the first message must not mark the actor for life.
        self._task = Context().run(asyncio.create_task, self._run(), name=str(address))

    @property
    def busy(self) -> bool:
        """In a step, or with mail to come to. A cell that only waits for a time or a message is not."""
        return bool(self.mailbox) or self._sleeper is None

    @property
    def stepping(self) -> bool:
        """In the behaviour's own code, which is never interrupted."""
        return self._sleeper is None

    def put(self, envelope: Envelope) -> None:
        """Take a message, or raise MailboxFull."""
        self.mailbox.put(envelope)
        self._leave_ms = envelope.arrived_ms + self._limits.passivate_after_ms
        if self.state is State.STARTING:
            self._alarm.set(envelope.arrived_ms + self._limits.ask_patience_ms)
        else:
            self._rouse()

    def close(self) -> None:
        """Finish the mail, stop in good order, end. A cell that still waits to start ends without."""
        self._closing = True
        self._rouse()

    def give_up(self) -> None:
        """Answer everybody with Stopping now. A step in progress goes on: a commit may be behind it."""
        self._given_up = True
        self._alarm.cancel()
        for envelope in self._mail:
            envelope.refuse(Stopping(f"{self.address} did not finish in time", begun=True))
        self.mailbox.refuse_all(Stopping())
        self._rouse()

    async def _run(self) -> None:
        ACTING.set(self.address)
        fate = Fate.STOPPED
        try:
            await self._live()
        except Abandon as abandon:
            fate = Fate.ABANDONED
            self._abandon(abandon.error)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and self._task.cancelling():  # the loop is torn down
                self.give_up()
                raise
            fate = Fate.DIED
            self._die(error)
        finally:
            self.state = State.DEAD
            self._alarm.cancel()
            self._host.ended(self, fate)

    async def _live(self) -> None:
        await self._back_off()
        if self._closing or self._given_up:
            return
        await self._start()
        while not self._given_up:
            if self._proven_ms is not None:
                self._check_probation()
            if self.mailbox:
                await self._turn()
            elif self._closing or self._may_leave():
                await self._stop()
                return
            elif not self._is_due():
                await self._sleep()
            if self._is_due():
                await self._wake()

    async def _back_off(self) -> None:
        self._lose_patience()
        while self._clock.now_ms() < self._inheritance.start_ms and not (self._closing or self._given_up):
            await self._sleep()

    async def _start(self) -> None:
        self._arm()
        self._behaviour = behaviour = self._factory(self.address.key)
        behaviour.read_only = self._inheritance.read_only
        try:
            await behaviour.start()
        except self._limits.refusals as refusal:
            raise Abandon(refusal) from refusal
        self.due_ms = behaviour.deadline()
        self._batch = min(behaviour.batch_limit or self._limits.batch, self._limits.batch)
        if self._inheritance.on_probation:
            self._proven_ms = self._clock.now_ms() + WINDOW_MS
        self.state = State.RUNNING
        self.has_run = True

    async def _turn(self) -> None:
        mail = self.mailbox.take(self._batch)
        self._mail = tuple(mail)  # the behaviour may do with its list as it likes
        try:
            await self._behaviour.turn(mail)
        except self._limits.refusals as refusal:
            for envelope in self._mail:
                envelope.refuse(refusal)
        for envelope in self._mail:
            if envelope.is_open:
                raise RuntimeError(f"a {type(envelope.message).__name__} was left without an answer")
        self.due_ms = self._behaviour.deadline()
        self._mail = ()

    async def _wake(self) -> None:
        before, self.due_ms = self.due_ms, self._clock.now_ms() + WAKE_AGAIN_MS
        with suppress(*self._limits.refusals):
            await self._behaviour.wake()
            after = self._behaviour.deadline()
            if after is None or before is None or after > before:
                self.due_ms = after

    async def _stop(self) -> None:
        self.state = State.STOPPING
        try:
            await self._behaviour.stop()
        except Exception as error:
            log.error("%s failed to stop: %s", self.address, type(error).__name__, exc_info=wordless(error))

    def _abandon(self, error: Exception) -> None:
        for envelope in self._mail:
            envelope.refuse(error)
        if self.state is State.STARTING:
            self.mailbox.refuse_all(error)

    def _die(self, error: BaseException) -> None:
        log.error("%s died: %s", self.address, type(error).__name__, exc_info=wordless(error))
        for envelope in self._mail:
            died = ActorDied(f"{self.address} died: {type(error).__name__}")
            died.__cause__ = error
            envelope.refuse(died)

    def _is_due(self) -> bool:
        return self.due_ms is not None and self.due_ms <= self._clock.now_ms() and not self._given_up

    def _may_leave(self) -> bool:
        now_ms = self._clock.now_ms()
        if now_ms < self._leave_ms or self.due_ms is not None or self._proven_ms is not None:
            return False
        if not self._behaviour.idle():
            self._leave_ms = now_ms + self._limits.passivate_after_ms
            return False
        return True

    def _check_probation(self) -> None:
        if self._proven_ms is not None and self._clock.now_ms() >= self._proven_ms:
            self._proven_ms = None
            self._behaviour.read_only = False
            self._host.proven(self.address)

    def _lose_patience(self) -> None:
        latest_ms = self._clock.now_ms() - self._limits.ask_patience_ms
        error = ActorDied(f"{self.address} could not be started in time", begun=False)
        self.mailbox.refuse_older(latest_ms, error)

    async def _sleep(self) -> None:
        self._arm()
        self._sleeper = asyncio.get_running_loop().create_future()
        self._host.settled()
        await self._sleeper

    def _rouse(self) -> None:
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None and not sleeper.done():
            sleeper.set_result(None)

    def _arm(self) -> None:
        """Set the alarm for whatever comes first."""
        if self.state is State.RUNNING:
            times = [at_ms for at_ms in (self.due_ms, self._proven_ms) if at_ms is not None]
            self._alarm.set(min(times, default=self._leave_ms))
            return
        start_ms = self._inheritance.start_ms
        if self._clock.now_ms() < start_ms:
            self._alarm.set(start_ms)
        oldest_ms = self.mailbox.oldest_ask_ms()
        if oldest_ms is not None:
            self._alarm.set(oldest_ms + self._limits.ask_patience_ms)

    def _ring(self) -> None:
        if self.state is State.STARTING:
            self._lose_patience()
            self._arm()
        self._rouse()
