"""How one address dies, by itself."""

from actors.runtime.deaths import Deaths


def died(*times_ms: int) -> Deaths:
    deaths = Deaths()
    for time_ms in times_ms:
        deaths.add(time_ms)
    return deaths


def test_the_pause_grows_with_deaths_in_a_row_up_to_five_seconds() -> None:
    assert [died(*[7] * count).start_ms - 7 for count in range(1, 10)] == [
        0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000,
    ]  # fmt: skip


def test_a_thousand_deaths_still_make_five_seconds() -> None:
    assert died(*[0] * 1_000).start_ms == 5_000


def test_four_deaths_make_read_only_only_within_a_minute() -> None:
    assert not died(0, 1, 2).read_only
    assert died(0, 1, 2, 59_999).read_only
    assert not died(0, 1, 2, 60_000).read_only


def test_read_only_stays_until_it_is_forgotten() -> None:
    assert died(0, 1, 2, 3, 500_000).read_only


def test_few_deaths_long_ago_are_past_but_read_only_never_is() -> None:
    assert died(0).is_past(60_000)
    assert not died(0).is_past(59_999)
    assert not died(0, 1, 2, 3).is_past(10_000_000)
