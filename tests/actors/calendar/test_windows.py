"""Weekly hours: what is refused at which field, and that no change of hours touches a booking."""

from dataclasses import fields, replace
from datetime import date
from itertools import product

import pytest

from actors.calendar import messages as m
from actors.calendar.availability import Window
from actors.calendar.evolve import apply
from actors.calendar.ledger import clinician_record
from actors.calendar.openness import is_outside_hours
from actors.calendar.rules import decide
from actors.calendar.state import Status, calendar_from
from actors.calendar.turn import Turn
from actors.refusals import NotFound, SlotUnavailable
from tests.actors.calendar.given import (
    PATIENT,
    STAFF,
    TERMS,
    Story,
    booked,
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

MORNING = hours("09:00-12:00")


def add(story: Story, window: Window) -> Story:
    return story.when(m.AddWindow(by=STAFF, window=window))


def change(story: Story, window: Window) -> Story:
    changes = {field.name: getattr(window, field.name) for field in fields(window) if field.name != "id"}
    return story.when(m.ChangeWindow(by=STAFF, window=window.id, changes=changes))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"start_minute": -1}, "/start_minute"),
        ({"start_minute": 1440, "end_minute": 1440}, "/start_minute /end_minute"),
        ({"end_minute": 1441}, "/end_minute"),
        ({"end_minute": 0}, "/end_minute"),
        ({"start_minute": 600, "end_minute": 600}, "/end_minute"),
        ({"start_minute": 1320, "end_minute": 360}, "/end_minute"),
        ({"slot_minutes": 0}, "/slot_minutes"),
        ({"slot_minutes": 481}, "/slot_minutes"),
        ({"buffer_minutes": -1}, "/buffer_minutes"),
        ({"buffer_minutes": 180}, "/buffer_minutes"),
        ({"buffer_minutes": 100_000}, "/buffer_minutes"),
        ({"valid_from": date(2027, 3, 2), "valid_until": date(2027, 3, 1)}, "/valid_until"),
        ({"start_minute": -5, "slot_minutes": 0, "buffer_minutes": -1}, "/start_minute /slot_minutes /buffer_minutes"),
    ],
)
def test_a_wrong_window_is_refused_with_every_fault_at_its_field(changes: dict[str, object], pointer: str) -> None:
    window = replace(hours("09:00-12:00", name="new", day="Tue"), **changes)  # type: ignore[arg-type]
    add(given(), window).faults(*pointer.split())
    present = open_for("09:00-12:00", day="Tue")
    change(given(present), replace(window, id="Tue 09:00-12:00")).faults(*pointer.split())


@pytest.mark.parametrize("span", ["00:00-24:00", "00:00-00:01", "23:59-24:00"])
def test_a_window_reaches_from_midnight_to_midnight(span: str) -> None:
    add(given(), hours(span, name="new", day="Tue")).then(m.WindowAdded)


@pytest.mark.parametrize("changes", [{"slot_minutes": 480}, {"slot_minutes": 1}, {"buffer_minutes": 179}])
def test_the_last_allowed_values_are_allowed(changes: dict[str, int]) -> None:
    add(given(), hours(name="new", day="Tue", **changes)).then(m.WindowAdded)


def test_a_buffer_nearly_as_long_as_the_window_leaves_one_start() -> None:
    story = given(open_for("09:00-12:00", buffer_minutes=179))
    story.when(hold("09:00")).then(m.HoldPlaced)
    assert len(story.state.grid(date(2027, 3, 1), None)) == 1


SPANS = [("08:00-09:00", False), ("12:00-13:00", False), ("08:00-09:01", True), ("11:59-13:00", True)]
SPANS += [("10:00-11:00", True), ("08:00-13:00", True), ("09:00-12:00", True)]


@pytest.mark.parametrize(("span", "overlaps"), SPANS)
def test_overlapping_windows_of_a_weekday_are_refused_at_the_start(span: str, overlaps: bool) -> None:
    story = add(given(), hours(span, name="new"))
    if overlaps:
        story.faults("/start_minute")
        add(given(open_for("09:00-12:00", active=False)), hours(span, name="new")).faults("/start_minute")
        add(given(), hours(span, name="new", active=False)).faults("/start_minute")
    else:
        story.then(m.WindowAdded(hours(span, name="new"), STAFF))


def test_other_weekdays_do_not_overlap() -> None:
    add(given(), hours("09:00-12:00", name="new", day="Tue")).then(m.WindowAdded)


def test_every_overlap_is_named_with_its_hours() -> None:
    story = add(given(open_for("09:00-10:00", "11:00-12:00")), hours("09:30-11:30", name="new"))
    story.faults("/start_minute", "/start_minute")
    assert "09:00-10:00" in story.refusal.faults[0][1]  # type: ignore[union-attr]


EDGES = [None, date(2027, 3, 1), date(2027, 3, 3), date(2027, 3, 8), date(2027, 3, 9)]
VALIDITIES = [(a, b) for a, b in product(EDGES, EDGES) if a is None or b is None or a <= b]


@pytest.mark.parametrize("mine", VALIDITIES)
def test_windows_overlap_only_where_some_monday_is_in_both_validities(mine: tuple[date | None, date | None]) -> None:
    for other in VALIDITIES:
        window = open_for("09:00-12:00", valid_from=mine[0], valid_until=mine[1])
        story = add(given(window), hours(name="new", valid_from=other[0], valid_until=other[1]))
        first = max(mine[0] or date.min, other[0] or date.min)
        last = min(mine[1] or date.max, other[1] or date.max)
        mondays = (date(2027, 2, 22), date(2027, 3, 1), date(2027, 3, 8), date(2027, 3, 15))
        if any(first <= day <= last for day in mondays):
            story.faults("/start_minute")
        else:
            story.then(m.WindowAdded)


def test_validity_is_of_local_dates_both_included() -> None:
    story = given(open_for("09:00-12:00", valid_from=date(2027, 3, 8), valid_until=date(2027, 3, 8)))
    story.when(hold("10:00")).refused(SlotUnavailable)
    story.when(hold("7 10:00")).then(m.HoldPlaced)
    story.when(hold("14 10:00")).refused(SlotUnavailable)


def test_a_removed_window_is_in_nobodys_way() -> None:
    story = given().when(m.RemoveWindow(by=STAFF, window="morning")).then(m.WindowRemoved(MORNING, STAFF))
    add(story, hours("09:00-12:00", name="again")).then(m.WindowAdded)


def test_the_row_of_a_removed_window_stays_with_who_and_when() -> None:
    story = given().at("08:30").when(m.RemoveWindow(by=STAFF, window="morning"))
    kept = story.state.window_rows["morning"]
    assert (kept["removed_at_ms"], kept["removed_by"], kept["start_minute"]) == (story.now_ms, "key1", 540)


def test_a_window_that_is_gone_or_was_never_there_is_not_found() -> None:
    story = given().when(m.RemoveWindow(by=STAFF, window="morning"))
    story.when(m.RemoveWindow(by=STAFF, window="morning")).refused(NotFound)
    change(story, MORNING).refused(NotFound)
    story.when(m.RemoveWindow(by=STAFF, window="never")).refused(NotFound)


def test_a_change_that_changes_nothing_is_no_row() -> None:
    change(given(), MORNING).nothing()
    given().when(m.ChangeCalendar(by=STAFF, changes={"slot_minutes": 30})).nothing()


def test_a_window_does_not_overlap_itself() -> None:
    longer = replace(MORNING, end_minute=13 * 60)
    change(given(), longer).then(m.WindowChanged(MORNING, longer, STAFF))


def test_pausing_and_resuming_are_changes() -> None:
    paused = replace(MORNING, active=False)
    story = change(given(), paused).then(m.WindowChanged(MORNING, paused, STAFF))
    story.when(hold("10:00")).refused(SlotUnavailable)
    change(story, MORNING).then(m.WindowChanged)
    story.when(hold("10:00")).then(m.HoldPlaced)


EDITS = {
    "removed": m.RemoveWindow(by=STAFF, window="morning"),
    "paused": m.ChangeWindow(by=STAFF, window=MORNING.id, changes={"active": False}),
    "moved": m.ChangeWindow(by=STAFF, window=MORNING.id, changes={"weekday": 1}),
    "shortened": m.ChangeWindow(by=STAFF, window=MORNING.id, changes={"start_minute": 11 * 60}),
    "over": m.ChangeWindow(by=STAFF, window=MORNING.id, changes={"valid_until": date(2027, 2, 22)}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_editing_hours_moves_and_ends_nothing_and_flags_what_stands_outside(edit: str) -> None:
    story = given(booked("a", "10:00"), held("b", "10:30"))
    before = {name: story.appointment(name).record() for name in "ab"}
    assert not any(is_outside_hours(story.state, one) for one in story.state.live.values())
    assert len(story.when(EDITS[edit]).events) == 1
    assert {name: story.appointment(name).record() for name in "ab"} == before
    assert all(is_outside_hours(story.state, one) for one in story.state.live.values())
    story.when(m.ExtendHold(by=PATIENT, appointment="b")).then(m.HoldExtended)
    story.when(confirm("b")).then(confirmed("b"))
    assert story.appointment("b").status is Status.CONFIRMED
    story.when(hold("10:30")).refused(SlotUnavailable)


def test_a_kept_booking_still_occupies_its_time_in_new_hours() -> None:
    story = given(booked("a", "10:00")).when(EDITS["removed"])
    add(story, hours("10:15-11:45", name="new"))
    story.when(hold("10:15")).refused(SlotUnavailable)
    story.when(hold("10:45")).then(m.HoldPlaced)


def test_a_change_of_zone_moves_the_hours_and_no_booking() -> None:
    story = given(booked("a", "10:00")).when(m.ChangeCalendar(by=STAFF, changes={"timezone": "Europe/London"}))
    story.then(m.CalendarChanged({"timezone": "Europe/Berlin"}, {"timezone": "Europe/London"}, STAFF))
    assert story.appointment().start == sec("10:00")
    assert story.appointment().timezone == "Europe/Berlin"
    story.when(hold("09:00")).refused(SlotUnavailable)
    story.when(hold("11:00", name="new")).then(m.HoldPlaced)  # ten o'clock in London
    assert story.appointment("new").wall_start == "2027-03-01T10:00"


def test_the_offer_of_a_clinician_is_adopted_with_the_change() -> None:
    story = given().when(m.ChangeCalendar(by=STAFF, changes={"visit_types": ["long"]}))
    story.then(m.CalendarChanged, m.TermsAdopted)
    story.when(hold("10:00", visit_type="half")).faults("/visit_type")
    story.when(hold("10:00", visit_type="long")).then(m.HoldPlaced)


def test_a_loaded_calendar_keeps_the_terms_of_its_log_until_others_are_adopted() -> None:
    story = given()
    rows = {"clinicians": [clinician_record(story.state.clinician)], "windows": story.state.window_rows.values()}
    loaded = calendar_from("cal", replace(TERMS, notice_seconds=7200, hold_seconds=60), rows)
    assert (loaded.terms.notice_seconds, loaded.terms.hold_seconds) == (1800, 60)
    (adopted,) = decide(loaded, m.AdoptTerms(by=STAFF, terms=replace(TERMS, notice_seconds=7200)), story.now_ms)
    apply(loaded, adopted, story.now_ms)
    assert loaded.terms.notice_seconds == 7200


def test_starts_of_a_day_that_was_not_told_to_be_over_are_kept_in_mind() -> None:
    turn = Turn(given(open_for("21:00-24:00")).state, ms("24:00"), {None: ms("23:10")})
    turn.obey(m.RemoveWindow(by=STAFF, window="Mon 21:00-24:00"))
    assert turn.reshaped is not None
    assert sec("23:30") in turn.reshaped[None]


def test_an_opened_calendar_says_by_which_rules_it_was_opened() -> None:
    adopted = {"notice_seconds": 1, "horizon_days": 2, "visit_types": {}}
    story = given(m.CalendarOpened(row(adopted=adopted), STAFF))
    assert story.state.terms.notice_seconds == 1
    assert story.state.terms.horizon_days == 2
