"""Starts from weekly hours, held against a slow reference over zones and their changes of clocks."""

import os
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.calendar.availability import Slot, Window, Zone, day_slots
from tests.actors.calendar import reference

BERLIN = Zone("Europe/Berlin")
ALL_ZONES = sorted(available_timezones() - {"localtime", "Factory"})
# Half an hour of summer time; a quarter of an hour off; changes at midnight; a month of its own; over the date line.
ODD_ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]
ODD_ZONES += ["Africa/Casablanca", "America/Santiago", "Pacific/Apia", "America/Havana", "Africa/Cairo", "Asia/Beirut"]
ODD_ZONES += ["America/Nuuk", "Atlantic/Azores", "America/St_Johns", "Antarctica/Troll", "Pacific/Chatham", "UTC"]
SWEEP = os.environ.get("SWEEP") == "all"  # every zone and every day of a year: some minutes
YEAR = [date(2027, 1, 1) + timedelta(days=place) for place in range(365)]


@cache
def zone_of(name: str) -> Zone:
    return Zone(name)


@cache
def change_days(name: str) -> tuple[date, ...]:
    """Days of 2026 to 2029 on which clocks change, and those around them."""
    zone, begin = ZoneInfo(name), datetime(2026, 1, 1, tzinfo=UTC)
    noons = [begin + timedelta(days=place) for place in range(3 * 365)]
    changes = [b for a, b in pairwise(noons) if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset()]
    return tuple(change.date() + timedelta(days=around) for change in changes for around in (-2, -1, 0, 1))


def every_day(first: int, last: int, **more: int) -> list[Window]:
    return [Window(f"w{day}", day, first, last, **more) for day in range(7)]


def counted(zone: str, day: date, first: int, last: int, minutes: int = 30) -> int:
    return len(day_slots(Zone(zone), every_day(first, last), day, minutes, 30))


def both(zone: str, windows: list[Window], day: date, minutes: int | None) -> None:
    found = day_slots(zone_of(zone), windows, day, minutes, 30)
    assert [(slot.start, slot.end, slot.buffer) for slot in found] == reference.slots(zone, windows, day, minutes, 30)


@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2027, 3, 28), 4), (date(2027, 10, 31), 8), (date(2027, 3, 27), 6), (date(2027, 3, 29), 6)],
)
def test_berlin_has_four_eight_or_six_slots_in_the_night_of_the_change(day: date, count: int) -> None:
    assert counted("Europe/Berlin", day, 60, 240) == count


def test_berlin_has_six_slots_on_every_other_day() -> None:
    changes = (date(2027, 3, 28), date(2027, 10, 31))
    assert {counted("Europe/Berlin", day, 60, 240) for day in YEAR if day not in changes} == {6}


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        ("America/New_York", date(2027, 3, 14), 4),
        ("America/New_York", date(2027, 11, 7), 8),
        ("Australia/Lord_Howe", date(2027, 10, 3), 5),  # half an hour is missing
        ("Australia/Lord_Howe", date(2027, 4, 4), 7),
        ("Asia/Kathmandu", date(2027, 3, 28), 6),
        ("America/Sao_Paulo", date(2027, 10, 17), 6),  # no summer time any more
        ("Pacific/Apia", date(2027, 3, 28), 6),
    ],
)
def test_other_zones_change_in_their_own_way(zone: str, day: date, count: int) -> None:
    assert counted(zone, day, 60, 240) == count


def test_a_day_that_begins_in_a_gap_begins_when_it_begins() -> None:
    day = date(2027, 9, 5)  # in Santiago midnight is followed by one o'clock
    found = day_slots(Zone("America/Santiago"), every_day(0, 180), day, 30, 30)
    assert found[0].start == round(datetime(2027, 9, 5, 4, tzinfo=UTC).timestamp())
    assert len(found) == 4


def test_a_night_with_a_repeated_hour_before_midnight_has_one_more() -> None:
    saturday = date(2027, 4, 3)  # in Santiago 24:00 is followed by 23:00
    assert counted("America/Santiago", saturday, 22 * 60, 1440) == 6
    assert counted("America/Santiago", saturday + timedelta(days=1), 0, 120) == 4


def test_in_a_gap_the_offset_before_it_counts() -> None:
    day = date(2027, 3, 28)
    assert BERLIN.instant(day, 150) == BERLIN.instant(day, 180) + 1800  # 02:30 that never was is 03:30
    assert BERLIN.instant(day, 120) == BERLIN.instant(day, 180)


def test_of_a_repeated_hour_the_first_counts() -> None:
    day = date(2027, 10, 31)
    assert BERLIN.instant(day, 180) - BERLIN.instant(day, 150) == 5400


def test_minute_1440_is_midnight_of_the_next_date() -> None:
    for name in ODD_ZONES:
        zone = Zone(name)
        for day in YEAR:
            assert zone.instant(day, 1440) == zone.instant(day + timedelta(days=1), 0)


def test_slots_are_stepped_by_length_and_buffer_and_end_within_the_window() -> None:
    found = day_slots(BERLIN, [Window("w", 0, 540, 660, 25, 10)], date(2027, 3, 1), None, 30)
    nine = BERLIN.instant(date(2027, 3, 1), 540)
    assert found == [Slot(nine + place * 2100, nine + place * 2100 + 1500, 600) for place in range(3)]


def test_the_visit_type_comes_before_the_window_and_the_window_before_the_clinician() -> None:
    day, window = date(2027, 3, 1), Window("w", 0, 540, 660, 20)
    assert len(day_slots(BERLIN, [window], day, 60, 30)) == 2
    assert len(day_slots(BERLIN, [window], day, None, 30)) == 6
    assert len(day_slots(BERLIN, [Window("w", 0, 540, 660)], day, None, 30)) == 4


def test_slots_of_several_windows_come_in_order() -> None:
    windows = [Window("b", 0, 840, 900), Window("a", 0, 540, 600)]
    starts = [slot.start for slot in day_slots(BERLIN, windows, date(2027, 3, 1), 30, 30)]
    assert starts == sorted(starts)
    assert len(starts) == 4


def test_wall_time_is_what_the_clock_on_the_wall_shows() -> None:
    assert BERLIN.wall(BERLIN.instant(date(2027, 3, 28), 150)) == "2027-03-28T03:30"
    assert Zone("Asia/Kathmandu").wall(1_803_888_000) == "2027-03-01T13:45"


WINDOWS = st.builds(
    lambda first, span, slot, buffer, weekday: Window("w", weekday, first, min(1440, first + span), slot, buffer),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.none() | st.integers(1, 480),
    st.integers(0, 90),
    st.integers(0, 6),
)


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.sampled_from(ODD_ZONES), WINDOWS, st.none() | st.integers(5, 480), st.integers(0, 10**6))
def test_slots_equal_the_reference_around_changes_of_clocks(
    zone: str, window: Window, minutes: int | None, pick: int
) -> None:
    days = change_days(zone) or tuple(YEAR)
    day = days[pick % len(days)]
    both(zone, [Window("w", day.weekday(), *_span(window), window.slot_minutes, window.buffer_minutes)], day, minutes)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(zone=st.sampled_from(ALL_ZONES), window=WINDOWS, day=st.dates(date(2000, 1, 1), date(2060, 1, 1)))
def test_slots_equal_the_reference_on_any_day_of_any_zone(zone: str, window: Window, day: date) -> None:
    both(zone, [window], day, None)


@settings(max_examples=700, derandomize=True, database=None, deadline=None)
@given(zone=st.sampled_from(ALL_ZONES), at=st.integers(0, 4_102_444_800))
def test_the_local_date_of_any_instant_is_zoneinfos(zone: str, at: int) -> None:
    assert zone_of(zone).day_of(at) == reference.local_date(zone, at)


@pytest.mark.parametrize("zone", ALL_ZONES if SWEEP else ODD_ZONES)
def test_around_every_midnight_and_change_of_a_year_the_local_date_is_zoneinfos(zone: str) -> None:
    found = Zone(zone)
    for day in YEAR if SWEEP else sorted({*YEAR[::30], *change_days(zone)}):
        midnight = found.midnight(day.toordinal())
        for at in (midnight - 1, midnight, midnight + 1, midnight + 3600, midnight - 3600, midnight + 43_200):
            assert found.day_of(at) == reference.local_date(zone, at), (zone, at)


@pytest.mark.parametrize("zone", ALL_ZONES if SWEEP else random.Random(5).sample(ALL_ZONES, 25))
def test_a_year_of_slots_equals_the_reference(zone: str) -> None:
    windows = [*every_day(0, 300, buffer_minutes=5), *every_day(1290, 1440)]
    for day in YEAR if SWEEP else sorted({*YEAR[::20], *change_days(zone)}):
        both(zone, windows, day, 30)


def _span(window: Window) -> tuple[int, int]:
    return window.start_minute, window.end_minute
