"""Dates and times in words."""

from datetime import UTC, date, datetime

import pytest

from server.pages.when import Formats, fold, local_date

WHEN = Formats("en_GB")
WINTER = int(datetime(2026, 11, 24, 11, 20, tzinfo=UTC).timestamp())
SUMMER = int(datetime(2026, 7, 1, 8, 0, tzinfo=UTC).timestamp())


def test_times_and_days_read_as_people_write_them() -> None:
    assert WHEN.clock(WINTER, "Europe/London") == "11:20"
    assert WHEN.at_long(SUMMER, "Europe/London") == ("Wednesday 1 July", "09:00")
    assert WHEN.date_short(date(2026, 11, 24)) == "Tue 24 Nov"
    assert WHEN.date_plain(date(2026, 12, 11)) == "11 December"
    assert WHEN.weekday(date(2026, 11, 24)) == "Tuesday"
    assert WHEN.month_year(date(2026, 11, 24)) == "November 2026"


def test_the_year_is_told_only_when_it_is_another_one() -> None:
    assert WHEN.date_long(date(2026, 11, 24), date(2026, 1, 1)) == "Tuesday 24 November"
    assert WHEN.date_long(date(2027, 1, 4), date(2026, 12, 30)) == "Monday 4 January 2027"


@pytest.mark.parametrize(
    ("zone", "city", "name"),
    [
        ("Europe/London", "London", "GMT"),
        ("Europe/Berlin", "Berlin", "CET"),
        ("America/New_York", "New York", "GMT-5"),
        ("Asia/Kolkata", "Kolkata", "GMT+5:30"),
    ],
)
def test_a_zone_is_a_city_and_a_short_name_or_an_offset(zone: str, city: str, name: str) -> None:
    assert (WHEN.city(zone), WHEN.zone(zone, WINTER)) == (city, name)


def test_a_zone_changes_its_name_with_the_season() -> None:
    assert WHEN.zone("Europe/London", SUMMER) == "BST"


def test_the_date_is_the_zones_own() -> None:
    late = int(datetime(2026, 11, 24, 23, 30, tzinfo=UTC).timestamp())
    assert local_date(late, "Europe/Berlin") == date(2026, 11, 25)


def test_a_repeated_hour_has_two_passes() -> None:
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())
    assert [fold(first + hour * 3600, "Europe/London") for hour in (-1, 0, 1, 2)] == [0, 1, 2, 0]
