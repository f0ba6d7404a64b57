"""What one turn of a calendar decides before anything is written, and the answers that it will give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from actors.calendar import messages as m
from actors.calendar.evolve import apply
from actors.calendar.ledger import clinician_record, entry
from actors.calendar.openness import alternatives, is_outside_hours, standings, today
from actors.calendar.publish import all_starts, next_edge_ms
from actors.calendar.rules import decide
from actors.calendar.state import Appointment, Calendar
from actors.journal import Entry, Record, Remembered
from actors.refusals import HoldLapsed, NotFound, Refusal, SlotUnavailable

# Keyed hashes serve the caps only; they never stand in a remembered answer.
NEVER_REMEMBERED = ("session", "address")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command: the appointment as it was right after it, or a table row (window, clinician)."""

    at_ms: int
    appointment: Appointment | None = None
    outside_hours: bool = False
    record: Record | None = None

    def kept(self) -> Record:
        """The answer as it is remembered under an idempotency key: no keyed hash, no personal data."""
        if self.appointment is None:
            return {"record": _impersonal(self.record or {})}
        record = self.appointment.record() | dict.fromkeys(NEVER_REMEMBERED)
        return {"appointment": record, "outside_hours": self.outside_hours}


@dataclass(frozen=True, slots=True)
class TimesRead:
    """The answer to `ReadTimes`: true at `seq`, and until `edge_ms` while no row is written."""

    seq: int
    edge_ms: int
    minutes: int
    timezone: str
    slots: tuple[tuple[int, int, str], ...]  # start, end, open | held | taken


@dataclass(slots=True)
class Turn:
    """Carries out decisions in memory and collects what the journal must get for them."""

    state: Calendar
    now_ms: int
    topics: Mapping[str | None, int] = field(default_factory=dict)  # until when time's own changes were told
    events: list[m.Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    remembered: list[Remembered] = field(default_factory=list)
    reshaped: dict[str | None, set[int]] | None = None  # each topic's starts before hours or terms changed

    def obey(self, command: m.Command) -> Answer:
        """Decide and apply; raises the refusal. The answer is a copy, for later commands may change the original."""
        events = decide(self.state, command, self.now_ms)
        self.carry_out(events)
        answer = self._answer(command)
        if command.remember is not None and events:
            key = command.remember
            self.remembered.append(Remembered(key.scope, key.key, key.fingerprint, self.now_ms, answer.kept()))
        return answer

    def carry_out(self, events: Iterable[m.Event]) -> None:
        """Take events into memory and note their log rows."""
        for event in events:
            if self.reshaped is None and isinstance(event, m.AvailabilityEvent) and self.state.is_open:
                self.reshaped = self._starts_before()
            apply(self.state, event, self.now_ms)
            self.events.append(event)
            self.entries.append(entry(self.state, event, self.now_ms))

    def adopt_terms(self, offering: m.AdoptTerms) -> None:
        """Follow changed clinic rules."""
        self.carry_out(decide(self.state, offering, self.now_ms))

    def explained(self, refusal: Refusal, message: object) -> Refusal:
        """The refusal with other starts that are really open; ask for it after the commit."""
        if isinstance(refusal, SlotUnavailable) and isinstance(message, m.PlaceHold):
            found = alternatives(self.state, message.start, message.visit_type, self.now_ms)
            return SlotUnavailable(alternatives=found)
        if isinstance(refusal, HoldLapsed) and isinstance(message, m.OnAppointment):
            hold = self.state.find(message.appointment)
            if hold is not None:
                found = alternatives(self.state, hold.start, hold.visit_type, self.now_ms)
                return HoldLapsed(slot_open=refusal.slot_open, start=hold.start, alternatives=found)
        return refusal

    def _starts_before(self) -> dict[str | None, set[int]]:
        return {
            name: all_starts(self.state, name, today(self.state, told_ms), self.now_ms)
            for name, told_ms in self.topics.items()
        }

    def _answer(self, command: m.Command) -> Answer:
        state = self.state
        match command:
            case m.PlaceHold():
                # Granted within hours, just now.
                return Answer(self.now_ms, state.live[command.appointment].copied())
            case m.OnAppointment():
                found = state.find(command.appointment)
                if found is None:
                    raise NotFound
                return Answer(self.now_ms, found.copied(), is_outside_hours(state, found))
            case m.AddWindow():
                return Answer(self.now_ms, record=dict(state.window_rows[command.window.id]))
            case m.ChangeWindow() | m.RemoveWindow():
                return Answer(self.now_ms, record=dict(state.window_rows[command.window]))
            case _:
                return Answer(self.now_ms, record=clinician_record(state.clinician))


def read_times(state: Calendar, question: m.ReadTimes, seq: int, now_ms: int) -> TimesRead:
    """All starts of the asked days, as they are now. Raises `NotFound` for a visit type that is not offered."""
    if not state.is_open or not state.offers(question.visit_type):
        raise NotFound
    found = standings(state, question.visit_type, question.first, question.last, now_ms)
    edge_ms = next_edge_ms(state, question.visit_type, now_ms)
    expiry = next_expiry_ms(state)
    return TimesRead(
        seq=seq,
        edge_ms=edge_ms if expiry is None else min(edge_ms, expiry),
        minutes=state.minutes(question.visit_type),
        timezone=state.zone.name,
        slots=tuple((slot.start, slot.end, how) for slot, how in found),
    )


def next_expiry_ms(state: Calendar) -> int | None:
    """When the next hold ends."""
    expires_at = state.next_expiry()
    return None if expires_at is None else expires_at * 1000


def _impersonal(record: Record) -> Record:
    """A row without what only some may know of a clinician; name and title are public."""
    return {name: value for name, value in record.items() if name not in ("email", "salt")}
