"""Whatever happens to a calendar, a page that folds its frames shows what the disk says."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.calendar import messages as m
from actors.calendar.state import window_from
from actors.command import PATIENT
from actors.journal import Failed, Unknown
from actors.refusals import NotFound, Refusal
from tests.actors.calendar.desk import Desk, Viewer, a_desk
from tests.actors.calendar.given import ANNA, MONDAY, STAFF, TERMS, cancel, hours, ms, sec

SHORT_TERMS = replace(TERMS, horizon_days=5, hold_seconds=900)
OTHER_TERMS = (
    replace(SHORT_TERMS, horizon_days=2),
    replace(SHORT_TERMS, horizon_days=9, notice_seconds=0),
    replace(SHORT_TERMS, notice_seconds=26 * 3600),
    SHORT_TERMS,
)
TYPES = (None, "half", "long", "odd")
STEPS = (0.001, 1, 60, 299.5, 900, 901, 1800, 3600, 7 * 3600, 25 * 3600)
ENDINGS = ("extend", "release", "confirm", "cancel", "complete", "extend")


class Days:
    """Some days at a desk, each act named by a word and a number that chooses among what is possible."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.past: list[Viewer] = []
        self.names = 0

    async def act(self, word: str, pick: int) -> None:
        with suppress(Refusal):  # an answer like another
            await getattr(self, word)(pick)
        await self.desk.settle()
        if word == "fault":
            self.desk.journal.next_outcomes.clear()
            await self.desk.advance(1.001)  # an abandoned calendar that somebody watches comes back after a second
        await self.check()

    async def check(self) -> None:
        for viewer in list(self.desk.viewers):
            if viewer.is_lost:
                self.desk.leave(viewer)
                viewer.seq = None
                try:
                    await self.desk.watch(viewer)
                except NotFound:
                    continue
            assert viewer.states == self.desk.truth(viewer.visit_type), viewer.frames[-3:]

    async def check_past(self) -> None:
        """Whoever comes back with an older position sees the same as all others."""
        for former in self.past:
            for seq, states in former.past[-6:]:
                again = Viewer(former.visit_type, seq, states)
                try:
                    await self.desk.watch(again, stays=False)
                except NotFound:
                    continue
                assert not again.is_lost
                assert again.states == self.desk.truth(again.visit_type), (seq, again.frames)

    async def hold(self, pick: int) -> None:
        visit_type = TYPES[pick % 4]
        starts = sorted(self.desk.truth(visit_type))
        if starts:
            await self.desk.ask(self.desk.hold(starts[(pick // 4) % len(starts)], visit_type=visit_type))

    async def burst(self, pick: int) -> None:
        starts = sorted(self.desk.truth())[pick % 5 :: 3][:6]
        if starts:
            last = self.desk.hold(starts[-1], visit_type=TYPES[pick % 4])
            release = m.ReleaseHold(by=PATIENT, appointment=last.appointment)
            await self.desk.ask_all(*map(self.desk.hold, starts), last, release)

    async def finish(self, pick: int) -> None:
        rows = [row for row in self.desk.journal.rows("appointments") if row["status"] in ("held", "confirmed")]
        if rows:
            name = rows[pick % len(rows)]["id"]
            commands: dict[str, m.OnAppointment] = {
                "extend": m.ExtendHold(by=PATIENT, appointment=name),
                "release": m.ReleaseHold(by=PATIENT, appointment=name),
                "confirm": m.Confirm(by=PATIENT, appointment=name, patient=replace(ANNA, id=f"p-{name}")),
                "cancel": cancel(name, "ill", by=STAFF),
                "complete": m.Complete(by=STAFF, appointment=name),
            }
            await self.desk.ask(commands[ENDINGS[pick // 7 % len(ENDINGS)]])

    async def window(self, pick: int) -> None:
        windows = [window_from(row) for row in self.desk.journal.rows("windows") if row["removed_at_ms"] is None]
        self.names += 1
        if not windows or pick % 5 == 0:
            begin, length = pick // 5 % 22 * 60, 120 + pick // 110 % 9 * 25
            window = hours(name=f"w{self.names}", day=("Mon", "Tue", "Wed", "Thu")[pick % 4])
            window = replace(window, start_minute=begin, end_minute=min(1440, begin + length))
            buffer = (0, 10, 119)[pick // 3 % 3]
            await self.desk.ask(m.AddWindow(by=STAFF, window=replace(window, buffer_minutes=buffer)))
            return
        chosen = windows[pick // 5 % len(windows)]
        changes: dict[int, dict[str, Any]] = {
            1: {"active": not chosen.active},
            2: {"buffer_minutes": (0, 5, 60, 119)[pick // 7 % 4]},
            3: {"slot_minutes": (None, 20, 45)[pick // 7 % 3]},
            4: {"valid_until": MONDAY + timedelta(days=pick // 7 % 9)},
        }
        change = changes[pick % 5]
        if pick % 13 == 0:
            await self.desk.ask(m.RemoveWindow(by=STAFF, window=chosen.id))
        else:
            await self.desk.ask(m.ChangeWindow(by=STAFF, window=chosen.id, changes=change))

    async def calendar(self, pick: int) -> None:
        changes: tuple[dict[str, Any], ...] = (
            {"slot_minutes": (20, 30, 50)[pick // 7 % 3]},
            {"visit_types": (None, ["half"], ["half", "long"], [])[pick // 7 % 4]},
            {"name": f"Ada {pick}"},
            {"timezone": ("Europe/Berlin", "America/New_York", "Asia/Kathmandu")[pick // 7 % 3]},
        )
        await self.desk.ask(m.ChangeCalendar(by=STAFF, changes=changes[pick % 4]))

    async def offer(self, pick: int) -> None:
        if "odd" not in {row["id"] for row in self.desk.journal.rows("visit_types")}:
            await self.desk.offer("odd", 25)

    async def wait(self, pick: int) -> None:
        await self.desk.advance(STEPS[pick % len(STEPS)])

    async def join(self, pick: int) -> None:
        if len(self.desk.viewers) < 6:
            viewer = await self.desk.watch(Viewer(TYPES[pick % 4]))
            self.past.append(viewer)

    async def leave(self, pick: int) -> None:
        if self.desk.viewers:
            self.desk.leave(self.desk.viewers[pick % len(self.desk.viewers)])

    async def come_back(self, pick: int) -> None:
        here = [viewer for viewer in self.past if viewer not in self.desk.viewers and not viewer.is_lost]
        if here:
            await self.desk.watch(here[pick % len(here)])

    async def fault(self, pick: int) -> None:
        outcome = Failed("full") if pick % 3 == 0 else Unknown("fsync")
        self.desk.journal.next_outcomes.append(outcome)
        await (self.hold, self.finish, self.burst, self.window, self.calendar)[pick // 3 % 5](pick // 15)

    async def restart(self, pick: int) -> None:
        self.desk.journal.next_outcomes.clear()
        await self.desk.restart(OTHER_TERMS[pick % len(OTHER_TERMS)])


WORDS = ["hold", "hold", "hold", "burst", "finish", "finish", "finish", "window", "window", "calendar", "offer"]
WORDS += ["wait", "wait", "wait", "join", "join", "join", "leave", "come_back", "fault", "restart"]
ACTS = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 10**5)), min_size=3, max_size=24)


async def live_through(acts: list[tuple[str, int]]) -> None:
    windows = (hours("09:00-12:00"), hours("00:00-03:00", name="night", day="Tue"), hours("21:00-24:00", name="late"))
    async with a_desk(*windows, terms=SHORT_TERMS) as desk:
        await desk.offer("half", 30)
        await desk.offer("long", 60)
        days = Days(desk)
        await days.act("join", 0)
        for word, pick in acts:
            await days.act(word, pick)
        desk.journal.next_outcomes.clear()
        await days.check_past()


@settings(max_examples=120, derandomize=True, database=None, deadline=None)
@given(acts=ACTS)
def test_who_follows_or_returns_sees_what_is_on_disk(acts: list[tuple[str, int]]) -> None:
    asyncio.run(live_through(acts))


async def test_who_began_to_watch_after_an_extension_hears_what_time_changes(desk: Desk) -> None:
    await desk.to("08:25")
    first = await desk.watch()
    await desk.ask(desk.hold("11:00", "a"))
    await desk.settle()
    await desk.ask(m.ExtendHold(by=PATIENT, appointment="a"))
    second = await desk.watch()
    assert second.seq == (first.seq or 0) + 1
    await desk.to("08:30:00.001")
    assert sec("09:00") not in second.states
    assert first.states == second.states == desk.truth()


async def test_who_returns_after_the_horizon_shrank_sees_no_ghosts(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.restart(replace(TERMS, horizon_days=3))
    await desk.watch(viewer)
    assert viewer.ops == ["snapshot", "resumed", "slots", "slots"]
    assert viewer.states == desk.truth()


async def test_a_row_of_doubt_that_made_another_grid_makes_every_page_watch_again(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.journal.next_outcomes.append(Unknown("fsync"))
    await desk.ask_all(m.ChangeCalendar(by=STAFF, changes={"slot_minutes": 20}))
    await desk.advance(1)
    assert viewer.is_lost
    await desk.watch(viewer)
    assert viewer.states == desk.truth()


async def test_a_row_of_doubt_is_told_before_the_rows_after_it(desk: Desk) -> None:
    await desk.ask(desk.hold("11:00", "b"))
    viewer = await desk.watch()
    await desk.to("08:14:59.500")
    desk.journal.next_outcomes.append(Unknown("fsync"))
    await desk.ask_all(desk.hold("10:00", "a"))
    await desk.advance(1)  # it comes back when the other hold has lapsed
    assert viewer.states[sec("10:00")] == "held"
    assert viewer.states == desk.truth()


async def test_who_got_only_the_first_frame_of_a_return_misses_nothing(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.leave(viewer)
    await desk.ask(desk.hold("11:00", "a"))
    await desk.to("09:10")
    await desk.watch(viewer)
    (resumed, first, _) = viewer.frames[1:]
    assert resumed["op"] == "resumed"
    again = Viewer(None, first["seq"], viewer.past[-2][1])
    await desk.watch(again)
    assert again.states == viewer.states == desk.truth()


async def test_hours_changed_at_midnight_leave_no_start_of_yesterday() -> None:
    async with a_desk(hours("21:00-24:00"), terms=replace(TERMS, notice_seconds=0)) as desk:
        viewer = await desk.watch()
        await desk.to("23:10")
        desk.clock._now_ms = ms("24:00")  # the machine was busy: no timer fired
        await desk.ask(m.RemoveWindow(by=STAFF, window="morning"))
        await desk.settle()
        assert viewer.states == desk.truth() == {}


async def test_a_clock_that_stood_still_for_days_tells_all_at_once(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.advance(9 * 86_400)
    assert viewer.states == desk.truth()


async def test_no_frame_tells_who_or_why(desk: Desk) -> None:
    viewer = await desk.watch()
    session = {"session": "secret-session", "address": "secret-address", "partner": "secret-partner"}
    await desk.ask(desk.hold("10:00", "secret-id", **session))
    note = m.Sealed("secret-text", "note", b"salt", "secret-words")
    await desk.ask(m.Confirm(by=PATIENT, appointment="secret-id", patient=ANNA, note=note))
    await desk.ask(cancel("secret-id", "secret-reason", by=STAFF))
    await desk.settle()
    told = str(viewer.frames)
    assert len(viewer.frames) == 4
    assert "secret" not in told
    assert "Anna" not in told
