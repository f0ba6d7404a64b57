"""The calendar as an actor: one turn at a time it decides, writes, publishes and only then answers.

The one file of this package that awaits. A failed append throws the state in memory away.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from actors.calendar import messages as m
from actors.calendar.announce import Audience, join, tell_missed, tell_turn
from actors.calendar.availability import DAY_SECONDS
from actors.calendar.ledger import rows
from actors.calendar.openness import next_open
from actors.calendar.publish import RESUME_ROWS
from actors.calendar.rules import lapse
from actors.calendar.state import Calendar, Terms, appointment_from, calendar_from
from actors.calendar.turn import Turn, next_expiry_ms, read_times
from actors.clock import Clock
from actors.command import SYSTEM
from actors.journal import Append, Appended, Duplicate, Journal, LogRow, Outcome, Refused, Unknown
from actors.refusals import (
    AlreadyAnswered,
    NotFound,
    OutcomeUnknown,
    PatientBusy,
    Refusal,
    SlotUnavailable,
    Unavailable,
)
from actors.runtime import Abandon, Behaviour, Envelope

# Appointments that ended longer ago are not kept in memory; a command that names one loads it first.
KEEP_ENDED_SECONDS = 2 * 86_400
# A calendar that is read-only because it died too often: a human is wanted, trying at once does not help.
READ_ONLY_RETRY_SECONDS = 60

log = logging.getLogger("holdfast.calendar")


class CalendarActor(Behaviour):
    """The only writer of one clinician's calendar. `terms` are the clinic's, without visit types."""

    def __init__(self, calendar: str, terms: Terms, journal: Journal, clock: Clock, audience: Audience) -> None:
        self._id = calendar
        self._terms = terms
        self._journal = journal
        self._clock = clock
        self._audience = audience
        self._recent: deque[LogRow] = deque(maxlen=RESUME_ROWS + 1)
        self._head = 0
        self._hash = b""
        self._state = Calendar(calendar, terms)

    async def start(self) -> None:
        await self._load()
        if self._state.is_open:
            # First what a predecessor wrote and did not tell: a turn's own news begin where its topic was told to.
            for visit_type, told in list(self._audience.topics(self._id).items()):
                missed = await self._rows_from(told.seq)
                tell_missed(self._audience, self._state, visit_type, missed, self._head, self._clock.now_ms())
            await self._attempt([], adopt=True)

    async def turn(self, mail: list[Envelope]) -> None:
        if any(isinstance(envelope.message, m.Touch) for envelope in mail):
            await self._recall_overdue()
        await self._recall(mail)
        outcome = await self._attempt(mail)
        if isinstance(outcome, Refused | Duplicate):
            await self._one_by_one(mail, outcome)
        for envelope in mail:
            if isinstance(envelope.message, m.Watch):
                await self._watch(envelope, envelope.message)
        self._state.recalled.clear()

    def deadline(self) -> int | None:
        times = [told.edge_ms for told in self._audience.topics(self._id).values()]
        expiry = next_expiry_ms(self._state)
        return min(times if expiry is None else [*times, expiry], default=None)

    async def wake(self) -> None:
        self._audience.forget_unwatched(self._id)
        await self._attempt([])
        self._state.recalled.clear()

    def idle(self) -> bool:
        self._audience.forget_unwatched(self._id)
        return not self._audience.topics(self._id)

    async def stop(self) -> None:
        self._audience.leave(self._id)

    async def _load(self, live_after: int | None = None) -> None:
        if live_after is None:
            live_after = self._clock.now_ms() // 1000 - KEEP_ENDED_SECONDS
        loaded = await self._journal.load(self._id, live_after)
        self._state = calendar_from(self._id, self._terms, loaded.rows)
        self._head, self._hash = loaded.head, loaded.hash
        self._recent.clear()
        if loaded.head:
            self._audience.heads[self._id] = loaded.head

    async def _recall_overdue(self) -> None:
        """Load holds that are older than what is kept in memory: nobody ended them while the server was down."""
        earliest = dict(await self._journal.due()).get(self._id)
        if earliest is not None and earliest != self._state.next_expiry():
            await self._load(earliest - DAY_SECONDS)

    async def _recall(self, mail: Sequence[Envelope]) -> None:
        """Load the ended or old appointments that this turn's commands name."""
        for envelope in mail:
            message = envelope.message
            if isinstance(message, m.OnAppointment) and self._state.find(message.appointment) is None:
                record = await self._journal.find("appointments", message.appointment)
                if record is not None and record["clinician"] == self._id:
                    self._state.recall(appointment_from(record))

    async def _attempt(self, mail: Sequence[Envelope], *, adopt: bool = False) -> Outcome | None:
        """Decide on all of the mail, write it in one append, publish, answer. Nothing is heard before it is on disk."""
        topics = {name: told.told_ms for name, told in self._audience.topics(self._id).items()}
        turn = Turn(self._state, self._clock.now_ms(), topics)
        turn.carry_out(lapse(self._state, turn.now_ms))
        if adopt:
            turn.adopt_terms(self._offering())
        answers = [self._handle(envelope, mail, turn) for envelope in mail]
        outcome = await self._write(turn)
        if isinstance(outcome, Refused | Duplicate):
            if not mail:  # nobody asked for this: memory and disk must have come apart
                raise RuntimeError(f"the journal refused what time alone decided: {outcome}")
            return outcome
        tell_turn(self._audience, turn, self._head)
        for answer in answers:
            answer()
        return outcome

    async def _one_by_one(self, mail: Sequence[Envelope], outcome: Outcome) -> None:
        """A constraint said no to a batch: start again from the disk, and let each message speak for itself."""
        await self._load()
        if len(mail) == 1:
            mail[0].refuse(self._refusal(outcome, mail[0].message))
            return
        for envelope in mail:
            await self._recall([envelope])
            single = await self._attempt([envelope])
            if isinstance(single, Refused | Duplicate):
                await self._load()
                envelope.refuse(self._refusal(single, envelope.message))

    def _handle(self, envelope: Envelope, mail: Sequence[Envelope], turn: Turn) -> Callable[[], None]:
        """Decide on one message now; the returned step answers it once everything is on disk."""
        message = envelope.message
        try:
            result = self._decide(message, turn)
        except Refusal as refusal:
            no = refusal
            return lambda: envelope.refuse(turn.explained(no, message))
        except Exception:
            # A defect: only this asker hears of it; nothing was written, so the others can safely try again.
            for other in mail:
                if other is not envelope:
                    other.refuse(Unavailable())
            raise
        if isinstance(message, m.ReadTimes | m.NextOpen):
            return lambda: self._read(envelope, message, turn)
        return _nothing if isinstance(message, m.Watch) else lambda: envelope.answer(result)

    def _decide(self, message: object, turn: Turn) -> object:
        if isinstance(message, m.Command):
            if self.read_only:
                raise Unavailable(retry_after=READ_ONLY_RETRY_SECONDS)
            return turn.obey(message)
        if isinstance(message, m.OfferVisitTypes) and self._state.is_open:
            self._state.catalogue = message.catalogue
            turn.adopt_terms(self._offering())
        return None

    def _offering(self) -> m.AdoptTerms:
        terms = self._terms.offering(self._state.catalogue, self._state.clinician.get("visit_types"))
        return m.AdoptTerms(by=SYSTEM, terms=terms)

    async def _write(self, turn: Turn) -> Outcome | None:
        if not turn.entries:
            return None
        images = rows(self._state, turn.events)
        outcome = await self._journal.append(
            Append(self._id, self._head, self._hash, turn.entries, images, turn.remembered)
        )
        match outcome:
            case Appended():
                for seq, row in enumerate(turn.entries, start=self._head + 1):
                    self._recent.append(
                        LogRow(self._id, seq, row.at_ms, row.kind, row.version, row.subject, row.payload, b"", b"")
                    )
                self._head, self._hash = outcome.seq, outcome.hash
                self._audience.heads[self._id] = outcome.seq
            case Unknown():
                self._audience.heads.pop(self._id, None)  # what was read before may no longer be current
                raise Abandon(OutcomeUnknown())
            case Refused() | Duplicate():
                pass
            case _:
                raise Abandon(Unavailable())
        return outcome

    async def _watch(self, envelope: Envelope, watch: m.Watch) -> None:
        if not self._state.is_open or not self._state.offers(watch.visit_type):
            envelope.refuse(NotFound())
            return
        missed = await self._rows_from(watch.since.seq) if watch.since else []
        topic = join(self._audience, self._state, watch, missed, self._head, self._clock.now_ms())
        envelope.answer(topic)

    async def _rows_from(self, seq: int) -> list[LogRow]:
        """The row `seq` and those after it, from memory where they still are; at most one more than can be resumed."""
        if not 0 < seq <= self._head:
            return []
        if self._recent and self._recent[0].seq <= seq:
            return [row for row in self._recent if row.seq >= seq]
        return await self._journal.read(self._id, seq - 1, RESUME_ROWS + 2)

    def _read(self, envelope: Envelope, question: m.ReadTimes | m.NextOpen, turn: Turn) -> None:
        try:
            if isinstance(question, m.NextOpen):
                envelope.answer(next_open(self._state, turn.now_ms))
            else:
                envelope.answer(read_times(self._state, question, self._head, turn.now_ms))
        except NotFound as refusal:
            envelope.refuse(refusal)

    def _refusal(self, outcome: Outcome, message: object) -> Refusal:
        """The answer to a single message that a constraint of the store refused."""
        match outcome:
            case Duplicate(scope, key):
                return AlreadyAnswered(scope=scope, key=key)
            case Refused("patient-overlap"):
                return PatientBusy()
            case Refused("claim-overlap"):
                return Turn(self._state, self._clock.now_ms()).explained(SlotUnavailable(), message)
            case _:
                # Nothing was written; but a constraint that no rule knows of is a defect of ours.
                log.error("calendar %s: a constraint refused an append: %s", self._id, outcome)
                return Unavailable()


def _nothing() -> None:
    """A watch is answered after the others, for it may have to read the log first."""
