"""What must never be seen: tokens in the database, personal data in logs or in public; and the safe headers."""

import asyncio
import logging
import sqlite3
from contextlib import closing

import pytest

from tests.stories.clinic import Clinic

NINE = "2027-03-23T09:00:00Z"
NAME, EMAIL, PHONE = "Zebedee Quartermain", "zebedee.q@secret.example", "07700 900999"
NOTE, NEED, REASON, STAFF_NOTE = "Purple-Elephant-Note", "Need-Marmalade", "Reason-Tangerine", "Staffnote-Walnut"
PERSONAL = (NAME, EMAIL, PHONE, NOTE, NEED, REASON, STAFF_NOTE, "Quartermain", "customer-4711")
WHERE_THEY_STAND = {
    NAME: {"patients"},
    EMAIL: {"patients"},
    PHONE: {"patients"},
    "customer-4711": {"patients"},
    **dict.fromkeys((NOTE, NEED, REASON, STAFF_NOTE), {"texts"}),
}


async def a_whole_life(clinic: Clinic) -> list[str]:
    """Bookings of every kind, mistakes and replays included; answers every secret that was given out."""
    patient = {"name": NAME, "email": EMAIL, "phone": PHONE}
    hold = await clinic.hold(NINE)
    texts = {"note": NOTE, "access_needs": [NEED]}
    confirmed = await hold.confirm(once="confirm-once", patient=patient, **texts)
    (await hold.confirm(once="confirm-once", patient=patient, **texts)).is_ok()
    (await hold.confirm(patient=patient | {"name": 5}, **texts)).is_problem(422, "validation")
    (await hold.act("extend")).is_problem(409, "invalid-transition")
    links = confirmed.is_ok()["links"]
    partners = await clinic.hold("2027-03-23T09:20:00Z", auth="partner")
    customer = {"patient": patient | {"customer_id": "customer-4711"}}
    (await partners.act("confirm", customer, auth="partner", once="partner-once")).is_ok()
    cancellation = {"reason": REASON, "staff_note": STAFF_NOTE}
    (await hold.act("cancel", cancellation, auth="staff", once="cancel-once")).is_ok()
    (await hold.act("cancel", cancellation, auth="staff")).is_problem(409, "invalid-transition")
    (await clinic.get("/appointments", auth="admin", q=NAME, status="all")).is_ok()
    (await clinic.get(hold.path, auth=partners.token)).is_problem(404, "not-found")
    (await clinic.get(f"/clinicians/{NAME}/slots")).is_problem(404, "not-found")
    (await clinic.get("/appointments", auth="staff", status=NAME)).is_problem(400, "malformed")
    broken = await clinic.send("POST", f"{hold.path}/confirm", data=NAME.encode(), auth=hold.token)
    broken.is_problem(400, "malformed")
    let_go = await clinic.hold("2027-03-24T09:00:00Z")
    (await let_go.act("release")).is_ok()
    expired = await clinic.hold("2027-03-24T09:20:00Z")
    clinic.clock.advance(900)
    (await expired.confirm(patient=patient)).is_problem(410, "hold-expired")
    tokens = [link.removesuffix("/calendar.ics").rpartition("/")[2] for link in links.values()]
    secrets = [key.partition(".")[2] for key in clinic.keys.values()]
    return [hold.token, partners.token, let_go.token, expired.token, *tokens, *secrets, "confirm-guess"]


async def test_no_token_or_key_can_be_read_in_the_database(clinic: Clinic) -> None:
    secrets = await a_whole_life(clinic)
    for stopped in (False, True):
        if stopped:
            await clinic.restart()
        files = [file for file in clinic.folder.iterdir() if file.name.startswith("holdfast.db")]
        assert any(file.name.endswith("-wal") for file in files)
        stored = b"".join(file.read_bytes() for file in files)
        assert NAME.encode() in stored  # so the search does find what is there
        for secret in secrets:
            assert secret.encode() not in stored


async def test_personal_data_stand_in_their_own_tables_only(clinic: Clinic) -> None:
    await a_whole_life(clinic)
    with closing(sqlite3.connect(f"file:{clinic.database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = {name: str(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables}
    for text, expected in WHERE_THEY_STAND.items():
        assert {name for name, content in rows.items() if text in content} == expected
    assert "confirm" in rows["log"]
    assert "amira@clinic.example" not in rows["log"]


async def test_logs_name_no_person_and_no_secret(clinic: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    secrets = await a_whole_life(clinic)
    await clinic.restart()
    assert caplog.records
    for record in caplog.records:
        written = f"{record.getMessage()} {record.args} {record.exc_text}"
        for text in (*PERSONAL, *secrets, "confirm-once", "127.0.0.1"):
            assert text not in written
        assert record.levelno < logging.ERROR, written


async def test_the_public_learns_nothing_of_those_who_book(clinic: Clinic) -> None:
    slots = f"/clinicians/{clinic.amira}/slots"
    public = ["/clinic", slots, f"{slots}?visit_type={clinic.follow_up}", f"/clinicians/{clinic.jonas}/slots"]
    secrets = await a_whole_life(clinic)
    held = await clinic.hold("2027-03-25T09:00:00Z")
    for path in public:
        body = (await clinic.get(path)).body.decode()
        for text in (*PERSONAL, *secrets, held.id, held.first["reference"], "harbour-insurance"):
            assert text not in body
    refused = await clinic.post(f"/clinicians/{clinic.amira}/holds", {"start": "2027-03-25T09:00:00Z"})
    refused.is_problem(409, "slot-unavailable")
    assert held.id not in refused.body.decode()


async def test_a_held_one_names_nobody_even_after_it_ended(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    (await hold.act("cancel", {"reason": "x"}, auth="staff")).is_ok()
    for who in (hold.token, "staff", "admin"):
        assert (await hold.read(auth=who))["patient"] is None


FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "Holdfast",
}


async def test_every_answer_carries_the_safe_headers(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    slots = f"/clinicians/{clinic.amira}/slots"
    etag = (await clinic.get(slots)).headers["ETag"]
    windows = (await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")).is_ok()["availability"]
    unchanged = [await clinic.send("GET", slots, headers={"If-None-Match": etag})]
    answers = {
        200: [await clinic.get("/clinic"), await clinic.get(hold.path, auth=hold.token), await hold.confirm()],
        201: [await clinic.post("/visit-types", {"name": "x", "minutes": 1}, auth="admin")],
        204: [await clinic.send("DELETE", f"/availability/{windows[0]['id']}", auth="staff")],
        304: unchanged,
        400: [await clinic.get(slots, unknown="1"), await clinic.send("POST", "/clinicians", data=b"{")],
        401: [await clinic.get("/appointments")],
        403: [await clinic.get("/appointments", auth="partner")],
        404: [await clinic.get("/nothing"), await clinic.get("/clinicians/x/slots")],
        405: [await clinic.send("DELETE", "/clinic")],
        409: [await hold.act("extend")],
        413: [await clinic.send("POST", "/clinicians", data=b" " * 70_000)],
        415: [await clinic.send("POST", "/clinicians", data=b"{}", headers={"Content-Type": "text/plain"})],
        422: [await clinic.post("/clinicians", {}, auth="admin")],
    }
    for status, replies in answers.items():
        for reply in replies:
            assert reply.status == status, reply.body
            for name, value in FIXED.items():
                assert reply.headers[name] == value
            policy = reply.headers["Content-Security-Policy"]
            for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
                assert rule in policy
            assert "unsafe" not in policy
            assert reply.headers["Cache-Control"] == ("no-cache" if status == 304 else "no-store")
            assert "Access-Control-Allow-Origin" not in reply.headers
            assert "Set-Cookie" not in reply.headers


async def test_what_the_parser_refuses_is_a_problem_with_the_same_headers(clinic: Clinic) -> None:
    host, _, port = clinic.url.removeprefix("http://").partition(":")
    end = b"\r\n\r\n"
    for broken in (b"\x16\x03\x01\0\0" + end, b"GET / HTTP/9.9" + end, b"GET /\r\nA: b" + end, b"\0" * 40 + end):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(broken)
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] == "400"
        assert "Content-Type: application/problem+json\r\n" in answer
        assert '"type":"https://holdfast.invalid/problems/malformed"' in answer
        for name, value in FIXED.items():
            assert f"{name}: {value}\r\n" in answer, broken
    (await clinic.get("/clinic")).is_ok()
