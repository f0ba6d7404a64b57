"""Writes the fixture database of a release: rows of every kind, by the application itself, and what stays true of it.

Run it once for a release, before its schema moves: `python -m tests.server.storage.make_release_fixture 0.1.0`.
A stored fixture is never made anew; later releases must open it.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from actors.calendar.messages import Complete, MarkNoShow
from actors.command import By
from actors.ids import RandomIds
from actors.manual_clock import ManualClock
from server.setup import NewClinic, init
from tests.stories.clinic import CLINIC_ROW, NOW, PARTNER, PATIENT, Clinic, Hold, Template, found, instant, settings

FIXTURES = Path(__file__).parent / "fixtures"
SECRET_KEY = "the secret key of the fixtures, known to everybody"
DAY = 86_400
MONDAY = NOW + 2 * 3600  # the first time of Amira's week


async def main(release: str) -> None:
    """Write `release-X.sqlite3` and, beside it, what is in it."""
    with tempfile.TemporaryDirectory() as name:
        template = Template(Path(name) / "template", {})
        template.folder.mkdir()
        facts = await _founded(template.folder)
        async with Template(template.folder, facts).running(Path(name) / "clinic", secret_key=SECRET_KEY) as clinic:
            told = await _lived(clinic)
            await clinic.stop()
            FIXTURES.mkdir(exist_ok=True)
            _packed(clinic.database, FIXTURES / f"release-{release}.sqlite3")
            await clinic.start()
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (FIXTURES / f"release-{release}.json").write_text(text, encoding="utf-8")


async def _founded(folder: Path) -> dict[str, Any]:
    """The clinic of the stories, and its first administrator as `init` makes one."""
    facts = await found(folder)
    with tempfile.TemporaryDirectory() as name:
        config = Clinic(Path(name), ManualClock(NOW * 1000), settings(Path(name)), *[""] * 5, {}, {}).config
        wanted = NewClinic(name=CLINIC_ROW["name"], timezone="Europe/London", admin="admin@example.org")
        await init(config, wanted, RandomIds(), ManualClock(NOW * 1000))
        _copy_users(config.database, folder / "holdfast.db")
    return facts


def _copy_users(source: Path, target: Path) -> None:
    connection = sqlite3.connect(target, isolation_level=None)
    connection.execute("ATTACH ? AS source", (str(source),))
    connection.execute("INSERT INTO users SELECT * FROM source.users")
    connection.close()


async def _lived(clinic: Clinic) -> dict[str, Any]:
    """Appointments in every state, each with what it can have; windows of every kind; remembered answers."""
    kept: dict[str, Hold] = {}

    def start(day: int, place: int) -> str:
        return instant(MONDAY + day * DAY + place * 1200)

    kept["completed"] = await clinic.book(start(0, 0), note="A cough that does not go away.", access_needs=["Français"])
    kept["no_show"] = await clinic.book(start(0, 1))
    kept["expired"] = await clinic.hold(start(0, 2))
    (await kept["expired"].act("extend")).is_ok()
    kept["released"] = await clinic.hold(start(0, 3))
    (await kept["released"].act("release")).is_ok()
    clinic.clock.advance(DAY)
    by = By("clinician", clinic.amira)
    await clinic.engine.booking.holds.command(Complete(by=by, appointment=kept["completed"].id))
    await clinic.engine.booking.holds.command(MarkNoShow(by=by, appointment=kept["no_show"].id))
    kept["cancelled"] = await clinic.book(start(3, 0))
    reason = {"reason": "Dr Haddad is ill.", "staff_note": "Called twice."}
    (await kept["cancelled"].act("cancel", reason, auth="staff")).is_ok()
    kept["confirmed"] = await clinic.book(start(3, 1), for_other=True, note="für meine Mutter")
    kept["partner"] = await clinic.hold(start(3, 2), auth="partner")
    customer = PATIENT | {"customer_id": "c-1"}
    (await kept["partner"].confirm(auth="partner", once="first", patient=customer)).is_ok()
    await _change_hours(clinic)
    kept["held"] = await clinic.hold(start(3, 3), visit_type=clinic.telephone)
    (await kept["held"].act("extend", once="remembered")).is_ok()
    slots = await clinic.slots(visit_type=clinic.follow_up)
    clinician = (await clinic.get(f"/clinicians/{clinic.amira}", auth="staff")).is_ok()["clinician"]
    return {
        "now": clinic.clock.now_ms() // 1000,
        "partner": PARTNER,
        "keys": clinic.keys,
        "clinician": clinician,
        "follow_up": clinic.follow_up,
        "slots": " ".join(f"{slot['start']}={slot['state']}" for slot in slots),
        "appointments": {name: await _shown(clinic, hold) for name, hold in kept.items()},
    }


async def _change_hours(clinic: Clinic) -> None:
    """A paused window with validity, a removed one, a changed clinician, and a visit type that came later."""
    path = f"/clinicians/{clinic.amira}/availability"
    saturday = {"weekday": 5, "start_minute": 600, "end_minute": 700, "slot_minutes": 25, "buffer_minutes": 5}
    limits = {"valid_from": "2027-04-01", "valid_until": "2027-05-01"}
    kept = (await clinic.post(path, saturday | limits, auth="admin")).is_ok(201)["availability"]["id"]
    (await clinic.send("PATCH", f"/availability/{kept}", {"active": False}, auth="admin")).is_ok()
    gone = (await clinic.post(path, saturday | {"weekday": 6}, auth="admin")).is_ok(201)["availability"]["id"]
    assert (await clinic.send("DELETE", f"/availability/{gone}", auth="admin")).status == 204
    kind = {"name": "Long talk", "minutes": 50, "way": "clinic", "address": "12 Harbour Street"}
    (await clinic.post("/visit-types", kind, auth="admin")).is_ok(201)
    change = {"slot_minutes": 20, "email": "haddad@clinic.example"}
    (await clinic.send("PATCH", f"/clinicians/{clinic.amira}", change, auth="admin")).is_ok()


async def _shown(clinic: Clinic, hold: Hold) -> dict[str, Any]:
    """As its patient and as support see it."""
    return {"token": hold.token, "patient": await hold.read(), "support": await hold.read(auth="support")}


def _packed(source: Path, target: Path) -> None:
    """A copy without free pages, in one file."""
    target.unlink(missing_ok=True)
    connection = sqlite3.connect(source)
    connection.execute("VACUUM INTO ?", (str(target),))
    connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
