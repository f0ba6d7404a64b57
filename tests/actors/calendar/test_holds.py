"""Taking, keeping, confirming and letting go of a time: moments, limits, caps and who must say why."""

import pytest

from actors.calendar import messages as m
from actors.calendar.openness import is_outside_hours, last_day, standings, today
from actors.calendar.rules import decide, lapse, possible_actions
from actors.calendar.state import Status
from actors.command import PATIENT, SYSTEM, By
from actors.refusals import (
    HoldLapsed,
    Invalid,
    NotFound,
    ReasonRequired,
    SlotUnavailable,
    TooLate,
    TooManyHolds,
    TransitionInvalid,
)
from tests.actors.calendar.given import (
    CLINICIAN,
    STAFF,
    SUPPORT,
    TERMS,
    booked,
    cancel,
    confirm,
    confirmed,
    given,
    held,
    hold,
    hours,
    ms,
    open_for,
    row,
    sec,
)

EXTEND = m.ExtendHold(by=PATIENT, appointment="a")
RELEASE = m.ReleaseHold(by=PATIENT, appointment="a")


# Placing


def test_a_hold_says_all_that_is_promised() -> None:
    story = given(open_for("09:00-12:00", buffer_minutes=10)).at("08:00")
    story.when(hold("10:20", visit_type="half", partner="p1", session="s", address="ip", anonymous=True)).then(
        m.HoldPlaced(
            appointment="new",
            number=1,
            reference="K7-49Q",
            visit_type="half",
            start=sec("10:20"),
            end=sec("10:50"),
            timezone="Europe/Berlin",
            wall_start="2027-03-01T10:20",
            buffer_seconds=600,
            expires_at=sec("08:15"),
            partner="p1",
            anonymous=True,
            session="s",
            address="ip",
            by=PATIENT,
        )
    )


@pytest.mark.parametrize(
    ("now", "deadline"),
    [("08:00", "08:15"), ("08:00:00.001", "08:15:01"), ("08:00:00.999", "08:15:01"), ("08:00:01", "08:15:01")],
)
def test_the_deadline_is_rounded_up_to_the_second(now: str, deadline: str) -> None:
    assert given().at(now).when(hold("10:00")).appointment("new").expires_at == sec(deadline)


def test_a_second_hold_on_the_same_start_is_refused() -> None:
    given(held("a", "10:00")).when(hold("10:00")).refused(SlotUnavailable)


def test_a_confirmed_start_is_refused() -> None:
    given(booked("a", "10:00")).when(hold("10:00")).refused(SlotUnavailable)


RELEASED, CANCELLED = m.HoldExpired("a", "released", PATIENT), m.AppointmentCancelled("a", None, None, STAFF)


@pytest.mark.parametrize("ending", [RELEASED, CANCELLED])
def test_a_start_that_was_let_go_can_be_held_again(ending: m.Event) -> None:
    given(held("a", "10:00"), ending).when(hold("10:00")).then(m.HoldPlaced)


def test_a_lapsed_hold_is_in_nobodys_way_although_no_timer_ran() -> None:
    story = given(held("a", "10:00", until="08:00"))
    story.at("07:59:59.999").when(hold("10:00")).refused(SlotUnavailable)
    story.at("08:00").when(hold("10:00")).then(m.HoldPlaced)


@pytest.mark.parametrize("start", ["08:30", "08:45", "09:15", "12:00", "Tue 09:00"])
def test_a_start_that_no_window_makes_is_refused(start: str) -> None:
    given(notice_seconds=0).when(hold(start)).refused(SlotUnavailable)


@pytest.mark.parametrize("start", ["-7 09:00", "09:00"])
def test_the_past_cannot_be_held(start: str) -> None:
    given(notice_seconds=0).at("09:00:00.001").when(hold(start)).refused(SlotUnavailable)


def test_the_last_slot_ends_with_the_window() -> None:
    story = given(open_for("09:00-10:45"))
    story.when(hold("10:00")).then(m.HoldPlaced)
    story.when(hold("10:30", "b")).refused(SlotUnavailable)


def test_the_hours_of_a_paused_or_removed_window_are_closed() -> None:
    given(open_for("09:00-12:00", active=False)).when(hold("10:00")).refused(SlotUnavailable)
    removed = m.WindowRemoved(hours(name="Mon 09:00-12:00"), STAFF)
    given(open_for("09:00-12:00"), removed).when(hold("10:00")).refused(SlotUnavailable)


@pytest.mark.parametrize("start", [-(2**62), -(10**11), 0, 253_402_300_799, 10**15, 2**62])
def test_a_start_outside_every_calendar_is_unavailable_and_no_defect(start: int) -> None:
    given().when(hold(start)).refused(SlotUnavailable)


def test_minimum_notice_is_kept_to_the_millisecond() -> None:
    given().at("09:30").when(hold("10:00")).then(m.HoldPlaced)
    given().at("09:30:00.001").when(hold("10:00")).refused(SlotUnavailable)


@pytest.mark.parametrize("by", [STAFF, CLINICIAN, SUPPORT, By("admin")])
def test_staff_take_walk_ins_up_to_the_start_but_not_after(by: By) -> None:
    given().at("10:00").when(hold("10:00", by=by)).then(m.HoldPlaced)
    given().at("10:00:00.001").when(hold("10:00", by=by)).refused(SlotUnavailable)
    given().at("09:59").when(hold("10:10", by=by)).refused(SlotUnavailable)


@pytest.mark.parametrize("by", [PATIENT, By("partner", "p1")])
def test_partners_and_patients_keep_the_notice(by: By) -> None:
    given().at("09:45").when(hold("10:00", by=by)).refused(SlotUnavailable)


def test_the_horizon_counts_local_days_today_included() -> None:
    story = given(horizon_days=14)
    story.at("-1 23:59:59.999").when(hold("14 09:00")).refused(SlotUnavailable)
    story.at("00:00").when(hold("14 09:00")).then(m.HoldPlaced)
    given(horizon_days=0).at("06:00").when(hold("10:00")).then(m.HoldPlaced)
    given(horizon_days=6).at("06:00").when(hold("7 10:00")).refused(SlotUnavailable)


def test_staff_do_not_see_beyond_the_horizon() -> None:
    given(horizon_days=6).at("06:00").when(hold("7 10:00", by=STAFF)).refused(SlotUnavailable)


def test_a_visit_type_that_is_not_offered_is_refused_at_its_field() -> None:
    given().when(hold("10:00", visit_type="dancing")).faults("/visit_type")
    some = m.CalendarOpened(row(visit_types=["half"], adopted=TERMS.offering({"half": 30}, None).shaping()), STAFF)
    given(some).when(hold("10:00", visit_type="long")).faults("/visit_type")
    given(some).when(hold("10:00", visit_type="half")).then(m.HoldPlaced)


def test_the_visit_type_decides_the_length_and_the_grid() -> None:
    assert given().when(hold("10:00", visit_type="long")).appointment("new").end == sec("11:00")
    assert given().when(hold("10:15", visit_type="short")).appointment("new").end == sec("10:30")
    given().when(hold("10:30", visit_type="long")).refused(SlotUnavailable)
    own = open_for("09:00-12:00", slot_minutes=45)
    assert given(own).when(hold("09:45")).appointment("new").end == sec("10:30")
    assert given(own).when(hold("09:30", visit_type="half")).appointment("new").end == sec("10:00")


@pytest.mark.parametrize("zone", ["America/Nuuk", "America/Santiago", "Africa/Cairo", "Europe/Berlin", "Asia/Beirut"])
def test_every_start_that_is_shown_as_open_can_be_held_and_stands_within_hours(zone: str) -> None:
    evenings = [*open_for("00:00-01:30", "02:00-03:20", "22:00-23:30", day="Sat"), *open_for("00:00-02:20", day="Sun")]
    evenings += [*open_for("22:10-23:40", day="Thu"), *open_for("00:00-02:20", day="Fri")]
    for begin in ("20 09:00", "48 09:00", "180 09:00", "30 09:00"):
        story = given(evenings, notice_seconds=0).when(m.ChangeCalendar(by=STAFF, changes={"timezone": zone})).at(begin)
        first, last = today(story.state, story.now_ms), last_day(story.state, story.now_ms)
        shown = [slot.start for slot, how in standings(story.state, None, first, last, story.now_ms) if how == "open"]
        assert len(shown) == len(set(shown)) > 10
        for start in shown:
            story.when(hold(start, name=str(start))).then(m.HoldPlaced)
            assert not is_outside_hours(story.state, story.appointment(str(start)))


# Intervals


@pytest.mark.parametrize("buffer", [0, 5, 10, 30])
@pytest.mark.parametrize("other", ["08:40", "09:20", "09:50", "09:55", "10:00", "10:10", "10:29", "10:30", "11:00"])
@pytest.mark.parametrize("minutes", [5, 30, 60])
def test_a_conflict_is_judged_by_interval_with_the_buffer_of_the_new_slots_window(
    buffer: int, other: str, minutes: int
) -> None:
    window = open_for("10:00-11:00", buffer_minutes=buffer)
    story = given(window, booked("a", other, minutes)).at("08:00").when(hold("10:00"))
    s, e, b = sec("10:00"), sec("10:30"), buffer * 60
    s2, e2 = sec(other), sec(other) + minutes * 60
    if s < e2 + b and s2 < e + b:
        story.refused(SlotUnavailable)
    else:
        story.then(m.HoldPlaced)


def test_touching_intervals_do_not_conflict_without_a_buffer() -> None:
    story = given(booked("a", "09:30"), booked("b", "10:30"))
    story.when(hold("10:00")).then(m.HoldPlaced)


def test_a_long_visit_over_midnight_is_seen_the_next_day() -> None:
    windows = [*open_for("16:00-24:00"), *open_for("00:00-08:00", day="Tue")]
    story = given(windows, booked("a", "23:45", 60))
    story.when(hold("Tue 00:30")).refused(SlotUnavailable)
    story.when(hold("Tue 01:00")).then(m.HoldPlaced)


def test_the_longest_visit_is_seen_from_its_last_minute() -> None:
    story = given(open_for("00:00-24:00"), booked("a", "04:00", 480))
    story.when(hold("11:30")).refused(SlotUnavailable)
    story.when(hold("12:00")).then(m.HoldPlaced)


# One hold of a session


def test_a_replaced_hold_is_let_go_in_the_same_step_and_before_the_new_one() -> None:
    story = given(held("a", "09:30")).when(hold("11:00", replaces="a"))
    story.then(m.HoldExpired("a", "released", PATIENT), m.HoldPlaced)
    assert story.appointment("a").status is Status.EXPIRED


def test_the_old_interval_of_a_replaced_hold_is_not_in_the_way() -> None:
    given(held("a", "09:30")).when(hold("09:30", visit_type="short", replaces="a")).then(m.HoldExpired, m.HoldPlaced)


def test_when_the_new_one_fails_the_old_one_stays() -> None:
    story = given(held("a", "09:30"), booked("b", "11:00")).when(hold("11:00", replaces="a")).refused(SlotUnavailable)
    assert story.appointment("a").status is Status.HELD


def test_a_replaced_hold_that_ended_meanwhile_is_ignored() -> None:
    ended = m.HoldExpired("a", "timeout", SYSTEM)
    given(held("a", "09:30"), ended).when(hold("11:00", replaces="a")).then(m.HoldPlaced)
    given().when(hold("11:00", replaces="never seen")).then(m.HoldPlaced)


def test_what_became_an_appointment_meanwhile_is_neither_replaced_nor_overlapped() -> None:
    given(booked("a", "09:30")).when(hold("11:00", replaces="a")).then(m.HoldPlaced)
    given(booked("a", "09:30")).when(hold("09:30", replaces="a")).refused(SlotUnavailable)


# The share of anonymous holds


def _anonymous(*starts: str) -> list[m.Event]:
    return [held(f"h{start}", start, anonymous=True, until=f"08:{10 + place}") for place, start in enumerate(starts)]


def _wish(at: str, **more: object) -> m.PlaceHold:
    return hold(at, anonymous=True, **more)  # type: ignore[arg-type]


def test_three_anonymous_holds_a_day_are_never_too_many() -> None:
    small = open_for("09:00-10:30")
    given(small, _anonymous("09:00", "09:30")).when(_wish("10:00")).then(m.HoldPlaced)


def test_at_most_half_of_a_day_is_in_anonymous_holds() -> None:
    eight = open_for("09:00-13:00")
    story = given(eight, _anonymous("09:00", "09:30", "10:00")).when(_wish("11:00")).then(m.HoldPlaced)
    story.when(_wish("11:30", name="b")).refused(TooManyHolds, until=sec("08:10"))


def test_confirmed_starts_do_not_count_as_what_could_be_held() -> None:
    ten = open_for("09:00-14:00")
    taken = [*booked("x", "12:00"), *booked("y", "12:30"), *booked("z", "13:00")]
    story = given(ten, taken, _anonymous("09:00", "09:30", "10:00"))
    story.when(_wish("11:00")).refused(TooManyHolds)  # seven are open or so held
    given(ten, _anonymous("09:00", "09:30", "10:00")).when(_wish("11:00")).then(m.HoldPlaced)


def test_the_share_counts_the_local_day_only() -> None:
    days = [*open_for("09:00-10:30"), *open_for("09:00-10:30", day="Tue")]
    given(days, _anonymous("09:00", "09:30", "10:00")).when(_wish("Tue 09:00")).then(m.HoldPlaced)


def test_lapsed_and_named_holds_do_not_count() -> None:
    four, windows = open_for("09:00-11:00"), open_for("09:00-12:00")
    lapsed = [held(f"l{start}", start, anonymous=True, until="08:00") for start in ("09:00", "09:30", "10:00")]
    given(four, lapsed).at("07:59:59.999").when(_wish("10:30")).refused(TooManyHolds)
    given(four, lapsed).at("08:00").when(_wish("10:30")).then(m.HoldPlaced)
    known = [held(f"k{start}", start) for start in ("09:00", "09:30", "10:00")]
    given(windows, known).when(_wish("11:00")).then(m.HoldPlaced)
    bought = [*_anonymous("09:00", "09:30", "10:00"), confirmed("h09:00")]
    given(windows, bought).when(_wish("11:00")).then(m.HoldPlaced)


def test_staff_and_switched_off_limits_know_no_share() -> None:
    full = [*open_for("09:00-12:00"), *_anonymous("09:00", "09:30", "10:00", "10:30")]
    given(full).when(hold("11:00", by=STAFF)).then(m.HoldPlaced)
    given(full).when(_wish("11:00", capped=False)).then(m.HoldPlaced)
    given(full).when(_wish("11:00")).refused(TooManyHolds)


def test_who_moves_a_hold_within_the_day_adds_none() -> None:
    eight = [*open_for("09:00-13:00"), *_anonymous("09:00", "09:30", "10:00", "10:30")]
    given(eight).when(_wish("12:00", replaces="h10:30")).then(m.HoldExpired, m.HoldPlaced)
    given(eight).when(_wish("12:00")).refused(TooManyHolds)


def test_a_taken_start_is_taken_before_it_is_too_many() -> None:
    full = [*open_for("09:00-12:00"), *_anonymous("09:00", "09:30", "10:00")]
    given(full).when(_wish("09:00")).refused(SlotUnavailable)


# Deadlines


@pytest.mark.parametrize("command", [EXTEND, confirm("a")], ids=["extend", "confirm"])
def test_a_hold_is_over_at_its_deadline_and_not_a_millisecond_before(command: m.Command) -> None:
    story = given(held("a", "10:00", until="08:15"))
    assert story.at("08:14:59.999").when(command).events
    given(held("a", "10:00", until="08:15")).at("08:15").when(command).refused(HoldLapsed, start=sec("10:00"))


def test_an_extended_hold_ends_later_and_nothing_ends_it_before() -> None:
    story = given(held("a", "10:00", until="08:15")).at("08:14").when(EXTEND)
    story.then(m.HoldExtended("a", sec("08:20"), PATIENT))
    assert lapse(story.state, ms("08:19:59.999")) == []
    assert lapse(story.state, ms("08:20")) == [m.HoldExpired("a", "timeout", SYSTEM)]


def test_a_hold_can_be_extended_ten_times() -> None:
    story = given(held("a", "11:00", until="08:15")).at("08:10")
    for _ in range(10):
        story.when(EXTEND).then(m.HoldExtended)
    story.when(EXTEND).refused(TransitionInvalid, status="held", action="extend")
    assert story.appointment().expires_at == sec("09:05")
    assert "extend" not in possible_actions(story.appointment(), False, story.state.terms, story.now_ms)


def test_the_clinic_may_allow_fewer_and_other_extensions() -> None:
    given(held("a", "11:00"), extensions=0).when(EXTEND).refused(TransitionInvalid)
    story = given(held("a", "11:00", until="08:15"), extension_seconds=60).when(EXTEND)
    assert story.appointment().expires_at == sec("08:16")


def test_who_comes_too_late_hears_whether_the_start_is_still_open() -> None:
    story = given(held("a", "10:00", until="08:15")).at("08:20")
    story.when(confirm("a")).refused(HoldLapsed, slot_open=True)
    story.when(hold("10:00", "b")).then(m.HoldPlaced)
    story.when(confirm("a")).refused(HoldLapsed, slot_open=False)
    given(held("a", "10:00", until="09:40")).at("09:40").when(confirm("a")).refused(HoldLapsed, slot_open=False)


def test_all_that_is_due_lapses_soonest_first() -> None:
    late, early = held("late", "09:00", until="08:20"), held("early", "09:30", until="08:10")
    story = given(late, early, held("later", "10:00", until="08:30"))
    assert [event.appointment for event in lapse(story.state, ms("08:20"))] == ["early", "late"]  # type: ignore[union-attr]
    assert lapse(story.state, ms("08:09:59.999")) == []


def test_a_release_after_the_deadline_is_a_timeout() -> None:
    short = held("a", "10:00", until="08:15")
    given(short).at("08:14:59.999").when(RELEASE).then(m.HoldExpired("a", "released", PATIENT))
    given(short).at("08:15").when(RELEASE).then(m.HoldExpired("a", "timeout", PATIENT))


# Confirming


def test_a_second_confirm_is_the_same_and_its_data_are_ignored() -> None:
    story = given(held("a", "10:00")).when(confirm("a")).then(confirmed("a"))
    other = m.Patient("p2", b"s", "Somebody Else", None, "1")
    story.at("23:30").when(confirm("a", patient=other)).nothing()
    assert story.appointment().patient == "p-anna"


def test_a_confirmed_one_has_no_deadline_and_never_lapses() -> None:
    story = given(held("a", "10:00", until="08:15")).at("08:10").when(confirm("a"))
    assert story.appointment().expires_at is None
    assert story.state.next_expiry() is None
    assert lapse(story.state, ms("12:00")) == []
    assert story.appointment().address is None


def test_texts_and_for_other_stand_on_the_appointment() -> None:
    note, needs = m.Sealed("n1", "note", b"s", "knee"), m.Sealed("x1", "access_needs", b"s", "[]")
    found = given(held("a", "10:00")).when(confirm("a", note=note, access_needs=needs, for_other=True)).appointment()
    assert (found.note, found.access_needs, found.for_other) == ("n1", "x1", 1)


# Cancelling


@pytest.mark.parametrize("kind", ["staff", "clinician", "support", "admin"])
@pytest.mark.parametrize("status", ["held", "confirmed"])
def test_who_works_here_must_say_why(kind: str, status: str) -> None:
    by = By(kind, "u1")
    story = given(held("a", "10:00") if status == "held" else booked("a", "10:00"))
    story.when(cancel("a", by=by)).refused(ReasonRequired)
    story.when(cancel("a", " \n\t", by=by)).refused(ReasonRequired)
    story.when(cancel("a", "ill", by=by)).then(m.AppointmentCancelled)
    assert (story.appointment().cancelled_by, story.appointment().reason) == (kind, "t1")


@pytest.mark.parametrize("by", [PATIENT, By("partner", "p1"), SYSTEM])
def test_others_need_not_say_why(by: By) -> None:
    given(booked("a", "10:00")).when(cancel("a", by=by)).then(m.AppointmentCancelled)


def test_a_reason_is_asked_for_before_the_state_is_judged() -> None:
    given(booked("a", "10:00"), m.AppointmentCancelled("a", None, None, PATIENT)).when(cancel("a", by=STAFF)).refused(
        ReasonRequired
    )


def test_a_patient_cancels_up_to_the_notice_included() -> None:
    given(booked("a", "10:00"), cancel_notice_seconds=3600).at("09:00").when(cancel("a")).then(m.AppointmentCancelled)
    late = given(booked("a", "10:00"), cancel_notice_seconds=3600).at("09:00:00.001")
    late.when(cancel("a")).refused(TooLate, until=sec("09:00"))
    assert possible_actions(late.appointment(), False, late.state.terms, late.now_ms) == []
    late.when(cancel("a", "ill", by=CLINICIAN)).then(m.AppointmentCancelled)


def test_without_a_notice_a_patient_cancels_until_the_start() -> None:
    given(booked("a", "10:00")).at("10:00").when(cancel("a")).then(m.AppointmentCancelled)
    given(booked("a", "10:00")).at("10:00:00.001").when(cancel("a")).refused(TooLate)


def test_a_hold_is_cancelled_without_regard_to_the_notice() -> None:
    given(held("a", "10:00"), cancel_notice_seconds=86_400).at("09:59").when(cancel("a")).then(m.AppointmentCancelled)


def test_a_staff_note_is_kept_apart_from_the_reason() -> None:
    note = m.Sealed("n9", "staff_note", b"s", "again")
    found = given(booked("a", "10:00")).when(cancel("a", "ill", by=STAFF, staff_note=note)).appointment()
    assert (found.reason, found.staff_note) == ("t1", "n9")


# Closing


def test_a_visit_is_completed_from_its_start_on() -> None:
    command = m.Complete(by=CLINICIAN, appointment="a")
    early = given(booked("a", "10:00")).at("09:59:59.999").when(command)
    early.refused(TransitionInvalid, status="confirmed", action="complete", possible_from=sec("10:00"))
    early.at("10:00").when(command).then(m.AppointmentClosed("a", "completed", CLINICIAN))


def test_nobody_stayed_away_before_the_join_window_is_over() -> None:
    command = m.MarkNoShow(by=STAFF, appointment="a")
    story = given(booked("a", "10:00")).at("11:30:00.999").when(command)  # 10:30 and an hour, its last second included
    story.refused(TransitionInvalid, action="no-show", possible_from=sec("11:30") + 1)
    story.at("11:30:01").when(command).then(m.AppointmentClosed("a", "no_show", STAFF))


# What may be done now


def test_the_actions_that_are_offered_are_those_that_would_not_be_refused() -> None:
    commands = {"extend": EXTEND, "release": RELEASE, "confirm": confirm("a"), "cancel": cancel("a")}
    stories = {"held": held("a", "10:00", until="09:50"), "confirmed": booked("a", "10:00")}
    for status, events in stories.items():
        for now in ("08:00", "09:49:59.999", "09:50", "10:00", "10:00:00.001"):
            state = given(events).state
            offered = possible_actions(state.live["a"], False, state.terms, ms(now))
            for name, command in commands.items():
                story = given(events).at(now).when(command)
                lapsed = story.state.live.get("a") is None or given(events).state.live["a"].has_lapsed(ms(now))
                would = bool(story.events) and not (status == "held" and lapsed and now >= "09:50")
                assert (name in offered) == would, (status, now, name)


def test_a_calendar_that_nobody_opened_is_not_found() -> None:
    state = given().state
    state.clinician = {}
    with pytest.raises(NotFound):
        decide(state, hold("10:00"), ms("08:00"))


def test_a_calendar_is_opened_once() -> None:
    given().when(m.OpenCalendar(by=STAFF, row=row())).refused(Invalid)
