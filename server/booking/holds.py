"""Taking, keeping and letting go of a time: the use cases of a hold, with the caps and the one hold of a session."""

from asyncio import Event
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from actors.calendar.messages import Command, ExtendHold, OnAppointment, PlaceHold, ReleaseHold
from actors.calendar.state import Status, appointment_from
from actors.calendar.turn import Answer
from actors.clock import Clock
from actors.command import PATIENT, By, Remember
from actors.ids import Ids
from actors.refusals import NotFound, OutcomeUnknown, Refusal, TooManyHolds, TransitionInvalid
from server.booking.calendars import Calendars
from server.booking.directory import Directory, HoldIndex, HoldSeen
from server.booking.once import Locks
from server.booking.reference import References
from server.booking.times import TimesBoard
from server.storage.queries import Queries

# Live holds from one address (IPv6 /56): a clinic's own waiting room behind one router stays below it.
HOLDS_PER_ADDRESS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A start that somebody wants to hold. `session` and `address` are keyed hashes."""

    clinician: str
    start: int
    visit_type: str | None = None
    by: By = PATIENT
    partner: str | None = None
    session: str | None = None
    address: str | None = None
    remember: Remember | None = None

    @property
    def is_anonymous(self) -> bool:
        """Held by somebody of whom nothing is known yet."""
        return self.by.kind == "patient"


@dataclass(slots=True)
class Attempts:
    """Holds of one address that are being decided. They may still be refused: nobody is turned away for them."""

    users: int = 0
    trying: int = 0
    ended: Event = field(default_factory=Event)


class Holds:
    """Places, extends and releases holds. `capped` is false only where rate limits are off."""

    def __init__(
        self,
        calendars: Calendars,
        board: TimesBoard,
        directory: Directory,
        index: HoldIndex,
        references: References,
        queries: Queries,
        ids: Ids,
        clock: Clock,
        capped: bool,
    ) -> None:
        self._calendars = calendars
        self._board = board
        self._directory = directory
        self._index = index
        self._references = references
        self._queries = queries
        self._ids = ids
        self._clock = clock
        self._capped = capped
        self._sessions = Locks()
        self._under_way: dict[str, Attempts] = {}

    async def place(self, wish: Wish) -> Answer:
        """Hold a start. A session's earlier hold is let go once the new one is taken, and stays if that fails."""
        await self._board.require(wish.clinician)
        if wish.session is None:
            return await self._place(wish, None, [])
        async with self._sessions.of(wish.session):
            # More than one only where letting go failed or an outcome stayed open.
            earlier = self._index.of_session(wish.session, self._clock.now_ms())
            for hold in earlier:
                if (same := await self._same(hold, wish)) is not None:
                    return same
            replaces = next((hold.appointment for hold in earlier if hold.clinician == wish.clinician), None)
            answer = await self._place(wish, replaces, [hold.appointment for hold in earlier])
            for hold in earlier:
                if hold.appointment == replaces:
                    self._index.drop(replaces)
                else:
                    await self._let_go(hold.appointment)
            return answer

    async def _same(self, old: HoldSeen, wish: Wish) -> Answer | None:
        """The session's own hold, pressed twice: it stays as it is, with the deadline that it has."""
        record = await self._queries.appointment(old.appointment) if old.clinician == wish.clinician else None
        if record is None or (record["start"], record["visit_type"]) != (wish.start, wish.visit_type):
            return None
        found, now_ms = appointment_from(record), self._clock.now_ms()
        is_held = found.status is Status.HELD and not found.has_lapsed(now_ms)
        return Answer(now_ms, found) if is_held else None

    async def extend(self, appointment: str, by: By = PATIENT, remember: Remember | None = None) -> Answer:
        """Keep a hold longer by one extension."""
        return await self.command(ExtendHold(by=by, remember=remember, appointment=appointment))

    async def release(self, appointment: str, by: By = PATIENT, remember: Remember | None = None) -> Answer:
        """Let a hold go."""
        return await self.command(ReleaseHold(by=by, remember=remember, appointment=appointment))

    async def command(self, command: OnAppointment) -> Answer:
        """Give a command to the calendar in which its appointment stands. Raises the refusal."""
        clinician = await self._directory.clinician_of(command.appointment)
        return await self._ask(clinician, command)

    def of_session(self, session: str) -> str | None:
        """The id of the session's live hold."""
        held = self._index.of_session(session, self._clock.now_ms())
        return held[-1].appointment if held else None

    async def _place(self, wish: Wish, replaces: str | None, moved: Sequence[str]) -> Answer:
        number = self._ids.next_number()
        command = PlaceHold(
            by=wish.by,
            remember=wish.remember,
            appointment=self._ids.new_id(),
            number=number,
            reference=self._references.of(number),
            start=wish.start,
            visit_type=wish.visit_type,
            partner=wish.partner,
            anonymous=wish.is_anonymous,
            capped=self._capped,
            session=wish.session,
            address=wish.address,
            replaces=replaces,
        )
        try:
            if not self._capped or wish.address is None or not wish.is_anonymous:
                return await self._ask(wish.clinician, command)
            async with self._within_cap(wish.address, moved):
                return await self._ask(wish.clinician, command)
        except OutcomeUnknown:
            # It may be on disk: then it is this session's hold, and counts for its address.
            self._index.load(await self._queries.open_holds())
            raise

    @asynccontextmanager
    async def _within_cap(self, address: str, moved: Sequence[str]) -> AsyncIterator[None]:
        """Count the holds of one address. Raises `TooManyHolds`; attempts that only might exceed the cap wait."""
        line = self._under_way.setdefault(address, Attempts())
        line.users += 1
        try:
            while len(held := self._of_address(address, moved)) + line.trying >= HOLDS_PER_ADDRESS:
                if len(held) >= HOLDS_PER_ADDRESS:
                    raise TooManyHolds(until=min(hold.expires_at for hold in held))
                line.ended.clear()
                await line.ended.wait()
            line.trying += 1
            try:
                yield
            finally:
                line.trying -= 1
                line.ended.set()
        finally:
            line.users -= 1
            if not line.users:
                del self._under_way[address]

    def _of_address(self, address: str, moved: Sequence[str]) -> list[HoldSeen]:
        """The live holds of an address but for those that will be let go for the new one."""
        held = self._index.of_address(address, self._clock.now_ms())
        return [hold for hold in held if hold.appointment not in moved]

    async def _let_go(self, appointment: str) -> None:
        try:
            await self.release(appointment)
        except (NotFound, TransitionInvalid):
            self._index.drop(appointment)  # it ended in the meantime, which is what was wanted
        except Refusal:
            return  # it still stands: the session's next press tries again, and its deadline ends it anyway

    async def _ask(self, clinician: str, command: Command) -> Answer:
        answer = cast(Answer, await self._calendars.ask(clinician, command))
        self._remember(answer)
        return answer

    def _remember(self, answer: Answer) -> None:
        if answer.appointment is not None:
            self._directory.note(answer.appointment)
            self._index.note(answer.appointment, self._clock.now_ms())
