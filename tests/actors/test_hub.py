"""What subscribers get, when, and how often it was encoded. Time is a list of scheduled callbacks."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from actors.hub import CHUNK, TICK_SECONDS, Hub


@dataclass(frozen=True)
class Slots:
    """States by slot; the later one wins."""

    states: dict[int, str]

    def merged(self, later: "Slots") -> "Slots":
        return Slots(self.states | later.states)


class Viewer:
    """Keeps its frames; may do something else on each."""

    def __init__(self, act: Callable[[], None] | None = None) -> None:
        self.frames: list[bytes] = []
        self._act = act

    def __call__(self, frame: bytes) -> None:
        self.frames.append(frame)
        if self._act is not None:
            self._act()


class World:
    """A hub, and a clock for what it schedules."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self.now = 0.0
        self.encoded: list[tuple[str, Slots]] = []
        self.encode_error: Exception | None = None
        self._line: list[tuple[float, Callable[[], None]]] = []
        self.hub: Hub[str, Slots] = Hub(self._schedule, self._encode, chunk=chunk)

    def _schedule(self, seconds: float, callback: Callable[[], None]) -> None:
        self._line.append((self.now + seconds, callback))

    def _encode(self, topic: str, change: Slots) -> bytes:
        if self.encode_error is not None:
            raise self.encode_error
        self.encoded.append((topic, change))
        return f"{topic}:{','.join(f'{slot}={state}' for slot, state in sorted(change.states.items()))}".encode()

    def publish(self, topic: str = "t", **states: str) -> None:
        self.hub.publish(topic, Slots({int(slot[1:]): state for slot, state in states.items()}))

    def watch(self, topic: str = "t", act: Callable[[], None] | None = None) -> Viewer:
        viewer = Viewer(act)
        self.hub.subscribe(topic, viewer)
        return viewer

    def turn(self) -> None:
        """One turn of the loop: what is due now, not what that schedules."""
        due = [callback for at, callback in self._line if at <= self.now]
        self._line = [(at, callback) for at, callback in self._line if at > self.now]
        for callback in due:
            callback()

    def settle(self) -> None:
        """All turns that need no time."""
        while any(at <= self.now for at, _ in self._line):
            self.turn()

    def tick(self) -> None:
        """The next tick has come, with all that follows at once."""
        self.now += TICK_SECONDS
        self.settle()

    @property
    def at_rest(self) -> bool:
        return not self._line


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_change_of_an_idle_topic_goes_out_without_waiting_for_a_tick(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    assert viewer.frames == [], "not within the publisher's own step"
    world.settle()
    assert viewer.frames == [b"t:1=held"]


def test_changes_before_the_first_flush_go_out_with_it(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.publish(s2="held")
    world.settle()
    assert viewer.frames == [b"t:1=held,2=held"]


def test_changes_within_a_tick_are_merged_and_the_last_state_of_a_slot_wins(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.settle()
    world.publish(s1="open")
    world.publish(s2="held")
    world.publish(s1="taken")
    world.settle()
    assert len(viewer.frames) == 1, "the topic is warm"
    world.tick()
    assert viewer.frames[1:] == [b"t:1=taken,2=held"]
    assert world.hub.flushes == 2


def test_a_topic_stays_warm_while_ticks_find_something_and_is_idle_after_one_that_does_not(
    world: World,
) -> None:
    viewer = world.watch()
    world.publish(s1="a")
    world.settle()
    world.publish(s1="b")
    world.tick()
    world.publish(s1="c")
    world.settle()
    assert len(viewer.frames) == 2, "still warm after a tick that found something"
    world.tick()
    world.tick()
    assert world.at_rest
    world.publish(s1="d")
    world.settle()
    assert viewer.frames[-1] == b"t:1=d", "idle again: at once"


def test_a_frame_is_encoded_once_however_many_watch(world: World) -> None:
    viewers = [world.watch() for _ in range(50)]
    world.publish(s1="held")
    world.settle()
    assert len(world.encoded) == 1
    assert all(viewer.frames[0] is viewers[0].frames[0] for viewer in viewers)


def test_topics_are_apart(world: World) -> None:
    here, there = world.watch("here"), world.watch("there")
    world.publish("here", s1="held")
    world.settle()
    world.publish("there", s2="held")
    world.settle()
    assert (here.frames, there.frames) == ([b"here:1=held"], [b"there:2=held"])


def test_without_subscribers_nothing_is_encoded_nor_scheduled_nor_kept(world: World) -> None:
    world.publish(s1="held")
    assert world.at_rest
    late = world.watch()
    world.settle()
    assert late.frames == []
    assert world.encoded == []


def test_when_all_leave_before_the_flush_nothing_is_encoded(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.hub.unsubscribe("t", viewer)
    world.settle()
    assert world.encoded == []
    assert world.hub.flushes == 0
    assert world.at_rest


def test_a_change_from_before_a_time_without_watchers_is_not_merged_into_a_later_one(world: World) -> None:
    first = world.watch()
    world.publish(s1="held")
    world.hub.unsubscribe("t", first)
    world.publish(s1="open")
    second = world.watch()
    world.publish(s2="held")
    world.settle()
    assert second.frames == [b"t:2=held"], "slot 1 is open again, and its snapshot said so"


def test_an_unsubscribed_viewer_gets_nothing_of_a_frame_that_is_on_its_way(world: World) -> None:
    stays = world.watch(act=lambda: world.hub.unsubscribe("t", leaves))
    leaves = world.watch()
    world.publish(s1="held")
    world.settle()
    assert (len(stays.frames), len(leaves.frames)) == (1, 0)
    assert world.hub.deliveries == 1


def test_a_viewer_that_comes_during_the_pump_is_not_in_that_frame() -> None:
    world = World(chunk=1)
    late: list[Viewer] = []
    world.watch(act=lambda: late.append(world.watch()))
    world.watch()
    world.publish(s1="held")
    world.settle()
    assert late[0].frames == []


def test_a_viewer_that_left_and_came_back_during_the_pump_is_not_in_that_frame() -> None:
    world = World(chunk=1)

    def bounce() -> None:
        if len(first.frames) == 1:
            world.hub.unsubscribe("t", second)
            world.hub.subscribe("t", second)

    first = world.watch(act=bounce)
    second = world.watch()
    world.publish(s1="held")
    world.settle()
    assert second.frames == []
    world.publish(s1="open")
    world.tick()
    assert second.frames == [b"t:1=open"]


def test_a_viewer_that_subscribes_twice_gets_a_frame_once(world: World) -> None:
    viewer = world.watch()
    world.hub.subscribe("t", viewer)
    world.publish(s1="held")
    world.settle()
    assert len(viewer.frames) == 1
    assert world.hub.count("t") == 1


def test_a_viewer_that_subscribed_again_during_the_pump_can_still_leave_before_its_turn(world: World) -> None:
    def act() -> None:
        world.hub.subscribe("t", second)
        world.hub.unsubscribe("t", second)

    world.watch(act=act)
    second = world.watch()
    world.publish(s1="held")
    world.settle()
    assert second.frames == []


def test_a_failing_viewer_is_counted_and_the_others_go_on(world: World) -> None:
    def fail() -> None:
        raise ConnectionResetError

    before, failing, after = world.watch(), world.watch(act=fail), world.watch()
    world.publish(s1="held")
    world.settle()
    assert [len(viewer.frames) for viewer in (before, failing, after)] == [1, 1, 1]
    assert (world.hub.deliveries, world.hub.failures) == (2, 1)
    world.publish(s1="open")
    world.tick()
    assert len(after.frames) == 2


def test_a_chunk_is_delivered_in_one_turn_of_the_loop_and_the_rest_in_later_ones(world: World) -> None:
    viewers = [world.watch() for _ in range(600)]
    world.publish(s1="held")
    world.turn()
    reached = []
    for _ in range(3):
        world.turn()
        reached.append(sum(len(viewer.frames) for viewer in viewers))
    assert reached == [256, 512, 600]
    assert world.hub.deliveries == 600


def test_a_chunk_is_shared_by_all_topics(world: World) -> None:
    viewers = [world.watch(topic) for topic in ("x", "y", "z") for _ in range(100)]
    for topic in ("x", "y", "z"):
        world.publish(topic, s1="held")
    world.turn()
    world.turn()
    assert sum(len(viewer.frames) for viewer in viewers) == 256
    world.settle()
    assert world.hub.deliveries == 300


def test_each_viewer_gets_its_frames_in_order_even_when_the_pump_is_slow() -> None:
    world = World(chunk=3)
    viewers = [world.watch() for _ in range(20)]
    for round_ in range(10):
        world.publish(s1=f"v{round_:02}")
        world.now += TICK_SECONDS
        world.turn()
    for _ in range(10):
        world.tick()
    for viewer in viewers:
        assert viewer.frames == sorted(viewer.frames)
        assert viewer.frames[-1] == b"t:1=v09"


def test_a_topic_never_has_two_frames_under_way_so_a_slow_pump_does_not_pile_up() -> None:
    world = World(chunk=1)
    viewers = [world.watch() for _ in range(30)]
    for round_ in range(25):
        world.publish(s1=str(round_))
        world.now += TICK_SECONDS
        world.turn()
    assert world.hub.flushes == 1
    for _ in range(3):
        world.tick()
    assert [viewer.frames for viewer in viewers] == [[b"t:1=0", b"t:1=24"]] * 30


def test_a_change_that_comes_from_within_a_delivery_goes_out_later(world: World) -> None:
    def reply() -> None:
        if len(viewer.frames) == 1:
            world.publish(s2="held")

    viewer = world.watch(act=reply)
    world.publish(s1="held")
    world.settle()
    world.tick()
    assert viewer.frames == [b"t:1=held", b"t:2=held"]


def test_a_dropped_topic_forgets_its_changes_and_its_viewers(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.hub.drop("t")
    world.settle()
    assert viewer.frames == []
    assert world.hub.count("t") == 0
    assert world.at_rest


def test_a_dropped_topic_stops_what_is_on_its_way_and_may_be_opened_again() -> None:
    world = World(chunk=1)
    old = [world.watch() for _ in range(3)]
    world.publish(s1="held")
    world.turn()
    world.turn()
    world.hub.drop("t")
    new = world.watch()
    world.publish(s1="open")
    world.settle()
    assert [len(viewer.frames) for viewer in old] == [1, 0, 0]
    assert new.frames == [b"t:1=open"]


def test_the_last_tick_of_a_dropped_topic_leaves_the_one_that_was_opened_anew_alone(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.settle()
    world.hub.unsubscribe("t", viewer)
    world.hub.drop("t")
    world.watch()
    world.tick()
    assert world.hub.count("t") == 1


def test_dropping_an_unknown_topic_and_leaving_one_does_nothing(world: World) -> None:
    world.hub.drop("nowhere")
    world.hub.unsubscribe("nowhere", Viewer())
    world.hub.subscribe("t", Viewer())
    world.hub.unsubscribe("t", Viewer())
    assert world.hub.count("t") == 1
    assert world.hub.count("nowhere") == 0


def test_watched_topics_are_those_with_viewers_and_no_other_is_kept(world: World) -> None:
    viewer = world.watch("x")
    world.watch("y")
    world.publish("x", s1="held")
    world.hub.unsubscribe("x", viewer)
    assert world.hub.watched() == ["y"]
    world.settle()
    world.tick()
    assert list(world.hub._topics) == ["y"]


def test_a_change_that_cannot_be_encoded_does_not_silence_the_topic(world: World) -> None:
    viewer = world.watch()
    world.publish(s1="held")
    world.encode_error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        world.settle()
    world.encode_error = None
    world.publish(s1="open")
    world.tick()
    assert viewer.frames == [b"t:1=open"]
