"""What changes for the public, and when: neighbours of a booking, time's own edges, and frames made one."""

from itertools import pairwise

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from actors.calendar import messages as m
from actors.calendar.evolve import apply
from actors.calendar.openness import GONE, public_state
from actors.calendar.publish import (
    SlotsChanged,
    Topic,
    missed_changes,
    next_edge_ms,
    public_fields,
    snapshot,
    starts_near,
    states_of,
    time_changes,
)
from actors.calendar.state import Calendar
from actors.command import PATIENT
from actors.journal import LogRow
from tests.actors.calendar.given import STAFF, given, held, hours, ms, open_for, sec

TOPIC = Topic("cal", None)


def public(state: Calendar, visit_type: str | None, now_ms: int) -> dict[int, str]:
    found = snapshot(state, visit_type, "e", 1, now_ms)
    return dict.fromkeys(found.open, "open") | dict.fromkeys(found.held, "held")


def changed(prev: int, seq: int, states: dict[int, str]) -> SlotsChanged:
    return SlotsChanged(TOPIC, "e", prev, seq, states)


BUFFERS = st.sampled_from((0, 5, 30, 119))


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@examples(
    buffers=st.tuples(BUFFERS, BUFFERS),
    visit_type=st.sampled_from((None, "short", "long")),
    minute=st.integers(0, 26 * 60) | st.integers(225, 300),  # around midnight above all
    minutes=st.sampled_from((5, 30, 240, 480)),
)
def test_no_start_but_the_near_ones_hears_of_a_booking(
    buffers: tuple[int, int], visit_type: str | None, minute: int, minutes: int
) -> None:
    night, morning = open_for("22:00-24:00", buffer_minutes=buffers[0]), open_for("00:00-02:00", day="Tue")
    windows = [*night, *morning, *open_for("09:00-12:00", day="Tue", buffer_minutes=buffers[1])]
    story = given(windows, notice_seconds=0)
    before = public(story.state, visit_type, story.now_ms)
    at = sec("20:00") + minute * 60
    event = held("a", "09:00", minutes)
    event = m.HoldPlaced(**{name: getattr(event, name) for name in event.__dataclass_fields__} | {
        "start": at, "end": at + minutes * 60
    })
    apply(story.state, event, story.now_ms)
    after = public(story.state, visit_type, story.now_ms)
    near = starts_near(story.state, visit_type, [(at, at + minutes * 60)], story.now_ms)
    assert {start for start in before | after if before.get(start) != after.get(start)} <= near
    told = states_of(story.state, visit_type, near, story.now_ms)
    assert {at: how for at, how in (before | told).items() if how != GONE} == after


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@examples(
    notice=st.sampled_from((0, 1800, 5400, 30 * 3600)),
    horizon=st.integers(0, 9),
    begin=st.integers(0, 3 * 86_400_000),
    visit_type=st.sampled_from((None, "short")),
)
def test_nothing_changes_before_the_next_edge_and_at_each_edge_all_is_told(
    notice: int, horizon: int, begin: int, visit_type: str | None
) -> None:
    windows = [*open_for("00:00-02:00", "09:00-12:00", "22:30-24:00"), *open_for("09:10-12:00", day="Wed")]
    state = given(windows, notice_seconds=notice, horizon_days=horizon).state
    now_ms = ms("-1 12:00") + begin
    shown = public(state, visit_type, now_ms)
    for _ in range(12):
        edge_ms = next_edge_ms(state, visit_type, now_ms)
        assert edge_ms > now_ms
        assert public(state, visit_type, edge_ms - 1) == shown
        shown |= time_changes(state, visit_type, now_ms, edge_ms)
        shown = {at: how for at, how in shown.items() if how != GONE}
        assert shown == public(state, visit_type, edge_ms)
        now_ms = edge_ms


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@examples(steps=st.lists(st.integers(1, 30 * 3600), min_size=1, max_size=6), notice=st.sampled_from((0, 1800, 90_000)))
def test_time_may_be_told_in_any_steps(steps: list[int], notice: int) -> None:
    state = given(open_for("00:00-24:00"), open_for("09:00-12:00", day="Wed"), notice_seconds=notice).state
    now_ms = ms("-1 12:00")
    shown = public(state, None, now_ms)
    for step in steps:
        shown |= time_changes(state, None, now_ms, now_ms + step * 1000)
        now_ms += step * 1000
    assert {at: how for at, how in shown.items() if how != GONE} == public(state, None, now_ms)


@pytest.mark.parametrize("zone", ["America/Santiago", "Africa/Cairo", "America/Nuuk", "America/Havana"])
def test_every_edge_is_kept_where_clocks_change_at_midnight(zone: str) -> None:
    windows = [m.WindowAdded(hours("00:00-24:00", name=f"w{day}", day=name), STAFF) for day, name in enumerate(
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    )]
    story = given(windows, notice_seconds=0, horizon_days=2)
    story.when(m.ChangeCalendar(by=STAFF, changes={"timezone": zone}))
    for begin in ("2 22:00", "26 22:00", "53 22:00", "240 22:00", "187 22:00", "250 22:00"):
        now_ms = ms(begin)
        shown = public(story.state, None, now_ms)
        for _ in range(120):
            edge_ms = next_edge_ms(story.state, None, now_ms)
            shown |= time_changes(story.state, None, now_ms, edge_ms)
            shown = {at: how for at, how in shown.items() if how != GONE}
            assert shown == public(story.state, None, edge_ms), (zone, edge_ms)
            now_ms = edge_ms


def test_a_snapshot_is_of_today_to_the_horizon_in_order() -> None:
    story = given(held("a", "10:00"), held("b", "7 09:30"), horizon_days=7).at("09:10")
    found = public_fields(snapshot(story.state, None, "e", 9, story.now_ms))
    assert found["held"] == (sec("10:00"), sec("7 09:30"))
    assert found["open"][:3] == (sec("10:30"), sec("11:00"), sec("11:30"))
    assert found["open"] == tuple(sorted(found["open"]))
    assert (found["minutes"], found["now"], found["seq"]) == (30, sec("09:10"), 9)


def test_of_merged_changes_the_later_state_wins() -> None:
    merged = changed(4, 5, {1: "held", 2: "open"}).merged(changed(5, 7, {1: "open", 3: "gone"}))
    assert merged == changed(4, 7, {1: "open", 2: "open", 3: "gone"})


def test_what_only_time_changed_moves_no_position() -> None:
    assert changed(4, 5, {1: "held"}).merged(changed(5, 5, {2: "gone"})) == changed(4, 5, {1: "held", 2: "gone"})


def test_a_gap_survives_merging() -> None:
    assert changed(4, 5, {1: "held"}).merged(changed(9, 9, {})) == changed(9, 9, {})


@pytest.mark.parametrize("order", [1, -1])
def test_merging_equals_telling_one_after_the_other(order: int) -> None:
    changes = [changed(place, place + 1, {place % 3: ("open", "held", "gone")[place % 2]}) for place in range(6)]
    folded: dict[int, str] = {}
    merged = changes[0]
    for change in changes:
        folded |= change.states
    for _, later in pairwise(changes):
        merged = merged.merged(later)
    assert (merged.prev, merged.seq, merged.states) == (0, 6, folded)


def test_a_start_is_in_one_list_only() -> None:
    fields = public_fields(changed(4, 5, {3: "gone", 1: "held", 2: "open"}))
    assert (fields["open"], fields["held"], fields["gone"]) == ([2], [1], [3])


def _row(seq: int, at_ms: int, kind: str = "hold_placed") -> LogRow:
    payload = {"start": sec("10:00"), "end": sec("10:30")}
    return LogRow("cal", seq, at_ms, kind, 1, "a", payload, b"", b"")


def test_a_resume_needs_the_row_it_begins_with_and_its_own_epoch() -> None:
    state, now_ms = given(held("a", "10:00")).state, ms("08:00")
    rows = [_row(4, now_ms), _row(5, now_ms)]
    assert missed_changes(state, None, m.Since("e", 4), rows, "e", now_ms) == [
        changed(4, 5, {sec("10:00"): "held"}),
        changed(5, 5, {}),
    ]
    assert missed_changes(state, None, m.Since("e", 5), rows[1:], "e", now_ms) == [changed(5, 5, {})]
    for since, found in ((m.Since("f", 4), rows), (m.Since("e", 3), rows), (m.Since("e", 4), [])):
        assert missed_changes(state, None, since, found, "e", now_ms) is None


def test_the_missed_end_with_what_time_changed_since_the_row() -> None:
    state = given(held("a", "11:00")).state
    found = missed_changes(state, None, m.Since("e", 4), [_row(4, ms("08:00"))], "e", ms("09:10"))
    assert found == [changed(4, 4, {sec("09:00"): "gone", sec("09:30"): "gone"})]


@pytest.mark.parametrize("kind", ["calendar_changed", "calendar_opened"])
def test_another_grid_cannot_be_resumed(kind: str) -> None:
    state = given().state
    rows = [_row(4, ms("08:00")), _row(5, ms("08:00"), kind)]
    assert missed_changes(state, None, m.Since("e", 4), rows, "e", ms("08:00")) is None


def test_a_lapsed_hold_is_open_to_the_public_before_any_row_says_so() -> None:
    state = given(held("a", "10:00", until="08:15")).state
    assert public_state(state, sec("10:00"), None, ms("08:14:59.999")) == "held"
    assert public_state(state, sec("10:00"), None, ms("08:15")) == "open"
    assert PATIENT.id is None
