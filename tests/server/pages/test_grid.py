"""The grid of one day and the strip around it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from server.pages.grid import STRIP_DAYS, Grid, grid

LONDON = "Europe/London"


@dataclass(frozen=True)
class Start:
    start: int
    state: str = "open"


def at(day: int, hour: int, state: str = "open", minute: int = 0) -> Start:
    """A start in November 2026, when London is on GMT."""
    return Start(int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()), state)


def days(*numbers: int, state: str = "open") -> list[Start]:
    return [at(day, 9, state) for day in numbers]


def test_the_first_day_with_a_free_time_is_shown() -> None:
    shown = grid([*days(2, state="taken"), *days(3)], LONDON, None)
    assert shown.day == date(2026, 11, 3)
    assert shown.free == 1


def test_without_any_free_time_the_first_day_is_shown_and_nothing_is_bookable() -> None:
    shown = grid(days(2, 3, state="held"), LONDON, None)
    assert shown.day == date(2026, 11, 2)
    assert not shown.bookable


def test_a_wanted_day_without_times_gives_the_next_one_with_times() -> None:
    assert grid(days(2, 6), LONDON, date(2026, 11, 4)).day == date(2026, 11, 6)
    assert grid(days(2, 6), LONDON, date(2027, 1, 1)).day == date(2026, 11, 6)


def test_the_parts_of_the_day_divide_at_noon_and_at_five() -> None:
    shown = grid([at(2, 11, minute=59), at(2, 12), at(2, 16, minute=59), at(2, 17)], LONDON, None)
    assert [(group.key, len(group.cells)) for group in shown.groups] == [
        ("morning", 1),
        ("afternoon", 2),
        ("evening", 1),
    ]


def test_a_full_day_names_the_next_free_start_and_the_last_one_looks_back() -> None:
    times = [*days(2), *days(3, state="taken"), *days(4), *days(5, state="taken")]
    assert grid(times, LONDON, date(2026, 11, 3)).next_free == at(4, 9).start
    assert grid(times, LONDON, date(2026, 11, 5)).next_free == at(2, 9).start


def test_the_strip_turns_in_pages_and_links_both_ways() -> None:
    times = days(*range(1, 2 * STRIP_DAYS + 2))
    middle = grid(times, LONDON, date(2026, 11, STRIP_DAYS + 1))
    assert len(middle.tiles) == STRIP_DAYS
    assert middle.earlier == date(2026, 11, 1)
    assert middle.later == date(2026, 11, 2 * STRIP_DAYS + 1)
    assert grid(times, LONDON, date(2026, 11, 1)).earlier is None
    assert grid(times, LONDON, date(2026, 11, 17)).later is None


def test_tiles_count_free_times_only() -> None:
    shown = grid([at(2, 9), at(2, 10, "held"), at(2, 11, "taken")], LONDON, None)
    assert [tile.open for tile in shown.tiles] == [1]


def test_both_passes_of_a_repeated_hour_are_marked() -> None:
    midnight = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())
    shown = grid([Start(midnight + half * 1800) for half in range(5)], LONDON, None)
    assert [cell.fold for cell in shown.groups[0].cells] == [1, 1, 2, 2, 0]


def test_no_times_at_all_is_a_grid_too() -> None:
    assert grid([], LONDON, None) == Grid()
    assert Grid().first == 0
