"""Who was told what: each topic hears of a turn's rows and of what time changed since it was last told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from actors.calendar import messages as m
from actors.calendar.openness import today
from actors.calendar.publish import (
    Frame,
    Resumed,
    SlotsChanged,
    Snapshot,
    Topic,
    all_starts,
    missed_changes,
    next_edge_ms,
    snapshot,
    starts_near,
    states_of,
    time_changes,
)
from actors.calendar.state import Calendar
from actors.calendar.turn import Turn
from actors.hub import Hub
from actors.journal import LogRow


@dataclass(slots=True)
class Publication:
    """How far one topic was told: the last row, and the moment up to which time's own changes were told.

    `kept` is the last snapshot with the moment from which time makes it untrue: after a restart everybody asks at once.
    """

    seq: int
    told_ms: int
    edge_ms: int
    kept: tuple[Snapshot, int] | None = None


@dataclass(slots=True)
class Audience:
    """What outlives a calendar's stay in memory: who was told what, and each calendar's committed `seq`."""

    hub: Hub[Topic, SlotsChanged]
    epoch: str
    publications: dict[str, dict[str | None, Publication]] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)

    def topics(self, calendar: str) -> dict[str | None, Publication]:
        """The topics of one calendar that somebody watches or watched a moment ago."""
        return self.publications.setdefault(calendar, {})

    def leave(self, calendar: str) -> None:
        """The calendar leaves memory."""
        self.heads.pop(calendar, None)
        self.publications.pop(calendar, None)

    def forget_unwatched(self, calendar: str) -> None:
        """Drop the topics that nobody watches any more."""
        topics = self.topics(calendar)
        for visit_type in [one for one in topics if not self.hub.count(Topic(calendar, one))]:
            del topics[visit_type]


def tell_turn(audience: Audience, turn: Turn, head: int) -> None:
    """After the commit: publish to every topic of the calendar what changed for it."""
    state, now_ms = turn.state, turn.now_ms
    intervals = _intervals(turn)
    for visit_type, told in audience.topics(state.id).items():
        topic = Topic(state.id, visit_type)
        states = time_changes(state, visit_type, told.told_ms, now_ms) if now_ms >= told.edge_ms else {}
        starts = starts_near(state, visit_type, intervals, now_ms) if intervals else set()
        if turn.reshaped is not None:
            starts |= turn.reshaped.get(visit_type, set())
            starts |= all_starts(state, visit_type, today(state, now_ms), now_ms)
        states |= states_of(state, visit_type, starts, now_ms)
        if states:
            # Up to the head even where time alone speaks: who began to watch after the last told row stands there.
            audience.hub.publish(topic, SlotsChanged(topic, audience.epoch, told.seq, head, states))
            told.seq = head
        if now_ms >= told.edge_ms or turn.reshaped is not None:
            told.told_ms, told.edge_ms = now_ms, next_edge_ms(state, visit_type, now_ms)


def tell_missed(
    audience: Audience, state: Calendar, visit_type: str | None, rows: Sequence[LogRow], head: int, now_ms: int
) -> None:
    """A topic that outlived a failed predecessor catches up from the log, as a returning client would."""
    told, topic, epoch = audience.topics(state.id)[visit_type], Topic(state.id, visit_type), audience.epoch
    missed: list[SlotsChanged] | None
    if told.seq == head:
        states = time_changes(state, visit_type, told.told_ms, now_ms)
        missed = [SlotsChanged(topic, epoch, head, head, states)]
    else:
        missed = missed_changes(state, visit_type, m.Since(epoch, told.seq), rows, epoch, now_ms)
    # Too much was missed, or the grid is another one: a frame behind a gap makes every page watch again.
    for change in missed or [SlotsChanged(topic, epoch, head, head, {})]:
        audience.hub.publish(topic, change)
    audience.topics(state.id)[visit_type] = Publication(head, now_ms, next_edge_ms(state, visit_type, now_ms))


def join(
    audience: Audience, state: Calendar, watch: m.Watch, rows: Sequence[LogRow], head: int, now_ms: int
) -> Topic:
    """Subscribe and deliver the beginning in one step, so that nothing can come between them.

    `rows` are the log rows from `watch.since.seq` on.
    """
    topic, topics, epoch = Topic(state.id, watch.visit_type), audience.topics(state.id), audience.epoch
    if watch.visit_type not in topics:
        topics[watch.visit_type] = Publication(head, now_ms, next_edge_ms(state, watch.visit_type, now_ms))
    for frame in _beginning(state, topics[watch.visit_type], watch, rows, epoch, head, now_ms):
        watch.deliver(frame)
    audience.hub.subscribe(topic, watch.subscriber)
    return topic


def _beginning(
    state: Calendar,
    told: Publication,
    watch: m.Watch,
    rows: Sequence[LogRow],
    epoch: str,
    head: int,
    now_ms: int,
) -> Sequence[Frame]:
    if watch.since is not None:
        missed = missed_changes(state, watch.visit_type, watch.since, rows, epoch, now_ms)
        if missed is not None:
            topic = Topic(state.id, watch.visit_type)
            return [Resumed(topic, epoch, watch.since.seq, now_ms // 1000), *missed]
    if told.kept is None or told.kept[0].seq != head or now_ms >= told.kept[1]:
        whole = snapshot(state, watch.visit_type, epoch, head, now_ms)
        told.kept = (whole, next_edge_ms(state, watch.visit_type, now_ms))
    return [replace(told.kept[0], now=now_ms // 1000)]


def _intervals(turn: Turn) -> list[tuple[int, int]]:
    found = []
    for event in turn.events:
        if isinstance(event, m.AppointmentEvent) and not isinstance(event, m.HoldExtended):
            named = turn.state.find(event.appointment)
            if named is not None:
                found.append((named.start, named.end))
    return found
