"""Fans committed changes out to those who watch a topic: merged per tick, encoded once, delivered in order.

Pure: when things happen is up to `schedule`, how a frame looks to `encode`, where it goes to subscribers.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, Self, TypeVar

TICK_SECONDS = 0.020  # nobody sees a fiftieth of a second; with 1,000 watchers it saves 99 of 100 sends
CHUNK = 256  # deliveries between two turns of the event loop: a millisecond or two

Subscriber = Callable[[bytes], None]


class Change(Protocol):
    """What is new in a topic."""

    def merged(self, later: Self) -> Self:
        """Both as one: what is said twice is said the later way."""


T = TypeVar("T", bound=Hashable)
C = TypeVar("C", bound=Change)


class Hub(Generic[T, C]):
    """Topics and their subscribers.

    The first change of an idle topic goes out with the next turn of the loop. Those that follow within a tick
    go out together at its end, or later while the last frame is on its way: a topic never has two under way.
    A subscriber gets the frames of a topic in order, and none after it unsubscribed; the first may tell what
    its snapshot had already. It must not block; what it raises is counted and ends there.
    """

    def __init__(
        self,
        schedule: Callable[[float, Callable[[], None]], object],
        encode: Callable[[T, C], bytes],
        *,
        tick_seconds: float = TICK_SECONDS,
        chunk: int = CHUNK,
    ) -> None:
        """`schedule(seconds, callback)` calls back once, later, never at once."""
        self.flushes = self.deliveries = self.failures = 0
        self._schedule, self._encode = schedule, encode
        self._tick_seconds, self._chunk = tick_seconds, chunk
        self._topics: dict[T, _Topic[C]] = {}
        self._pump_line: deque[_Delivery[C]] = deque()

    def subscribe(self, topic: T, subscriber: Subscriber) -> None:
        """Send it every frame from now on. Twice is once."""
        state = self._topics.setdefault(topic, _Topic())
        if subscriber not in state.seats:
            state.seats[subscriber] = _Seat(subscriber)

    def unsubscribe(self, topic: T, subscriber: Subscriber) -> None:
        """Send it nothing more, not even what is on its way. Unknown ones are ignored."""
        state = self._topics.get(topic)
        if state is None:
            return
        seat = state.seats.pop(subscriber, None)
        if seat is not None:
            seat.subscriber = None
        if not state.seats:
            state.pending = None  # nobody to tell; and whoever comes next must not get it merged over a gap
        self._forget_if_unused(topic, state)

    def count(self, topic: T) -> int:
        """How many watch a topic."""
        state = self._topics.get(topic)
        return 0 if state is None else len(state.seats)

    def watched(self) -> list[T]:
        """Topics that somebody watches."""
        return [topic for topic, state in self._topics.items() if state.seats]

    def drop(self, topic: T) -> None:
        """Forget a topic with its subscribers and whatever was still to be sent."""
        state = self._topics.pop(topic, None)
        if state is not None:
            state.pending = None
            for seat in state.seats.values():
                seat.subscriber = None

    def publish(self, topic: T, change: C) -> None:
        """Tell those who watch. Call it in the step that makes the change visible to snapshots, not later."""
        state = self._topics.get(topic)
        if state is None or not state.seats:
            return
        state.pending = change if state.pending is None else state.pending.merged(change)
        if not state.is_warm:
            state.is_warm = True
            self._schedule(0, lambda: self._flush(topic, state))

    def _flush(self, topic: T, state: "_Topic[C]") -> None:
        if state.pending is None:
            state.is_warm = False
            self._forget_if_unused(topic, state)
            return
        self._schedule(self._tick_seconds, lambda: self._flush(topic, state))
        if state.is_under_way:
            return
        change, state.pending = state.pending, None
        frame = self._encode(topic, change)
        self.flushes += 1
        state.is_under_way = True
        self._pump_line.append(_Delivery(frame, state))
        if len(self._pump_line) == 1:
            self._schedule(0, self._pump)

    def _pump(self) -> None:
        """Deliver a chunk, from as many frames as that takes, and come back for the rest."""
        left = self._chunk
        line = self._pump_line
        try:
            while line and left > 0:
                delivery = line[0]
                seats = delivery.take(left)
                left -= len(seats)
                if delivery.is_done:
                    line.popleft()
                self._deliver(delivery.frame, seats)
        finally:
            if line:
                self._schedule(0, self._pump)

    def _deliver(self, frame: bytes, seats: "list[_Seat]") -> None:
        missed = 0
        for seat in seats:
            subscriber = seat.subscriber
            if subscriber is None:
                missed += 1
                continue
            try:
                subscriber(frame)
            except Exception:
                missed += 1
                self.failures += 1
        self.deliveries += len(seats) - missed

    def _forget_if_unused(self, topic: T, state: "_Topic[C]") -> None:
        if not state.seats and not state.is_warm and self._topics.get(topic) is state:
            del self._topics[topic]


class _Seat:
    """One subscription. Empty once it ended: a frame on its way looks here."""

    __slots__ = ("subscriber",)

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber: Subscriber | None = subscriber


class _Topic(Generic[C]):
    __slots__ = ("is_under_way", "is_warm", "pending", "seats")

    def __init__(self) -> None:
        self.seats: dict[Subscriber, _Seat] = {}
        self.pending: C | None = None
        self.is_warm = False  # a flush is scheduled
        self.is_under_way = False  # the last frame is not delivered to all yet


class _Delivery(Generic[C]):
    """One frame, those who watched when it was encoded, and how far it got."""

    __slots__ = ("_next", "_seats", "_topic", "frame")

    def __init__(self, frame: bytes, topic: _Topic[C]) -> None:
        self.frame = frame
        self._seats, self._topic, self._next = list(topic.seats.values()), topic, 0

    def take(self, most: int) -> list[_Seat]:
        seats = self._seats[self._next : self._next + most]
        self._next += len(seats)
        self._topic.is_under_way = not self.is_done
        return seats

    @property
    def is_done(self) -> bool:
        return self._next >= len(self._seats)
