"""The calendar as an actor: what is durable before what is heard, and what becomes of a turn that fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from actors.calendar import messages as m
from actors.calendar.actor import KEEP_ENDED_SECONDS
from actors.calendar.turn import Answer
from actors.command import PATIENT, Remember
from actors.journal import Failed, Moved, Refused, Unknown
from actors.refusals import (
    AlreadyAnswered,
    HoldLapsed,
    NotFound,
    OutcomeUnknown,
    PatientBusy,
    SlotUnavailable,
    Unavailable,
    VersionConflict,
)
from actors.runtime import ActorDied
from tests.actors.calendar.desk import Desk, Viewer, a_desk
from tests.actors.calendar.given import ANNA, MONDAY, STAFF, TERMS, cancel, confirm, hours, ms, open_for, row, sec

KEY = Remember("scope", "key", "fingerprint")
TODAY = m.ReadTimes(None, MONDAY, MONDAY)


def release(name: str) -> m.ReleaseHold:
    return m.ReleaseHold(by=PATIENT, appointment=name)


def statuses(desk: Desk) -> dict[str, str]:
    return {found["id"]: found["status"] for found in desk.journal.rows("appointments")}


# First the disk, then the answer


async def test_nobody_hears_of_anything_before_it_is_on_disk(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.journal.gate.clear()
    asked = desk.begin(desk.hold("10:00", "a"))
    await desk.settle()
    assert desk.journal.waiting == 1
    assert not asked.done()
    assert viewer.ops == ["snapshot"]
    assert statuses(desk) == {}
    desk.journal.gate.set()
    answer = await asked
    assert isinstance(answer, Answer)
    assert statuses(desk) == {"a": "held"}
    await desk.settle()
    assert viewer.states == desk.truth()


async def test_refusals_of_a_turn_wait_for_the_disk_too(desk: Desk) -> None:
    desk.journal.gate.clear()
    asked = [desk.begin(desk.hold("10:00", name)) for name in "ab"]
    await desk.settle()
    assert not any(task.done() for task in asked)
    desk.journal.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(found) for found in answers] == [Answer, SlotUnavailable]


async def test_a_read_that_waits_with_a_write_shows_what_is_durable(desk: Desk) -> None:
    _, times = await desk.ask_all(desk.hold("10:00"), TODAY)
    assert {start: how for start, _, how in times.slots}[sec("10:00")] == "held"
    assert times.seq == len(desk.kinds())


async def test_a_turn_takes_sixty_four_and_one_append() -> None:
    async with a_desk(hours("09:00-12:00", slot_minutes=1)) as desk:
        desk.journal.sizes.clear()
        answers = await desk.ask_all(*(desk.hold(sec("09:00") + 60 * place) for place in range(100)))
        assert all(isinstance(answer, Answer) for answer in answers)
        assert desk.journal.sizes == [64, 36]


async def test_of_fifty_at_once_exactly_one_gets_the_start(desk: Desk) -> None:
    answers = await desk.ask_all(*(desk.hold("10:00") for _ in range(50)))
    assert [type(answer) for answer in answers].count(Answer) == 1
    assert [type(answer) for answer in answers].count(SlotUnavailable) == 49
    assert list(statuses(desk).values()) == ["held"]


async def test_placed_and_released_in_one_turn_leaves_no_phantom(desk: Desk) -> None:
    await desk.ask_all(desk.hold("10:00", "a"), release("a"), desk.hold("10:00", "b"))
    assert statuses(desk) == {"a": "expired", "b": "held"}
    assert {found["appointment"]: found["live"] for found in desk.journal.rows("claims")} == {"a": 0, "b": 1}


async def test_an_answer_is_the_appointment_as_it_was_then(desk: Desk) -> None:
    placed, ended = await desk.ask_all(desk.hold("10:00", "a"), release("a"))
    assert (placed.appointment.status, placed.appointment.version) == ("held", 1)
    assert (ended.appointment.status, ended.appointment.version) == ("expired", 2)


async def test_a_row_that_nothing_changed_is_not_written(desk: Desk) -> None:
    await desk.book("10:00", "a")
    rows = desk.kinds()
    again = await desk.ask(confirm("a"))
    assert again.appointment.status == "confirmed"
    assert desk.kinds() == rows


# Refusals that help


async def test_a_refusal_brings_the_nearest_open_starts(desk: Desk) -> None:
    await desk.book("10:00", "a")
    await desk.ask(desk.hold("09:30"))
    with pytest.raises(SlotUnavailable) as refused:
        await desk.ask(desk.hold("10:00"))
    assert refused.value.alternatives == (sec("10:30"), sec("09:00"), sec("11:00"))


async def test_of_two_equally_near_the_earlier_comes_first(desk: Desk) -> None:
    await desk.ask(desk.hold("10:30"))
    with pytest.raises(SlotUnavailable) as refused:
        await desk.ask(desk.hold("10:30"))
    assert refused.value.alternatives == (sec("10:00"), sec("11:00"), sec("09:30"))


async def test_alternatives_are_open_after_the_whole_turn(desk: Desk) -> None:
    wishes = [desk.hold(start) for start in ("10:00", "10:00", "10:30", "09:30", "09:00")]
    answers = await desk.ask_all(*wishes)
    assert isinstance(answers[1], SlotUnavailable)
    assert answers[1].alternatives == (sec("11:00"), sec("11:30"), sec("7 09:00"))


async def test_alternatives_are_found_far_away_and_never_invented(desk: Desk) -> None:
    await desk.to("13:00")
    for start, nearest in (("10:00", "7 09:00"), ("14 11:00", "14 11:00"), ("20 10:00", "14 11:30")):
        with pytest.raises(SlotUnavailable) as refused:
            await desk.ask(desk.hold(start if start != "14 11:00" else "14 10:50"))
        assert refused.value.alternatives[0] == sec(nearest)
    await desk.ask(m.RemoveWindow(by=STAFF, window="morning"))
    with pytest.raises(SlotUnavailable) as refused:
        await desk.ask(desk.hold("7 10:00"))
    assert refused.value.alternatives == ()


async def test_alternatives_are_of_the_same_visit_type() -> None:
    async with a_desk() as desk:
        await desk.offer("long", 60)
        await desk.ask(desk.hold("10:00", visit_type="long"))
        with pytest.raises(SlotUnavailable) as refused:
            await desk.ask(desk.hold("10:00", visit_type="long"))
        assert refused.value.alternatives == (sec("09:00"), sec("11:00"), sec("7 09:00"))


async def test_who_is_too_late_hears_of_other_starts(desk: Desk) -> None:
    await desk.ask(desk.hold("10:00", "a"))
    await desk.to("08:15")
    await desk.ask(desk.hold("10:00", "b"))
    with pytest.raises(HoldLapsed) as refused:
        await desk.ask(confirm("a"))
    assert (refused.value.slot_open, refused.value.start) == (False, sec("10:00"))
    assert refused.value.alternatives == (sec("09:30"), sec("10:30"), sec("09:00"))


async def test_a_calendar_that_nobody_opened_is_not_found(desk: Desk) -> None:
    for message in (desk.hold("10:00"), TODAY, m.Watch(None, None, print, print)):
        with pytest.raises(NotFound):
            await desk.ask(message, "nobody")
    assert await desk.ask(m.NextOpen(), "nobody") is None


async def test_an_appointment_of_another_calendar_is_not_found(desk: Desk) -> None:
    await desk.ask(m.OpenCalendar(by=STAFF, row=row(id="other")), "other")
    await desk.ask(desk.hold("10:00", "a"))
    with pytest.raises(NotFound):
        await desk.ask(confirm("a"), "other")


# What the journal may answer


async def test_a_constraint_refuses_only_its_own_command(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.journal.next_outcomes.append(Refused("claim-overlap"))
    answers = await desk.ask_all(desk.hold("10:00", "a"), desk.hold("10:00", "b"), desk.hold("11:00", "c"), TODAY)
    assert [type(answer).__name__ for answer in answers] == ["Answer", "SlotUnavailable", "Answer", "TimesRead"]
    assert statuses(desk) == {"a": "held", "c": "held"}
    await desk.settle()
    assert viewer.states == desk.truth()


async def test_what_only_the_disk_knew_is_refused_with_alternatives(desk: Desk) -> None:
    desk.journal.next_outcomes.append(Refused("claim-overlap"))
    with pytest.raises(SlotUnavailable) as refused:
        await desk.ask(desk.hold("10:00"))
    assert refused.value.alternatives == (sec("09:30"), sec("10:30"), sec("09:00"))
    assert isinstance(await desk.ask(desk.hold("10:00")), Answer)


async def test_a_certain_patient_is_not_in_two_places_at_once(desk: Desk) -> None:
    await desk.ask(m.OpenCalendar(by=STAFF, row=row(id="other")), "other")
    await desk.ask(m.AddWindow(by=STAFF, window=hours(name="theirs")), "other")
    sure = replace(ANNA, certain=True)
    await desk.ask(desk.hold("10:00", "a"))
    await desk.ask(confirm("a", patient=sure))
    await desk.ask(desk.hold("10:00", "b"), "other")
    with pytest.raises(PatientBusy):
        await desk.ask(confirm("b", patient=sure), "other")
    assert statuses(desk) == {"a": "confirmed", "b": "held"}
    await desk.ask(confirm("b", patient=replace(ANNA, id="somebody")), "other")


async def test_a_certain_patient_refuses_one_of_a_batch(desk: Desk) -> None:
    await desk.ask_all(desk.hold("10:00", "a"), desk.hold("10:30", "b"))
    await desk.ask(m.OpenCalendar(by=STAFF, row=row(id="other")), "other")
    await desk.ask(m.AddWindow(by=STAFF, window=hours(name="theirs")), "other")
    sure = replace(ANNA, certain=True)
    await desk.ask(desk.hold("10:00", "c"), "other")
    await desk.ask(confirm("c", patient=sure), "other")
    busy, fine = await desk.ask_all(confirm("a", patient=sure), confirm("b", patient=sure))
    assert isinstance(busy, PatientBusy)
    assert fine.appointment.status == "confirmed"
    assert statuses(desk) == {"a": "held", "b": "confirmed", "c": "confirmed"}


async def test_an_answered_key_is_not_done_again(desk: Desk) -> None:
    await desk.ask(desk.hold("09:00", remember=KEY))
    other, again, new = await desk.ask_all(
        desk.hold("10:00", "a"), desk.hold("10:30", "b", remember=KEY), desk.hold("11:00", "c")
    )
    assert isinstance(again, AlreadyAnswered)
    assert (again.scope, again.key) == ("scope", "key")
    assert isinstance(other, Answer)
    assert isinstance(new, Answer)
    assert "b" not in statuses(desk)


async def test_a_remembered_answer_holds_no_keyed_hash(desk: Desk) -> None:
    await desk.ask(desk.hold("09:00", "a", remember=KEY, session="hash-of-cookie", address="hash-of-address"))
    kept = (await desk.journal.remembered("scope", "key")).answer  # type: ignore[union-attr]
    assert kept["appointment"]["id"] == "a"
    assert "hash" not in str(kept)


async def test_refusals_and_repetitions_are_not_remembered(desk: Desk) -> None:
    await desk.book("10:00", "a")
    other = Remember("scope", "other", "fingerprint")
    await desk.ask_all(desk.hold("10:00", remember=KEY), confirm("a", remember=other), desk.hold("11:00"))
    assert await desk.journal.remembered("scope", "other") is None
    assert await desk.journal.remembered("scope", "key") is None


@pytest.mark.parametrize("outcome", [Failed("disk full"), Moved(99)])
async def test_a_failed_append_is_a_clear_no_and_nothing_happened(desk: Desk, outcome: Any) -> None:
    viewer = await desk.watch()
    desk.journal.next_outcomes.append(outcome)
    answers = await desk.ask_all(desk.hold("10:00", "a"), desk.hold("10:00", "b"))
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert statuses(desk) == {}
    assert isinstance(await desk.ask(desk.hold("10:00", "c")), Answer)
    await desk.settle()
    assert viewer.states == desk.truth()


async def test_an_unknown_outcome_is_unknown_to_all_and_then_read_from_disk(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.journal.next_outcomes.append(Unknown("fsync"))
    answers = await desk.ask_all(desk.hold("10:00", "a"), desk.hold("10:00", "b"), TODAY)
    assert [type(answer) for answer in answers] == [OutcomeUnknown] * 3
    with pytest.raises(SlotUnavailable):
        await desk.ask(desk.hold("10:00", "c"))
    assert statuses(desk) == {"a": "held"}
    await desk.settle()
    assert viewer.states == desk.truth()


async def test_watchers_learn_what_an_unknown_outcome_left_without_any_message(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.journal.next_outcomes.append(Unknown("fsync"))
    await desk.ask_all(desk.hold("10:00", "a"))
    assert viewer.states[sec("10:00")] == "open"
    await desk.advance(1)
    assert viewer.states[sec("10:00")] == "held"
    await desk.to("08:15")
    assert viewer.states[sec("10:00")] == "open"


async def test_what_was_read_before_an_unknown_outcome_is_not_called_current(desk: Desk) -> None:
    await desk.ask(TODAY)
    assert desk.audience.heads["cal"] == len(desk.kinds())
    desk.journal.next_outcomes.append(Unknown("fsync"))
    await desk.ask_all(desk.hold("10:00", "a"))
    assert desk.audience.heads.get("cal") != len(desk.kinds()) - 1


async def test_a_defect_is_heard_by_its_asker_alone(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(desk.hold("10:00", "b"), start="ten o'clock")
    before, defect, after = await desk.ask_all(desk.hold("09:00", "a"), broken, desk.hold("11:00", "c"))
    assert isinstance(before, Unavailable)
    assert type(defect).__name__ == "ActorDied"
    assert isinstance(after, Unavailable)
    assert statuses(desk) == {}
    assert "cal" in caplog.text


# Time


async def test_a_hold_expires_at_its_deadline_and_not_before(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.ask(desk.hold("10:00", "a"))
    await desk.to("08:14:59.999")
    assert statuses(desk) == {"a": "held"}
    await desk.to("08:15")
    assert statuses(desk) == {"a": "expired"}
    assert desk.appointment("a")["cause"] == "timeout"
    assert desk.appointment("a")["updated_at_ms"] == ms("08:15")
    assert viewer.states == desk.truth()


async def test_an_extended_hold_expires_at_the_later_deadline(desk: Desk) -> None:
    await desk.ask(desk.hold("10:00", "a"))
    await desk.to("08:14")
    await desk.ask(m.ExtendHold(by=PATIENT, appointment="a"))
    await desk.to("08:19:59.999")
    assert statuses(desk) == {"a": "held"}
    await desk.to("08:20")
    assert statuses(desk) == {"a": "expired"}


async def test_a_lapsed_hold_is_refused_although_the_timer_has_not_run(desk: Desk) -> None:
    await desk.ask(desk.hold("10:00", "a"))
    desk.clock._now_ms = ms("08:15")  # the machine was busy: no timer fired
    late, again = await desk.ask_all(confirm("a"), desk.hold("10:00", "b"))
    assert isinstance(late, HoldLapsed)
    assert isinstance(again, Answer)
    assert statuses(desk) == {"a": "expired", "b": "held"}
    assert desk.kinds()[-2:] == ["hold_expired", "hold_placed"]


async def test_time_itself_is_told_to_watchers_with_prev_equal_to_seq(desk: Desk) -> None:
    viewer = await desk.watch()
    seq = viewer.seq
    await desk.to("08:30")
    assert viewer.ops == ["snapshot"]
    await desk.to("08:30:00.001")
    assert viewer.frames[1:] == [viewer.frames[-1]]
    told = viewer.frames[-1]
    assert (told["prev"], told["seq"], told["gone"]) == (seq, seq, [sec("09:00")])
    await desk.to("24:00")
    assert viewer.states == desk.truth()


async def test_a_new_day_enters_the_horizon_at_local_midnight() -> None:
    async with a_desk(terms=replace(TERMS, horizon_days=6)) as desk:
        viewer = await desk.watch()
        await desk.to("24:00")
        assert sec("7 09:00") in viewer.frames[-1]["open"]
        assert viewer.states == desk.truth()


async def test_at_start_what_is_past_due_ends_and_the_rest_keeps_its_time(desk: Desk) -> None:
    await desk.ask(desk.hold("10:00", "a"))
    await desk.advance(600)
    await desk.ask(desk.hold("10:30", "b"))
    await desk.restart()
    desk.clock.set(ms("08:15"))
    for calendar, _ in await desk.journal.due():
        await desk.ask(m.Touch(), calendar)
    assert statuses(desk) == {"a": "expired", "b": "held"}
    await desk.to("08:24:59.999")
    assert statuses(desk)["b"] == "held"
    await desk.to("08:25")
    assert statuses(desk)["b"] == "expired"


async def test_a_hold_of_long_ago_ends_at_start_too(desk: Desk) -> None:
    await desk.ask(desk.hold("10:00", "a"))
    await desk.restart()
    desk.clock.advance(KEEP_ENDED_SECONDS + 86_400)
    await desk.ask(m.Touch())
    assert statuses(desk) == {"a": "expired"}


async def test_an_expiry_that_the_disk_refuses_is_read_anew_and_tried_again(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.ask(desk.hold("10:00", "a"))
    desk.journal.next_outcomes.append(Refused("a defect"))
    await desk.to("08:15")
    assert statuses(desk) == {"a": "expired"}
    assert viewer.states == desk.truth()


# Coming and going


async def test_an_idle_calendar_leaves_memory_and_comes_back_with_everything(desk: Desk) -> None:
    await desk.book("10:00", "a")
    before = await desk.ask(TODAY)
    await desk.advance(61)
    assert desk.system.active("calendar") == []
    assert "cal" not in desk.audience.heads
    after = await desk.ask(TODAY)
    assert (after.slots, after.seq) == (before.slots, before.seq)
    with pytest.raises(SlotUnavailable):
        await desk.ask(desk.hold("10:00"))


async def test_a_calendar_with_a_hold_or_a_watcher_stays(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.advance(120)
    assert desk.system.active("calendar") == ["cal"]
    desk.leave(viewer)
    await desk.to("08:30:00.001")
    await desk.advance(61)
    assert desk.system.active("calendar") == []
    await desk.ask(desk.hold("10:00"))
    await desk.advance(120)
    assert desk.system.active("calendar") == ["cal"]


async def test_a_page_that_slept_catches_up_from_where_it_was(desk: Desk) -> None:
    viewer = await desk.watch()
    desk.leave(viewer)
    await desk.book("10:00", "a")
    await desk.ask(desk.hold("11:00", "b"))
    await desk.restart()
    await desk.to("08:40")
    await desk.watch(viewer)
    assert viewer.ops == ["snapshot", "resumed", "slots", "slots"]
    assert viewer.frames[-1]["prev"] == viewer.frames[-1]["seq"] == viewer.seq
    assert viewer.states == desk.truth()


@pytest.mark.parametrize(
    "since", [m.Since("epoch-0", 3), m.Since("epoch-1", 0), m.Since("epoch-1", 99), m.Since("epoch-1", 2**53)]
)
async def test_a_position_that_is_not_covered_gets_a_snapshot(desk: Desk, since: m.Since) -> None:
    viewer = Viewer()
    await desk.ask(m.Watch(None, since, viewer, viewer.deliver))
    assert viewer.ops == ["snapshot"]
    assert viewer.states == desk.truth()


@pytest.mark.parametrize(("rows", "op"), [(256, "resumed"), (257, "snapshot")])
@pytest.mark.parametrize("restarted", [False, True])
async def test_more_than_256_rows_back_is_a_snapshot(desk: Desk, rows: int, op: str, restarted: bool) -> None:
    viewer = await desk.watch()
    desk.leave(viewer)
    for place in range(rows // 2):
        await desk.ask_all(desk.hold("10:00", f"n{place}"), release(f"n{place}"))
    if rows % 2:
        await desk.ask(desk.hold("10:00", "last"))
    if restarted:
        await desk.restart()
    await desk.watch(viewer)
    assert viewer.ops[1] == op
    assert viewer.states == desk.truth()


@pytest.mark.parametrize(("hours_later", "op"), [(24, "resumed"), (24.001, "snapshot")])
async def test_more_than_a_day_back_is_a_snapshot(desk: Desk, hours_later: float, op: str) -> None:
    viewer = await desk.watch()
    desk.leave(viewer)
    await desk.advance(hours_later * 3600)
    await desk.watch(viewer)
    assert viewer.ops[1] == op
    assert viewer.states == desk.truth()


async def test_a_visit_type_that_is_not_offered_cannot_be_watched_or_read(desk: Desk) -> None:
    for message in (m.Watch("dancing", None, print, print), m.ReadTimes("dancing", MONDAY, MONDAY)):
        with pytest.raises(NotFound):
            await desk.ask(message)


async def test_a_watch_with_writes_in_one_turn_shows_them_once(desk: Desk) -> None:
    viewer = Viewer()
    await desk.ask_all(desk.hold("10:00"), m.Watch(None, None, viewer, viewer.deliver), desk.hold("11:00"))
    await desk.settle()
    assert viewer.frames[0]["held"] == [sec("10:00"), sec("11:00")]
    assert viewer.states == desk.truth()


# Terms and visit types


async def test_changed_settings_are_adopted_as_a_row(desk: Desk) -> None:
    rows = desk.kinds()
    await desk.restart(replace(TERMS, notice_seconds=7200, hold_seconds=60))
    await desk.ask(m.Touch())
    assert desk.kinds() == [*rows, "terms_adopted"]
    with pytest.raises(SlotUnavailable):
        await desk.ask(desk.hold("09:30"))
    assert (await desk.ask(desk.hold("10:00"))).appointment.expires_at == sec("08:01")
    await desk.restart(replace(TERMS, notice_seconds=7200, extensions=1))
    await desk.ask(m.Touch())
    assert desk.kinds().count("terms_adopted") == 1  # what shapes no open set needs no row


async def test_a_new_visit_type_reaches_calendars_in_memory_and_their_watchers(desk: Desk) -> None:
    viewer = await desk.watch()
    await desk.offer("long", 60)
    assert desk.kinds()[-1] == "terms_adopted"
    other = await desk.watch(Viewer("long"))
    assert other.states == desk.truth("long") != {}
    await desk.ask(desk.hold("10:00", visit_type="long"))
    await desk.settle()
    assert viewer.states == desk.truth()
    assert other.states == desk.truth("long")


async def test_a_new_visit_type_is_found_by_a_calendar_that_was_not_in_memory(desk: Desk) -> None:
    await desk.advance(61)
    await desk.offer("long", 60)
    assert desk.system.active("calendar") == []
    assert len((await desk.ask(m.ReadTimes("long", MONDAY, MONDAY))).slots) == 3


# Older appointments


async def test_an_appointment_of_long_ago_is_loaded_when_a_command_names_it(desk: Desk) -> None:
    await desk.book("10:00", "a")
    await desk.ask(desk.hold("10:30", "b"))
    await desk.restart()
    desk.clock.advance(timedelta(days=30).total_seconds())
    answer = await desk.ask(m.Complete(by=STAFF, appointment="a"))
    assert answer.appointment.status == "completed"
    assert statuses(desk)["a"] == "completed"
    with pytest.raises(VersionConflict):
        await desk.ask(m.Complete(by=STAFF, appointment="a", version=1))
    with pytest.raises(HoldLapsed):
        await desk.ask(confirm("b"))


async def test_a_cold_confirmed_one_can_be_cancelled_with_a_reason(desk: Desk) -> None:
    await desk.book("10:00", "a")
    await desk.restart()
    desk.clock.advance(timedelta(days=3).total_seconds())
    assert (await desk.ask(cancel("a", "entered twice", by=STAFF))).appointment.status == "cancelled"


@pytest.mark.usefixtures("caplog")
async def test_a_calendar_that_died_too_often_reads_and_does_not_write(desk: Desk) -> None:
    for _ in range(4):
        dying = desk.begin(replace(desk.hold("10:00"), start="ten o'clock"))
        await desk.advance(5)
        assert isinstance(dying.exception(), ActorDied)
    asked = desk.begin(desk.hold("10:00"))
    await desk.advance(5)
    refused = asked.exception()
    assert isinstance(refused, Unavailable)
    assert refused.retry_after == 60
    assert len((await desk.ask(TODAY)).slots) == 6
    assert (await desk.watch()).states == desk.truth()


async def test_the_next_open_start_is_the_first_of_any_visit_type(desk: Desk) -> None:
    assert await desk.ask(m.NextOpen()) == sec("09:00")
    await desk.ask(desk.hold("09:00"))
    assert await desk.ask(m.NextOpen()) == sec("09:30")
    await desk.offer("long", 60)
    assert await desk.ask(m.NextOpen()) == sec("10:00")


def test_helpers_of_stories_and_desks_speak_of_the_same_morning() -> None:
    assert open_for("09:00-12:00")[0].window.weekday == MONDAY.weekday()  # type: ignore[union-attr]
    assert sec("24:00") == sec("Tue 00:00")
