"""Every arrow of the state table, and every one that it does not have."""

from collections.abc import Callable

import pytest

from actors.calendar import messages as m
from actors.calendar.state import LIVE, Status
from actors.command import PATIENT, SYSTEM
from actors.refusals import HoldLapsed, NotFound, Refusal, TransitionInvalid, VersionConflict
from tests.actors.calendar.given import (
    STAFF,
    Story,
    booked,
    cancel,
    cancelled,
    closed,
    confirm,
    given,
    held,
)

# The visit is from 09:00 to 09:30; at 10:31 the join window is over, so that only the state decides.
LATE = "10:31"

STORIES: dict[str, Callable[[], Story]] = {
    "held": lambda: given(held("a", "09:00")),
    "lapsed": lambda: given(held("a", "09:00", until=LATE)),  # held, and the timer has not run
    "confirmed": lambda: given(booked("a", "09:00")),
    "cancelled": lambda: given(booked("a", "09:00"), cancelled("a")),
    "expired": lambda: given(held("a", "09:00"), m.HoldExpired("a", "timeout", SYSTEM)),
    "released": lambda: given(held("a", "09:00"), m.HoldExpired("a", "released", PATIENT)),
    "completed": lambda: given(booked("a", "09:00"), closed("a", Status.COMPLETED)),
    "no_show": lambda: given(booked("a", "09:00"), closed("a", Status.NO_SHOW)),
}

COMMANDS: dict[str, m.OnAppointment] = {
    "extend": m.ExtendHold(by=PATIENT, appointment="a"),
    "release": m.ReleaseHold(by=PATIENT, appointment="a"),
    "confirm": confirm("a"),
    "cancel": cancel("a", "ill", by=STAFF),
    "complete": m.Complete(by=STAFF, appointment="a"),
    "no-show": m.MarkNoShow(by=STAFF, appointment="a"),
}

NOTHING = "nothing"  # a repetition that answers the same
ARROWS: dict[tuple[str, str], Status | type[Refusal] | str] = {
    ("held", "extend"): Status.HELD,
    ("held", "release"): Status.EXPIRED,
    ("held", "confirm"): Status.CONFIRMED,
    ("held", "cancel"): Status.CANCELLED,
    ("lapsed", "extend"): HoldLapsed,
    ("lapsed", "release"): Status.EXPIRED,
    ("lapsed", "confirm"): HoldLapsed,
    ("confirmed", "confirm"): NOTHING,
    ("confirmed", "cancel"): Status.CANCELLED,
    ("confirmed", "complete"): Status.COMPLETED,
    ("confirmed", "no-show"): Status.NO_SHOW,
    ("expired", "extend"): HoldLapsed,
    ("expired", "release"): NOTHING,
    ("expired", "confirm"): HoldLapsed,
    ("released", "extend"): HoldLapsed,
    ("released", "release"): NOTHING,
    ("released", "confirm"): HoldLapsed,
}
PAIRS = [(status, command) for status in STORIES for command in COMMANDS]


def test_the_table_speaks_of_every_status_and_every_command() -> None:
    assert set(Status) <= set(STORIES)
    # By name: a class with slots is made twice.
    known = {found.__name__ for found in m.OnAppointment.__subclasses__()}
    assert {type(command).__name__ for command in COMMANDS.values()} == known
    assert set(ARROWS) <= set(PAIRS)


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_an_arrow_is_in_the_table_or_refused(status: str, command: str) -> None:
    story = STORIES[status]().at(LATE)
    version, before = story.appointment().version, story.appointment().status
    story.when(COMMANDS[command])
    match ARROWS.get((status, command), TransitionInvalid):
        case Status() as after:
            assert story.refusal is None
            assert len(story.events) == 1
            assert story.appointment().version == version + 1
            assert story.appointment().updated_at_ms == story.now_ms
            assert story.appointment().status is after
            assert ("a" in story.state.live) == (after in LIVE)
        case "nothing":
            story.nothing()
            assert (story.appointment().version, story.appointment().status) == (version, before)
        case refusal:
            story.refused(refusal)
            assert (story.appointment().version, story.appointment().status) == (version, before)


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_a_forbidden_arrow_names_where_it_starts_and_what_was_wanted(status: str, command: str) -> None:
    story = STORIES[status]().at(LATE).when(COMMANDS[command])
    if isinstance(story.refusal, TransitionInvalid):
        assert story.refusal.action == command
        assert story.refusal.status == {"lapsed": "expired", "released": "expired"}.get(status, status)
        assert story.refusal.possible_from is None


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_another_version_is_refused_before_anything_else(status: str, command: str) -> None:
    given_command = COMMANDS[command]
    wrong = type(given_command)(**{**_fields(given_command), "version": 7})
    story = STORIES[status]().at(LATE)
    version = story.appointment().version
    story.when(wrong).refused(VersionConflict, version=version)
    right = type(given_command)(**{**_fields(given_command), "version": version})
    assert not isinstance(story.when(right).refusal, VersionConflict)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_appointment_is_not_found(command: str) -> None:
    given().when(COMMANDS[command]).refused(NotFound)


def _fields(command: m.OnAppointment) -> dict[str, object]:
    return {name: getattr(command, name) for name in command.__dataclass_fields__}
