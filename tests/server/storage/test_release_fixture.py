"""A database of every release opens, serves and tells the truth; links and keys outlive releases.

The stored files are never made anew (make_release_fixture.py): they are what clinics have on their disks.
"""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.manual_clock import ManualClock
from server.storage.migrations import SCHEMA_VERSION, schema
from tests.server.storage.make_release_fixture import FIXTURES, SECRET_KEY
from tests.stories.clinic import Clinic, settings

RELEASES = sorted(path.stem for path in FIXTURES.glob("release-*.sqlite3"))
# What was promised of an appointment; what can be done with it may change with a release.
FACTS = (
    *("id", "reference", "status", "version", "clinician", "visit_type", "start", "end", "timezone", "expires_at"),
    *("cause", "reason", "overlap", "partner", "created_at", "updated_at", "patient", "access_needs", "note"),
)
STATES = {"held", "confirmed", "cancelled", "expired", "completed", "no_show"}
LARGEST_BYTES = 200 * 1024  # it stays in the repository for ever


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """One case a release."""
    name: str = request.param
    return name


@pytest.fixture
def told(release: str) -> dict[str, Any]:
    """What the release itself said of its database."""
    found: dict[str, Any] = json.loads((FIXTURES / f"{release}.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
async def opened(release: str, told: dict[str, Any], tmp_path: Path) -> AsyncIterator[Clinic]:
    """A copy of the release's database, served by this one."""
    shutil.copy(FIXTURES / f"{release}.sqlite3", tmp_path / "holdfast.db")
    clock = ManualClock(told["now"] * 1000)
    clinic = Clinic(tmp_path, clock, settings(tmp_path, secret_key=SECRET_KEY), *[""] * 5, told["keys"], {})
    clinic.amira, clinic.follow_up = told["clinician"]["id"], told["follow_up"]
    await clinic.start()
    yield clinic
    await clinic.stop()


def test_there_is_a_fixture_and_it_is_small() -> None:
    assert "release-0.1.0" in RELEASES
    assert all((FIXTURES / f"{name}.sqlite3").stat().st_size <= LARGEST_BYTES for name in RELEASES)


def test_fixture_has_rows_of_every_kind(release: str) -> None:
    connection = sqlite3.connect(f"file:{FIXTURES / release}.sqlite3?mode=ro", uri=True)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    empty = [name for name in tables if not connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]]
    states = {status for (status,) in connection.execute("SELECT status FROM appointments")}
    kinds = {kind for (kind,) in connection.execute("SELECT kind FROM log")}
    connection.close()
    assert not empty
    assert states == STATES
    assert len(kinds) >= 14


async def test_it_is_brought_to_this_schema_and_its_chains_hold(opened: Clinic) -> None:
    queries = opened.engine.storage.queries
    streams = await queries.streams()
    assert len(streams) == 3
    for stream in streams:
        assert await queries.broken_link(stream) is None
    await opened.hold("2027-03-29T09:00:00Z")  # and they go on
    assert await queries.broken_link(opened.amira) is None
    await opened.stop()
    connection = sqlite3.connect(opened.database)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    migrated = set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    connection.close()
    fresh = sqlite3.connect(":memory:")
    fresh.executescript(schema())
    assert migrated == set(fresh.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    fresh.close()
    await opened.start()


async def test_it_serves_the_same_slots(opened: Clinic, told: dict[str, Any]) -> None:
    slots = await opened.slots(visit_type=opened.follow_up)
    assert " ".join(f"{slot['start']}={slot['state']}" for slot in slots) == told["slots"]


async def test_its_appointments_are_shown_to_their_patients_and_to_support(
    opened: Clinic, told: dict[str, Any]
) -> None:
    rows = (await opened.get("/appointments", auth="support", status="all", limit="200")).is_ok()["appointments"]
    listed = {row["id"]: row for row in rows}
    assert len(listed) == len(told["appointments"])
    for kept in told["appointments"].values():
        path = f"/appointments/{kept['patient']['id']}"
        for reader, auth in (("patient", kept["token"]), ("support", "support")):
            shown = (await opened.get(path, auth=auth)).is_ok()["appointment"]
            assert {name: shown[name] for name in FACTS} == {name: kept[reader][name] for name in FACTS}
        assert listed[kept["patient"]["id"]]["staff_note"] == kept["support"]["staff_note"]


async def test_its_keys_and_remembered_answers_live_on(opened: Clinic, told: dict[str, Any]) -> None:
    for scope in ("partner", "staff", "support", "admin"):
        status = (await opened.get("/appointments", auth=scope)).status
        assert status == (403 if scope == "partner" else 200)
    held = told["appointments"]["held"]
    path = f"/appointments/{held['patient']['id']}/extend"
    again = (await opened.post(path, auth=held["token"], once="remembered")).is_ok()["appointment"]
    assert (again["version"], again["expires_at"]) == (held["patient"]["version"], held["patient"]["expires_at"])


async def test_its_hold_ends_at_its_second(opened: Clinic, told: dict[str, Any]) -> None:
    held = told["appointments"]["held"]
    path = f"/appointments/{held['patient']['id']}"
    opened.clock.advance(1200 - 0.001)
    assert (await opened.get(path, auth=held["token"])).is_ok()["appointment"]["status"] == "held"
    opened.clock.advance(0.001)
    assert (await opened.get(path, auth=held["token"])).is_ok()["appointment"]["status"] == "expired"
