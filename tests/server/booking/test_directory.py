"""Small indexes beside the database: where an appointment stands, and who holds what."""

from dataclasses import replace
from typing import Any

import pytest

from actors.calendar.state import Appointment, Status
from actors.refusals import NotFound
from server.booking import directory
from server.booking.directory import Directory, HoldIndex

NOW = 1_803_884_400
HELD = Appointment("a", 1, "K7-49Q", "cal", Status.HELD, 1, None, 0, 60, "UTC", "", 0, NOW + 900, 0, 0)


class Shelf:
    """Knows the rows of some appointments; counts how often it was asked."""

    def __init__(self, **clinicians: str) -> None:
        self.clinicians, self.asked = clinicians, 0

    async def appointment(self, key: str) -> dict[str, Any] | None:
        self.asked += 1
        return {"id": key, "clinician": self.clinicians[key]} if key in self.clinicians else None


def hold(key: str = "a", **changes: Any) -> Appointment:
    return replace(HELD, id=key, **changes)


async def test_a_place_is_looked_up_once() -> None:
    shelf = Shelf(a="cal")
    found = Directory(shelf)  # type: ignore[arg-type]
    assert [await found.clinician_of("a") for _ in range(3)] == ["cal"] * 3
    assert shelf.asked == 1


async def test_a_noted_place_is_not_looked_up() -> None:
    shelf = Shelf()
    found = Directory(shelf)  # type: ignore[arg-type]
    found.note(hold("a", clinician="other"))
    assert await found.clinician_of("a") == "other"
    assert shelf.asked == 0


async def test_an_unknown_appointment_is_not_found_and_not_remembered() -> None:
    shelf = Shelf()
    found = Directory(shelf)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(NotFound):
            await found.clinician_of("a")
    assert shelf.asked == 2


async def test_only_so_many_places_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "PLACES_KEPT", 3)
    shelf = Shelf(a="cal")
    found = Directory(shelf)  # type: ignore[arg-type]
    for key in "abcd":
        found.note(hold(key))
    assert await found.clinician_of("a") == "cal"
    assert shelf.asked == 1


def of_session(index: HoldIndex, now: float, session: str = "s") -> list[str]:
    return [found.appointment for found in index.of_session(session, round(now * 1000))]


def test_a_session_has_one_live_hold_until_its_deadline() -> None:
    index = HoldIndex()
    index.note(hold("a", session="s"), 0)
    assert of_session(index, NOW, "somebody else") == []
    assert of_session(index, NOW) == ["a"]
    assert of_session(index, NOW + 899.999) == ["a"]
    assert of_session(index, NOW + 900) == []


def test_a_session_that_could_not_let_go_has_both_holds_oldest_first() -> None:
    index = HoldIndex()
    index.note(hold("a", session="s"), 0)
    index.note(hold("b", session="s"), 0)
    assert of_session(index, NOW) == ["a", "b"]
    index.note(hold("a", session="s", status=Status.EXPIRED), 0)
    assert of_session(index, NOW) == ["b"]


def test_loading_again_adds_what_was_not_known() -> None:
    index = HoldIndex()
    index.note(hold("a", session="s"), 0)
    rows = [hold("a", session="s").record(), hold("b", session="s").record()]
    index.load(rows)
    assert of_session(index, NOW) == ["a", "b"]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.HELD])
def test_a_hold_that_ended_is_nobodys(status: Status) -> None:
    index = HoldIndex()
    index.note(hold("a", session="s", address="ip"), 0)
    index.note(hold("a", session="s", address=None, status=status, expires_at=None), 0)
    assert of_session(index, NOW) == []
    assert index.of_address("ip", NOW * 1000) == []


def test_an_extended_hold_counts_for_longer() -> None:
    index = HoldIndex()
    index.note(hold("a", session="s", address="ip"), 0)
    index.note(hold("a", session="s", address="ip", expires_at=NOW + 1200), 0)
    assert of_session(index, NOW + 1000) == ["a"]
    assert len(index.of_address("ip", (NOW + 1000) * 1000)) == 1


def test_live_holds_of_an_address_are_counted_and_ended_ones_forgotten() -> None:
    index = HoldIndex()
    for place in range(5):
        index.note(hold(f"a{place}", address="ip", expires_at=NOW + place), 0)
    index.note(hold("b", address="elsewhere"), 0)
    assert {found.appointment for found in index.of_address("ip", (NOW + 2) * 1000)} == {"a3", "a4"}
    assert len(index.of_address("ip", NOW * 1000)) == 2
    assert index.of_address("nowhere", NOW * 1000) == []


def test_the_index_is_filled_from_the_rows_of_the_database() -> None:
    index = HoldIndex()
    index.load([hold("a", session="s", address="ip").record(), hold("b").record()])
    assert index.of_session("s", NOW * 1000) is not None
    assert len(index.of_address("ip", NOW * 1000)) == 1


def test_nothing_is_left_of_a_hold_that_was_dropped() -> None:
    index = HoldIndex()
    index.note(hold("a", session="s", address="ip"), 0)
    index.drop("a")
    index.drop("a")
    assert (index._holds, index._sessions, index._addresses) == ({}, {}, {})
