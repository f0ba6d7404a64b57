"""The clinic's own actor: set up once, visit types in order, one row for each change."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from actors.clinic.actor import STREAM, AddVisitType, ClinicActor, OpenClinic
from actors.command import By, Remember
from actors.journal import Failed, Moved, Refused, Unknown
from actors.manual_clock import ManualClock
from actors.memory_journal import MemoryJournal
from actors.refusals import AlreadyAnswered, Invalid, OutcomeUnknown, Refusal, Unavailable
from actors.runtime import Address, System

NOW_MS = 1_803_884_400_000
ADMIN = By("admin", "key1")
CLINIC = {"name": "Harbour", "timezone": "Europe/London", "phone": None, "help_hours": None, "emergency_number": None}
OPEN = OpenClinic(by=ADMIN, row=CLINIC | {"urgent_notice": None})


class Front:
    """The clinic on a journal in memory; notes what the calendars are told."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock(NOW_MS)
        self.told: list[Mapping[str, int]] = []
        self.begin()

    def begin(self) -> None:
        self.system = System(self.clock, refusals=Refusal)
        self.system.register("clinic", 1, lambda key: ClinicActor(self.journal, self.clock, self.told.append))

    async def ask(self, message: object) -> Any:
        return await self.system.ask(Address("clinic", STREAM), message)

    async def restart(self) -> None:
        await self.system.stop()
        self.begin()


def visit(name: str, minutes: int = 30, remember: Remember | None = None) -> AddVisitType:
    values = {"id": name, "name": f"Visit {name}", "minutes": minutes, "way": "video", "address": None}
    return AddVisitType(by=ADMIN, row=values, remember=remember)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    opened = Front()
    yield opened
    await opened.system.stop()


async def test_a_clinic_is_set_up_once_over_restarts_too(front: Front) -> None:
    found = await front.ask(OPEN)
    assert (found["id"], found["created_at_ms"], found["name"]) == ("clinic", NOW_MS, "Harbour")
    with pytest.raises(Invalid):
        await front.ask(OPEN)
    await front.restart()
    with pytest.raises(Invalid):
        await front.ask(OPEN)
    assert len(front.journal.rows("clinic")) == 1


async def test_visit_types_keep_the_order_in_which_they_came(front: Front) -> None:
    await front.ask(visit("b"))
    await front.restart()
    await front.ask(visit("a"))
    assert [(found["id"], found["position"]) for found in front.journal.rows("visit_types")] == [("b", 1), ("a", 2)]


async def test_the_calendars_are_told_all_visit_types_after_each_change(front: Front) -> None:
    await front.ask(visit("a", 20))
    await front.ask(visit("b", 40))
    assert front.told == [{"a": 20}, {"a": 20, "b": 40}]


async def test_each_change_is_a_row_with_who_made_it(front: Front) -> None:
    await front.ask(OPEN)
    await front.ask(visit("a"))
    rows = await front.journal.read(STREAM, 0, 10)
    assert [found.kind for found in rows] == ["clinic_opened", "visit_type_added"]
    assert rows[1].payload["by"] == {"kind": "admin", "id": "key1"}
    assert rows[1].previous_hash == rows[0].hash


@pytest.mark.parametrize(
    ("outcome", "refusal", "written"),
    [
        (Failed("disk full"), Unavailable, 0),
        (Moved(7), Unavailable, 0),
        (Refused("a defect"), Unavailable, 0),
        (Unknown("fsync"), OutcomeUnknown, 1),
    ],
)
async def test_a_failed_append_tells_nobody_and_is_read_anew(
    front: Front, outcome: Any, refusal: type[Refusal], written: int
) -> None:
    front.journal.next_outcomes.append(outcome)
    with pytest.raises(refusal):
        await front.ask(visit("a", 20))
    assert front.told == []
    await front.ask(visit("b", 40))
    assert front.told == [{"a": 20, "b": 40} if written else {"b": 40}]
    assert [found["position"] for found in front.journal.rows("visit_types")] == list(range(1, written + 2))


async def test_an_answered_key_adds_no_second_visit_type(front: Front) -> None:
    key = Remember("scope", "key", "fingerprint")
    first = await front.ask(visit("a", remember=key))
    with pytest.raises(AlreadyAnswered):
        await front.ask(visit("b", remember=key))
    assert [found["id"] for found in front.journal.rows("visit_types")] == ["a"]
    kept = await front.journal.remembered("scope", "key")
    assert kept is not None
    assert kept.answer["record"] == first
