"""The schema: that it agrees with the columns in use, and that everyday statements use its indexes."""

import re
import sqlite3
from collections.abc import Iterator

import pytest

from actors.tables import TABLES
from server.storage import loading
from server.storage.migrations import schema
from server.storage.queries import OPEN_HOLDS, Wanted, appointments_filter

WANTED = Wanted("active", now=0, join_closes_after=3600)


@pytest.fixture
def empty() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema())
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, sql: str, parameters: object = ()) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)  # type: ignore[arg-type]
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_the_columns_that_appends_bring(empty: sqlite3.Connection, table: str) -> None:
    columns = empty.execute(f"PRAGMA table_info({table})").fetchall()
    assert tuple(column[1] for column in columns) == TABLES[table]
    assert [column[1] for column in columns if column[5]] == [TABLES[table][0]]


def test_every_table_is_strict(empty: sqlite3.Connection) -> None:
    tables = empty.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    assert [name for name, strict in tables if not strict and not name.startswith("sqlite_")] == []


@pytest.mark.parametrize("trigger", ["claims_inserted", "claims_changed"])
def test_the_guards_against_overlaps_search_the_partial_indexes(
    empty: sqlite3.Connection, trigger: str
) -> None:
    ((sql,),) = empty.execute("SELECT sql FROM sqlite_master WHERE name = ?", (trigger,))
    body = re.sub(r"RAISE\([^)]*\)", "1", sql[sql.index("BEGIN") + 5 : sql.rindex("END")])
    of_clinician, of_patient = re.sub(r'(?:NEW|OLD)\."?(\w+)"?', r":\1", body).strip().rstrip(";").split(";")
    values = dict.fromkeys(TABLES["claims"])
    assert plan(empty, of_clinician, values) == (
        "SEARCH claims USING INDEX claims_live (clinician=? AND start>? AND start<?)"
    )
    assert plan(empty, of_patient, values) == (
        "SEARCH claims USING INDEX claims_of_patient (patient=? AND start>? AND start<?)"
    )


def test_due_and_open_holds_read_only_the_index_of_holds(empty: sqlite3.Connection) -> None:
    assert "SCAN appointments USING INDEX appointments_held" in plan(empty, loading.DUE)
    assert plan(empty, OPEN_HOLDS) == "SCAN appointments USING INDEX appointments_held"


def test_a_calendar_is_loaded_without_reading_other_calendars(empty: sqlite3.Connection) -> None:
    found = plan(empty, loading.LOAD_CALENDAR, {"stream": "anna", "live_after": 0})
    assert "SEARCH appointments USING INDEX appointments_live (clinician=? AND start>?)" in found
    assert "SEARCH windows USING INDEX windows_of_clinician" in found
    assert re.findall(r"SCAN (\w+)", found) == ["visit_types"]  # all of them are wanted


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (WANTED, "appointments_by_start (start>?)"),
        (Wanted("active", 0, 3600, clinician="anna"), "appointments_of_clinician (clinician=? AND start>?)"),
        (Wanted(("held", "expired"), 0, 3600, start_from=1), "appointments_by_start (start>?)"),
        (Wanted(("expired",), 0, 3600, clinician="anna"), "appointments_of_clinician (clinician=?)"),
        (Wanted("active", 0, 3600, after=(1, "a")), "appointments_by_start"),
    ],
)
def test_lists_of_appointments_search_an_index(empty: sqlite3.Connection, wanted: Wanted, index: str) -> None:
    where, parameters = appointments_filter(wanted)
    found = plan(empty, f"SELECT * FROM appointments WHERE {where}", parameters)
    assert f"SEARCH appointments USING INDEX {index}" in found


def test_a_list_without_bounds_walks_in_order_and_never_sorts(empty: sqlite3.Connection) -> None:
    where, parameters = appointments_filter(Wanted(("no_show",), 0, 3600))
    found = plan(empty, f"SELECT * FROM appointments WHERE {where}", parameters)
    assert "SCAN appointments USING INDEX appointments_by_start" in found
    assert "TEMP B-TREE" not in found
