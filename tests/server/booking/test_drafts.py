"""Drafts are kept for an hour, in bounded number and size, and then are really gone."""

import pytest

from actors.manual_clock import ManualClock
from server.booking.drafts import LARGEST_OCTETS, Draft, Drafts

HOUR = 3_600


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_795_000_000_000)


@pytest.fixture
def drafts(clock: ManualClock) -> Drafts:
    return Drafts(clock)


def test_what_was_kept_is_read_back(drafts: Drafts) -> None:
    drafts.keep("maria", Draft(name="Maria Ruiz", access=("interpreter",)))
    assert drafts.read("maria") == Draft(name="Maria Ruiz", access=("interpreter",))
    assert drafts.read("somebody else") is None


def test_a_later_draft_replaces_the_former_one(drafts: Drafts) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    drafts.keep("maria", Draft(name="Maria Ruiz"))
    assert drafts.read("maria") == Draft(name="Maria Ruiz")
    assert len(drafts) == 1


def test_a_draft_is_gone_after_an_hour_although_nobody_asks(drafts: Drafts, clock: ManualClock) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    clock.advance(HOUR - 1)
    assert drafts.read("maria") is not None
    clock.advance(1)
    assert drafts.read("maria") is None
    assert len(drafts) == 0


def test_the_hour_counts_from_the_last_keeping(drafts: Drafts, clock: ManualClock) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    clock.advance(HOUR - 1)
    drafts.keep("maria", Draft(name="Maria"))
    clock.advance(HOUR - 1)
    assert drafts.read("maria") is not None
    clock.advance(1)
    assert len(drafts) == 0


def test_each_draft_ends_in_its_own_time(drafts: Drafts, clock: ManualClock) -> None:
    drafts.keep("first", Draft(name="First"))
    clock.advance(60)
    drafts.keep("second", Draft(name="Second"))
    clock.advance(HOUR - 60)
    assert (drafts.read("first"), len(drafts)) == (None, 1)
    clock.advance(60)
    assert len(drafts) == 0


def test_the_one_untouched_for_longest_goes_when_there_are_too_many(clock: ManualClock) -> None:
    drafts = Drafts(clock, most=2)
    for name in ("a", "b", "a", "c"):
        drafts.keep(name, Draft(name=name))
    assert [name for name in "abc" if drafts.read(name)] == ["a", "c"]


def test_a_draft_that_is_too_large_is_not_kept_and_the_former_is_not_shown(drafts: Drafts) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    assert not drafts.keep("maria", Draft(note="é" * LARGEST_OCTETS))
    assert drafts.read("maria") is None


def test_the_longest_allowed_fields_fit_in_any_script(drafts: Drafts) -> None:
    long = Draft(
        "else", "予" * 200, "予" * 254, "1" * 40, "予" * 2_000, ("interpreter", "other"), "予" * 200, "予" * 200
    )
    assert drafts.keep("maria", long)


def test_dropping_forgets_and_dropping_nothing_is_fine(drafts: Drafts) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    drafts.drop("maria")
    drafts.drop("maria")
    assert drafts.read("maria") is None


def test_closing_forgets_everything_and_leaves_no_timer(drafts: Drafts, clock: ManualClock) -> None:
    drafts.keep("maria", Draft(name="Maria"))
    drafts.close()
    assert len(drafts) == 0
    clock.advance(2 * HOUR)
