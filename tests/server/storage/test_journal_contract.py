"""What every journal promises, whatever it keeps its rows in."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.journal import (
    GENESIS,
    Appended,
    Duplicate,
    Entry,
    Journal,
    LogRow,
    Moved,
    Refused,
    Row,
    chain_hash,
)
from actors.memory_journal import MemoryJournal
from server.storage.connection import open_reader, open_writer
from server.storage.journal import SqliteJournal
from server.storage.migrations import migrate
from tests.server.storage import examples as ex
from tests.server.storage.examples import HALF_HOUR, NINE, NOW_MS, append, claim
from tests.simulation.inline import open_inline


@pytest.fixture(params=["memory", "sqlite", "sqlite in-line"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    path = tmp_path / "contract.db"
    if request.param == "memory":
        yield MemoryJournal()
    elif request.param == "sqlite":
        async with open_writer(path) as writer:
            await migrate(writer)
            async with open_reader(path) as reader, SqliteJournal(writer, reader) as opened:
                yield opened
    else:
        with ExitStack() as stack:
            inline = stack.enter_context(open_inline(path, writer=True))
            await migrate(inline)
            reading = stack.enter_context(open_inline(path, writer=False))
            async with SqliteJournal(inline, reading) as opened:
                yield opened


def held(key: str, **changes: Any) -> Row:
    return Row("appointments", ex.appointment(key, **changes))


async def test_an_unknown_stream_has_head_zero_and_no_rows(journal: Journal) -> None:
    loaded = await journal.load("nobody", 0)
    assert (loaded.head, loaded.hash) == (0, GENESIS)
    assert loaded.rows == {"clinicians": [], "windows": [], "appointments": [], "visit_types": []}
    assert await journal.read("nobody", 0, 10) == []


async def test_an_append_is_read_back_as_it_was_written(journal: Journal) -> None:
    entries = [
        Entry(NOW_MS, "held", {"z": 1, "a": "ü"}, "first"),
        Entry(NOW_MS + 1, "extended", {}, "first", 2),
    ]
    outcome = await journal.append(append("anna", held("first"), entries=entries))
    assert isinstance(outcome, Appended)
    assert outcome.seq == 2
    first, second = await journal.read("anna", 0, 10)
    assert (first.seq, first.at_ms, first.kind, first.version, first.subject) == (
        1,
        NOW_MS,
        "held",
        1,
        "first",
    )
    assert first.payload == {"z": 1, "a": "ü"}
    assert (second.seq, second.version, second.hash) == (2, 2, outcome.hash)
    assert await journal.find("appointments", "first") == ex.appointment("first")


async def test_rows_are_read_after_a_position_and_up_to_a_limit(journal: Journal) -> None:
    entries = [Entry(NOW_MS, "noted", {"place": place}) for place in range(5)]
    await journal.append(append("anna", entries=entries))
    assert [row.seq for row in await journal.read("anna", 1, 3)] == [2, 3, 4]
    assert [row.seq for row in await journal.read("anna", 4, 3)] == [5]


async def test_streams_are_apart(journal: Journal) -> None:
    await journal.append(append("anna"))
    await journal.append(append("boris"))
    assert [row.stream for row in await journal.read("boris", 0, 10)] == ["boris"]
    assert (await journal.load("boris", 0)).head == 1


async def test_a_wrong_expected_head_moves_nothing(journal: Journal) -> None:
    first = await journal.append(append("anna"))
    again = await journal.append(append("anna", held("first")))
    assert again == Moved(1)
    await journal.append(append("anna", after=first))
    late = await journal.append(append("anna", held("first"), after=first))
    assert late == Moved(2)
    ahead = append("boris", held("first"), after=first)
    assert await journal.append(ahead) == Moved(0)
    assert await journal.find("appointments", "first") is None
    assert len(await journal.read("anna", 0, 10)) == 2


async def test_of_two_appends_at_once_on_one_head_one_is_told_that_it_moved(journal: Journal) -> None:
    first = await journal.append(append("anna"))
    outcomes = await asyncio.gather(*(journal.append(append("anna", after=first)) for _ in range(2)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Appended", "Moved"]
    assert (await journal.load("anna", 0)).head == 2


async def test_appends_made_at_once_follow_each_other_in_order(journal: Journal) -> None:
    first = append("anna", held("first"))
    # The second is made without waiting for the first: it must know what the first will answer.
    known = await MemoryJournal().append(first)
    second = append("anna", held("first", status="confirmed"), after=known)
    outcomes = await asyncio.gather(journal.append(first), journal.append(second))
    assert [outcome.seq for outcome in outcomes if isinstance(outcome, Appended)] == [1, 2]
    found = await journal.find("appointments", "first")
    assert found is not None
    assert found["status"] == "confirmed"


async def test_an_overlapping_claim_is_refused(journal: Journal) -> None:
    await journal.append(append("anna", claim("first", NINE, NINE + 3600)))
    for start, end in ((NINE - 60, NINE + 60), (NINE + 60, NINE + 120), (NINE + 3599, NINE + 5000)):
        refused = await journal.append(append("other", held("second"), claim("second", start, end)))
        assert refused == Refused("claim-overlap")
    swallowing = await journal.append(append("other", claim("second", NINE - 60, NINE + 7200)))
    assert swallowing == Refused("claim-overlap")
    assert await journal.find("appointments", "second") is None
    assert (await journal.load("other", 0)).head == 0


async def test_an_equal_start_is_refused_as_an_overlap(journal: Journal) -> None:
    await journal.append(append("anna", claim("first")))
    assert await journal.append(append("other", claim("second"))) == Refused("claim-overlap")


async def test_claims_that_touch_or_are_another_clinicians_are_let_in(journal: Journal) -> None:
    await journal.append(append("anna", claim("first")))
    beside = [claim("before", NINE - HALF_HOUR), claim("after", NINE + HALF_HOUR)]
    elsewhere = claim("elsewhere", clinician="boris")
    assert isinstance(await journal.append(append("other", *beside, elsewhere)), Appended)


async def test_a_claim_that_ended_is_no_obstacle(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first")))
    first = await journal.append(append("anna", claim("first", live=0), after=first))
    assert isinstance(await journal.append(append("anna", claim("second"), after=first)), Appended)


async def test_endings_count_before_takings_whatever_their_order(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first")))
    rows = (claim("second"), claim("first", live=0))
    assert isinstance(await journal.append(append("anna", *rows, after=first)), Appended)


async def test_only_the_last_image_of_a_row_is_written(journal: Journal) -> None:
    await journal.append(append("anna", claim("first", NINE)))
    phantom = (claim("second", NINE), claim("second", NINE + HALF_HOUR))
    assert isinstance(await journal.append(append("other", *phantom)), Appended)
    ended = (claim("third", NINE), claim("third", NINE, live=0))
    assert isinstance(await journal.append(append("third", *ended)), Appended)
    assert isinstance(await journal.append(append("fourth", claim("fourth", NINE + 3600))), Appended)


async def test_a_claim_may_change_about_its_own_time(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first")))
    first = await journal.append(append("anna", claim("first", NINE + 60, NINE + 2000), after=first))
    assert isinstance(
        await journal.append(append("anna", claim("first", patient="p"), after=first)), Appended
    )


async def test_a_claim_that_moves_onto_another_is_refused(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first"), claim("second", NINE + HALF_HOUR)))
    moved = append("anna", claim("second", NINE + 60), after=first)
    assert await journal.append(moved) == Refused("claim-overlap")
    elsewhere = await journal.append(append("boris", claim("third", clinician="boris")))
    assert await journal.append(append("boris", claim("third"), after=elsewhere)) == Refused("claim-overlap")


async def test_a_deliberate_overlap_is_let_in_but_keeps_others_out(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first"), claim("deliberate", overlap=1)))
    assert isinstance(first, Appended)
    first = await journal.append(append("anna", claim("first", patient="p"), after=first))
    first = await journal.append(append("anna", claim("first", live=0), after=first))
    assert await journal.append(append("anna", claim("third", NINE + 60), after=first)) == Refused(
        "claim-overlap"
    )
    assert isinstance(
        await journal.append(append("anna", claim("deliberate", overlap=0), after=first)), Appended
    )


async def test_an_overlap_that_stops_being_deliberate_is_refused(journal: Journal) -> None:
    first = await journal.append(append("anna", claim("first"), claim("second", NINE + 60, overlap=1)))
    again = append("anna", claim("second", NINE + 60, overlap=0), after=first)
    assert await journal.append(again) == Refused("claim-overlap")


async def test_one_certain_patient_is_not_in_two_places(journal: Journal) -> None:
    await journal.append(append("anna", claim("first", patient="p")))
    elsewhere = claim("second", NINE + 60, clinician="boris", patient="p")
    assert await journal.append(append("boris", elsewhere)) == Refused("patient-overlap")
    deliberate = claim("second", clinician="boris", patient="p", overlap=1)
    assert await journal.append(append("boris", deliberate)) == Refused("patient-overlap")
    unknown = await journal.append(append("boris", claim("second", NINE + 60, clinician="boris")))
    known = append("boris", elsewhere, after=unknown)
    assert await journal.append(known) == Refused("patient-overlap")
    other = claim("second", NINE + 60, clinician="boris", patient="q")
    assert isinstance(await journal.append(append("boris", other, after=unknown)), Appended)


async def test_other_constraints_are_refused_in_the_stores_words(journal: Journal) -> None:
    await journal.append(append("anna", held("first", number=7)))
    refused = await journal.append(append("boris", held("second", number=7)))
    assert refused == Refused("UNIQUE constraint failed: appointments.number")


async def test_a_remembered_answer_is_never_replaced(journal: Journal) -> None:
    first = await journal.append(append("anna", answers=[ex.remembered("k")]))
    again = append("anna", claim("first"), after=first, answers=[ex.remembered("j"), ex.remembered("k")])
    assert await journal.append(again) == Duplicate("key-1", "k")
    twice = append("anna", after=first, answers=[ex.remembered("j"), ex.remembered("j")])
    assert await journal.append(twice) == Duplicate("key-1", "j")
    other = append("anna", after=first, answers=[ex.remembered("k", scope="key-2"), ex.remembered("j")])
    assert isinstance(await journal.append(other), Appended)


async def test_a_request_sent_twice_is_a_duplicate_before_it_is_an_overlap(journal: Journal) -> None:
    await journal.append(append("anna", claim("first"), answers=[ex.remembered("k")]))
    again = await journal.append(append("boris", claim("second"), answers=[ex.remembered("k")]))
    assert again == Duplicate("key-1", "k")


async def test_one_bad_append_among_good_ones_fails_alone(journal: Journal) -> None:
    await journal.append(append("anna", claim("taken"), answers=[ex.remembered("k")]))
    appends = [append(f"s{i}", held(f"good{i}"), claim(f"good{i}", NINE + 3600 * i)) for i in range(1, 9)]
    appends[2] = append("s3", held("bad3"), claim("bad3"))
    appends[5] = append("s6", held("bad6"), answers=[ex.remembered("k")])
    appends[6] = append("anna", held("bad7"))
    outcomes = await asyncio.gather(*map(journal.append, appends))
    assert outcomes[2] == Refused("claim-overlap")
    assert outcomes[5] == Duplicate("key-1", "k")
    assert outcomes[6] == Moved(1)
    for place, outcome in enumerate(outcomes, 1):
        good = await journal.find("appointments", f"good{place}")
        assert (good is not None) == isinstance(outcome, Appended) == (place not in (3, 6, 7))
        assert await journal.find("appointments", f"bad{place}") is None
    assert await journal.read("s3", 0, 10) == []


async def test_unknown_tables_and_columns_are_defects_of_the_caller(journal: Journal) -> None:
    incomplete = ex.appointment("first")
    del incomplete["links"]
    faults = [
        Row("nowhere", {"id": "a"}),
        Row("appointments", ex.appointment("first") | {"colour": 1}),
        Row("appointments", incomplete),
        Row("appointments", incomplete | {"colour": 1}),
    ]
    for fault in faults:
        with pytest.raises(KeyError):
            await journal.append(append("anna", fault))
    assert (await journal.load("anna", 0)).head == 0


async def test_a_calendar_is_loaded_with_what_its_actor_keeps(journal: Journal) -> None:
    appointments = [
        held("later", start=NINE + 3600, end=NINE + 5400),
        held("held"),
        held("ended", start=NINE - 3600, end=NINE),
        held("running", start=NINE - 1, end=NINE + 1, status="confirmed"),
        held("expired", status="expired"),
        held("elsewhere", clinician="boris"),
    ]
    windows = [
        ex.window("b", weekday=1),
        ex.window("a", weekday=0, start_minute=600),
        ex.window("c", weekday=0),
    ]
    windows += [ex.window("gone", removed_at_ms=NOW_MS), ex.window("other", clinician="boris")]
    types = ex.rows("visit_types", ex.visit_type("z", position=1), ex.visit_type("y", position=2))
    clinicians = ex.rows("clinicians", ex.clinician("anna"), ex.clinician("boris"))
    clinic = ex.rows("clinic", ex.clinic())
    outcome = await journal.append(
        append("anna", *appointments, *ex.rows("windows", *windows), *types, *clinicians, *clinic)
    )
    loaded = await journal.load("anna", NINE)
    assert isinstance(outcome, Appended)
    assert (loaded.head, loaded.hash) == (1, outcome.hash)
    assert [row["id"] for row in loaded.rows["appointments"]] == ["running", "held", "later"]
    assert loaded.rows["appointments"][1] == ex.appointment("held")
    assert [row["id"] for row in loaded.rows["windows"]] == ["c", "a", "b"]
    assert [row["id"] for row in loaded.rows["visit_types"]] == ["z", "y"]
    assert loaded.rows["clinicians"] == [ex.clinician("anna")]
    of_clinic = await journal.load("clinic", 0)
    assert of_clinic.head == 0
    assert of_clinic.rows["clinic"] == [ex.clinic()]
    assert [row["id"] for row in of_clinic.rows["visit_types"]] == ["z", "y"]


async def test_single_rows_are_found_by_their_key(journal: Journal) -> None:
    written = {"windows": ex.window("a"), "patients": ex.patient("a"), "texts": ex.text("a")}
    await journal.append(append("anna", *(Row(table, row) for table, row in written.items())))
    for table, row in written.items():
        assert await journal.find(table, "a") == row
        assert await journal.find(table, "b") is None


async def test_calendars_with_open_holds_are_due_soonest_first(journal: Journal) -> None:
    rows = [
        held("a", expires_at=300),
        held("b", expires_at=200),
        held("c", expires_at=100, clinician="boris"),
        held("d", expires_at=50, status="expired"),
        held("e", expires_at=None, status="confirmed", clinician="cora"),
    ]
    await journal.append(append("anna", *rows))
    assert await journal.due() == [("boris", 100), ("anna", 200)]


async def test_a_row_is_replaced_by_its_later_image(journal: Journal) -> None:
    first = await journal.append(append("anna", held("first", note="n")))
    await journal.append(append("anna", held("first", status="expired", cause="timeout"), after=first))
    assert await journal.find("appointments", "first") == ex.appointment(
        "first", status="expired", cause="timeout"
    )


async def test_the_chain_binds_every_row_to_the_one_before(journal: Journal) -> None:
    first = await journal.append(append("anna", entries=[Entry(NOW_MS, "noted", {"n": n}) for n in (1, 2)]))
    await journal.append(append("anna", after=first))
    rows = await journal.read("anna", 0, 10)
    assert follows(rows)
    for place in range(len(rows)):
        altered = list(rows)
        row = rows[place]
        altered[place] = LogRow(
            row.stream,
            row.seq,
            row.at_ms + 1,
            row.kind,
            row.version,
            None,
            row.payload,
            row.previous_hash,
            row.hash,
        )
        assert not follows(altered)


def follows(rows: list[LogRow]) -> bool:
    previous = GENESIS
    for row in rows:
        payload = json.dumps(row.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        digest = chain_hash(previous, row.stream, row.seq, row.at_ms, row.kind, row.version, payload)
        if (row.previous_hash, row.hash) != (previous, digest):
            return False
        previous = digest
    return True
