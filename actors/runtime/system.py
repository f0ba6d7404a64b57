"""All actors of a process: who lives where, may ask whom and succeeds the dead, and how everything stops."""

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Any

from actors.runtime.actor import Address, Behaviour, Envelope
from actors.runtime.alarm import Clock, Timer
from actors.runtime.cell import ACTING, Cell
from actors.runtime.deaths import Deaths
from actors.runtime.errors import ActorFailure, AskCycle, MailboxFull, Stopping
from actors.runtime.life import Fate, Inheritance, Limits, State
from actors.runtime.mailbox import Mailbox

MAILBOX_LIMIT = 1024  # sixteen full turns: who comes later would wait longer than a client does
BATCH_LIMIT = 64  # one append for as many; more only makes the first of them wait
PASSIVATE_AFTER_SECONDS = 60.0  # loading takes a tenth of a millisecond, so nothing is kept for long
ASK_PATIENCE_SECONDS = 10.0  # for an actor that does not start; a client gives up at about that time
STOP_DEADLINE_SECONDS = 10.0  # a supervisor of processes kills soon after
REVIVE_AFTER_MS = 1_000  # an abandoned actor with a deadline comes back at a pace that a full disk can bear

log = logging.getLogger("holdfast.actors")


class _Kind:
    __slots__ = ("factory", "is_closed", "rank")

    def __init__(self, rank: int, factory: Callable[[str], Behaviour]) -> None:
        self.rank, self.factory, self.is_closed = rank, factory, False


class System:
    """Finds or makes the one actor behind an address.

    `refusals` is the family of exceptions that are answers: the actor that raises one lives on. So does one
    that lets an `ActorFailure` of an actor further down pass. Everything else that a turn raises is a defect.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        refusals: type[Exception] | tuple[type[Exception], ...] = (),
        mailbox_limit: int = MAILBOX_LIMIT,
        batch_limit: int = BATCH_LIMIT,
        passivate_after: float = PASSIVATE_AFTER_SECONDS,
        ask_patience: float = ASK_PATIENCE_SECONDS,
    ) -> None:
        family = refusals if isinstance(refusals, tuple) else (refusals,)
        self._clock = clock
        self._limits = Limits(
            mailbox=mailbox_limit,
            batch=batch_limit,
            passivate_after_ms=round(passivate_after * 1000),
            ask_patience_ms=round(ask_patience * 1000),
            refusals=(*family, ActorFailure),
        )
        self.dropped = 0
        self._kinds: dict[str, _Kind] = {}
        self._cells: dict[Address, Cell] = {}
        self._deaths: dict[Address, Deaths] = {}
        self._revivals: dict[Address, tuple[Timer, int | None]] = {}
        self._is_stopping = self._is_late = False
        self._stopped = asyncio.Event()
        self._news: Future[None] | None = None

    def register(self, kind: str, rank: int, factory: Callable[[str], Behaviour]) -> None:
        """Say how actors of a kind are made from a key. An actor may ask only kinds of a greater rank.

        Register a kind before those that ask it: stopping goes the other way round.
        """
        if kind in self._kinds:
            raise ValueError(f"kind {kind} is registered already")
        self._kinds[kind] = _Kind(rank, factory)

    async def ask(self, address: Address, message: object) -> Any:
        """The actor's answer, or what it refused with, or an `ActorFailure`.

        Cancelling the asker cancels nothing else: the message is handled all the same.
        """
        asker = ACTING.get()
        kind = self._kinds[address.kind]
        if asker is not None and self._kinds[asker.kind].rank >= kind.rank:
            raise AskCycle(f"{asker} may not ask {address}")
        if self._is_stopping and (asker is None or kind.is_closed):
            raise Stopping
        reply: Future[Any] = asyncio.get_running_loop().create_future()
        cell = self._cells.get(address) or self._open(address)
        cell.put(Envelope(message, reply, self._clock.now_ms()))
        return await reply

    def tell(self, address: Address, message: object) -> None:
        """Send without waiting for an answer, uphill too. Dropped and counted if the actor cannot take it."""
        kind = self._kinds[address.kind]
        try:
            if self._is_stopping and (ACTING.get() is None or kind.is_closed):
                raise Stopping
            cell = self._cells.get(address) or self._open(address)
            cell.put(Envelope(message, None, self._clock.now_ms()))
        except (MailboxFull, Stopping) as failure:
            self.dropped += 1
            log.warning("a message told to %s was dropped: %s", address, type(failure).__name__)

    def active(self, kind: str) -> list[str]:
        """Keys of the actors of a kind that are in memory now."""
        return [address.key for address in self._cells if address.kind == kind]

    def failing(self) -> list[Address]:
        """Actors that died too often lately and take no writes until they lived through a minute."""
        return [address for address, deaths in self._deaths.items() if deaths.read_only]

    async def stop(self, deadline: float = STOP_DEADLINE_SECONDS) -> None:
        """Finish all mail, then stop kind by kind, the last registered first. Leaves no task and no timer.

        After `deadline` seconds whoever still waits gets Stopping; only a turn that hangs goes on, unheard.
        """
        if self._is_stopping:
            await self._stopped.wait()
            return
        self._is_stopping = True
        self._forget_revivals()
        timer = self._clock.call_at(self._clock.now_ms() + round(deadline * 1000), self._run_late)
        while any(cell.busy for cell in self._cells.values()) and not self._is_late:
            await self._hear()
        for name, kind in reversed(self._kinds.items()):
            kind.is_closed = True
            while (cells := self._of_kind(name)) and not self._is_late:
                for cell in cells:
                    cell.close()
                await self._hear()
        timer.cancel()
        await self._give_up()
        self._stopped.set()

    def settled(self) -> None:
        """A cell has nothing to do just now."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def proven(self, address: Address) -> None:
        """A cell lived through its probation."""
        self._deaths.pop(address, None)

    def ended(self, cell: Cell, fate: Fate) -> None:
        """A cell is dead. In the same step its successor takes the address, if anything waits for one."""
        address = cell.address
        del self._cells[address]
        if fate is Fate.DIED:
            self._deaths.setdefault(address, Deaths()).add(self._clock.now_ms())
        # What an abandoned turn left behind may have a deadline that nobody in memory knows of.
        is_in_doubt = fate is Fate.ABANDONED and cell.has_run
        is_wanted = cell.due_ms is not None or self._is_failing(address) or is_in_doubt
        if self._kinds[address.kind].is_closed:
            cell.mailbox.refuse_all(Stopping())
        elif cell.mailbox or (is_wanted and fate is Fate.DIED):
            self._begin(address, Inheritance(cell.mailbox, cell.due_ms))
        elif is_wanted and fate is Fate.ABANDONED and not self._is_stopping:
            revival = self._clock.call_at(self._clock.now_ms() + REVIVE_AFTER_MS, partial(self._revive, address))
            self._revivals[address] = (revival, cell.due_ms)
        self.settled()

    def _revive(self, address: Address) -> None:
        self._open(address)

    def _open(self, address: Address) -> Cell:
        """The first cell of an address, or the one after a pause."""
        revival, due_ms = self._revivals.pop(address, (None, None))
        if revival is not None:
            revival.cancel()
        return self._begin(address, Inheritance(Mailbox(self._limits.mailbox), due_ms))

    def _begin(self, address: Address, inheritance: Inheritance) -> Cell:
        deaths = self._deaths.get(address)
        if deaths is not None and deaths.is_past(self._clock.now_ms()):
            del self._deaths[address]
        elif deaths is not None:
            inheritance.start_ms = deaths.start_ms
            inheritance.on_probation = True
            inheritance.read_only = deaths.read_only
        factory = self._kinds[address.kind].factory
        cell = Cell(address, factory, self._clock, self._limits, self, inheritance)
        self._cells[address] = cell
        return cell

    def _is_failing(self, address: Address) -> bool:
        deaths = self._deaths.get(address)
        return deaths is not None and deaths.read_only

    def _of_kind(self, name: str) -> list[Cell]:
        return [cell for address, cell in self._cells.items() if address.kind == name]

    async def _hear(self) -> None:
        """Wait until some cell has settled or ended, or the time is up."""
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def _run_late(self) -> None:
        self._is_late = True
        self.settled()

    async def _give_up(self) -> None:
        at_rest = [cell for cell in self._cells.values() if not cell.stepping]
        for cell in list(self._cells.values()):
            cell.give_up()
        while any(cell.state is not State.DEAD for cell in at_rest):
            await self._hear()

    def _forget_revivals(self) -> None:
        for timer, _ in self._revivals.values():
            timer.cancel()
        self._revivals.clear()
