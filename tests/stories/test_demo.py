"""`serve --demo`: a clinic to look at from one command, the same at every start, and never over somebody's data."""

import re
import signal
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from server.demo.clinic import fill_if_empty
from server.demo.links import printed
from tests.stories.clinic import Clinic
from tests.stories.process import served

STATES = {"held", "confirmed", "cancelled", "expired", "completed", "no_show"}


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_demo_prints_links_and_keys_that_work_and_the_same_again(tmp_path: Path) -> None:
    base = "http://demo.example"
    async with served(tmp_path, "--demo", base_url=base) as server:
        first = server.lines
        links = re.findall(rf"{base}(/\S+)", "\n".join(first))
        keys = dict(re.findall(r"API key (\w+)\s+(\S+)", "\n".join(first)))
        assert set(keys) == {"admin", "staff"}
        assert len(links) == 6  # all clinicians, each of four, and a patient's own page
        async with ClientSession(server.url) as client:
            for link in links:
                async with client.get(link) as page:
                    assert page.status == 200, link
                    assert "text/html" in page.headers["Content-Type"]
            await looks_like_a_clinic(client, keys["staff"])
            async with client.post("/api/v1/visit-types", headers=bearer(keys["admin"]), json={}) as answer:
                assert answer.status == 422
        assert await server.end() == 0
    async with served(tmp_path, "--demo", base_url=base) as server:
        assert server.lines == first
        assert await server.end(signal.SIGINT) == 0  # Ctrl-C
    assert "Traceback" not in server.said


async def looks_like_a_clinic(client: ClientSession, key: str) -> None:
    """Four clinicians in two zones, three visit types, every state in the past or coming fortnight, some held now."""
    async with client.get("/api/v1/clinic") as answer:
        clinic = await answer.json()
    assert len(clinic["clinicians"]) == 4
    assert len({one["timezone"] for one in clinic["clinicians"]}) == 2
    assert len(clinic["visit_types"]) == 3
    async with client.get("/api/v1/appointments", headers=bearer(key), params={"status": "all", "limit": "200"}) as one:
        found: list[dict[str, Any]] = (await one.json())["appointments"]
    assert {one["status"] for one in found} == STATES
    now = datetime.now(UTC)
    held = [one for one in found if one["status"] == "held"]
    assert len(held) >= 4
    assert all(datetime.fromisoformat(one["expires_at"]) > now for one in held)
    assert {one["clinician"] for one in held} == {one["id"] for one in clinic["clinicians"]}
    assert all(datetime.fromisoformat(one["start"]) > now for one in held)
    for one in clinic["clinicians"]:
        params = {"visit_type": one["visit_types"][0]}
        async with client.get(f"/api/v1/clinicians/{one['id']}/slots", params=params) as answer:
            states = [slot["state"] for slot in (await answer.json())["slots"]]
        assert states.count("open") >= 10


async def test_database_with_data_is_never_touched(clinic: Clinic) -> None:
    await (await clinic.hold("2027-03-22T09:00:00Z")).confirm()
    await clinic.stop()
    before = dump(clinic.database)
    said: list[str] = []
    assert not await fill_if_empty(clinic.config, said.append)
    assert said == []
    assert dump(clinic.database) == before
    await clinic.start()


async def test_other_clinics_secrets_are_not_printed(clinic: Clinic) -> None:
    """Somebody starts their own clinic with --demo by mistake: no patient's link, no key."""
    await (await clinic.hold("2027-03-22T09:00:00Z")).confirm()
    lines = await printed(clinic.engine)
    assert "not the demo clinic" in lines[0]
    assert not [line for line in lines if "/a/" in line or "key" in line]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def dump(database: Path) -> str:
    """Everything that is in the database."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()
