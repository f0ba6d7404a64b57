"""Bad input: every field of every body, every way to break a request; the documented error, and nothing changed."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from typing import Any, Final

import pytest

from server.api.routes import ROUTES
from tests.stories.clinic import PATIENT, PREFIX, Clinic, Hold, instant

NINE = "2027-03-23T09:00:00Z"
HUGE: Final = [2**63, 2**64, -(2**64), 10**300, 1e300]
NOT_TEXT: Final = [True, 0, 1.5, [], {}, ["x"]]
CONTROL: Final = ["a\x07b", "a\x1bb", "a\x7fb", "a\x85b"]


def line(longest: int, *, blank: bool = False) -> list[Any]:
    """What a text of one line must not be."""
    return [*NOT_TEXT, "x" * (longest + 1), "a\nb", *CONTROL, *([] if blank else ["", " \t "])]


def whole(least: int, most: int) -> list[Any]:
    """What a whole number must not be."""
    return [True, False, "1", "", [], {}, least - 1, most + 1, least + 0.5, *HUGE]


TEXT: Final = [*NOT_TEXT, "x" * 2001, *CONTROL]
INSTANTS: Final = [
    *(None, *NOT_TEXT, 1803200400, *HUGE, "", "now", "2027-03-23", "2027-03-23T09:00Z", "2027-03-23 09:00:00Z"),
    *("2027-03-23T09:00:00", "2027-03-23T09:00:00+00:00", "2027-03-23T10:00:00+01:00", "2027-03-23T09:00:00z"),
    *("2027-03-23T09:00:00.000Z", "2027-02-29T09:00:00Z", "2027-13-01T09:00:00Z", "2027-03-23T24:00:00Z"),
    *("2027-03-23T09:60:00Z", "2027-03-23T09:00:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    *("1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z", " 2027-03-23T09:00:00Z", "２０２７-03-23T09:00:00Z", "x" * 5000),
]
DATES: Final = [
    *(*NOT_TEXT, *HUGE, "", "2027-02-29", "2027-04-31", "2027-3-1", "20270401", "0000-01-01", "0001-01-01"),
    *("10000-01-01", "2027-04-01T00:00:00Z", "2027-W14-1", "1969-12-31"),
]
ZONES: Final = [None, *NOT_TEXT, "", "Europe/Nowhere", "europe/london", "GMT+1", "../etc/passwd", "London", "x" * 300]
EMAILS: Final = [
    *(*NOT_TEXT, "", "x", "@", "a@", "@b", "a b@c.de", "a@b@c.de", "a@b\n.de", "<a@b.de>", "a@.de", "a@de."),
    *("a,b@c.de", "x" * 250 + "@b.de", *CONTROL),
]
ADDED_WINDOW = {"weekday": 5, "start_minute": 600, "end_minute": 660}
WINDOW_FIELDS: Final = {
    "/weekday": whole(0, 6),
    "/start_minute": whole(0, 1440),  # 1440 itself makes the end wrong as well
    "/end_minute": whole(1, 1440),
    "/slot_minutes": whole(1, 480),
    "/buffer_minutes": whole(0, 1439),
    "/active": [0, 1, "true", "", [], {}],
    "/valid_from": DATES,
    "/valid_until": DATES,
}
PERSON_FIELDS: Final = {
    "/name": [None, *line(200)],
    "/title": line(200, blank=True),
    "/about": TEXT,
    "/email": EMAILS,
    "/timezone": ZONES,
    "/slot_minutes": [None, *whole(1, 480)],
    "/visit_types": [True, 1, "x", {}, ["unknown"] * 101],
    "/visit_types/0": [None, 1, "", "unknown", "x" * 65],
}
Fields = Mapping[str, list[Any]]
BODIES: Final[Mapping[tuple[str, str], tuple[str | None, dict[str, Any], Fields]]] = {
    ("POST", "/clinicians/{id}/holds"): (
        None,
        {"start": NINE},
        {"/start": INSTANTS, "/visit_type": [*line(64), "unknown"], "/partner": [*line(64), "unknown"]},
    ),
    ("POST", "/appointments/{id}/confirm"): (
        "token",
        {"patient": PATIENT},
        {
            "/patient": [None, True, 1, "x", []],
            "/patient/name": [None, *line(200)],
            "/patient/email": [None, *EMAILS],
            "/patient/phone": line(40),
            "/patient/customer_id": [*line(64), "c-1"],
            "/patient/unknown": [None, 1],
            "/note": TEXT,
            "/access_needs": [True, 1, "x", {}, ["x"] * 21],
            "/access_needs/0": [None, *NOT_TEXT, "", "x" * 2001, *CONTROL],
            "/for_other": [None, 0, 1, "true", [], {}],
        },
    ),
    ("POST", "/appointments/{id}/cancel"): ("staff", {"reason": "x"}, {"/reason": TEXT, "/staff_note": TEXT}),
    ("POST", "/appointments/{id}/extend"): ("token", {}, {}),
    ("POST", "/appointments/{id}/release"): ("token", {}, {}),
    ("POST", "/clinicians"): ("admin", {"name": "N", "timezone": "UTC"}, PERSON_FIELDS),
    ("PATCH", "/clinicians/{id}"): ("admin", {}, PERSON_FIELDS),
    ("POST", "/clinicians/{id}/availability"): ("staff", ADDED_WINDOW, WINDOW_FIELDS),
    ("PATCH", "/availability/{id}"): ("staff", {}, WINDOW_FIELDS),
    ("DELETE", "/availability/{id}"): ("staff", {}, {}),
    ("POST", "/visit-types"): (
        "admin",
        {"name": "N", "minutes": 5},
        {
            "/name": [None, *line(200)],
            "/minutes": [None, *whole(1, 480)],
            "/way": [None, 1, "", "Video", "fax"],
            "/address": TEXT,
        },
    ),
}
BROKEN: Final[list[bytes]] = [
    *(b"{", b"}", b"[]", b'"x"', b"1", b"null", b"true", b"{'a': 1}", b'{"a": 1,}', b'{"a" 1}', b'{"a": 1} x', b"\0"),
    *(b"\xef\xbb\xbf{}", b'{"a": "\xff"}', b'{"a": "\xc0\x80"}', b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16")),
    *(b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e400}', b'{"a": ' + b"9" * 5000 + b"}"),
    *(b'{"a": 1, "a": 1}', b'{"b": {"a": 1, "\\u0061": 2}}', b'{"a": "\\u0000"}', b'{"\\u0000": 1}'),
    *(b'{"a": "\\ud800"}', b'{"a": ["x", {"b": "\\udc00\\ud800"}]}', b'{"a": "\x01"}', b"[" * 60_000),
    *(b'{"a":' * 10_000, b'{"a": 01}', b"[" * 30_000 + b"]" * 30_000, b"a=1&b=2", b"--x\r\n\r\n", b"<a/>"),
]
FOREIGN_TYPES: Final = (
    *("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json", ""),
)


@pytest.fixture
async def stage(unlimited: Clinic) -> Hold:
    """A hold, in a clinic without limits on requests."""
    return await unlimited.hold(NINE)


def dump(clinic: Clinic) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as any other program would read it."""
    with closing(sqlite3.connect(f"file:{clinic.database}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for (name,) in names}


@asynccontextmanager
async def nothing_changes(clinic: Clinic) -> AsyncIterator[None]:
    """The database is the same before and after, and the server still answers."""
    before = dump(clinic)
    yield
    assert dump(clinic) == before
    (await clinic.get("/clinic")).is_ok()


async def spelled(hold: Hold, path: str) -> str:
    """A path of the table with an id that exists."""
    clinic = hold.clinic
    if path.startswith("/availability"):
        listing = await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")
        return path.replace("{id}", listing.is_ok()["availability"][0]["id"])
    return path.replace("{id}", hold.id if path.startswith("/appointments") else clinic.amira)


def with_value(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy of the body with a value put in at the pointer."""
    changed: dict[str, Any] = json.loads(json.dumps(body))
    inside: Any = changed
    *parents, name = pointer[1:].split("/")
    if name == "0":
        changed[parents[0]] = [value]
        return changed
    for parent in parents:
        inside = inside[parent]
    inside[name] = value
    return changed


def test_every_route_that_takes_a_body_is_tried() -> None:
    assert {(method, path) for method, path, _ in ROUTES if method != "GET"} == set(BODIES)


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_every_field_refuses_what_it_must_and_nothing_changes(
    stage: Hold, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    clinic, (who, body, fields) = stage.clinic, BODIES[method, path]
    auth, target = stage.token if who == "token" else who, await spelled(stage, path)
    cases = [(pointer, value) for pointer, values in fields.items() for value in values]
    cases += [("/unknown", 1), ("/" + "x" * 300, None), ("/ü\n\x1b", "x")]
    caplog.set_level(logging.INFO)
    caplog.clear()
    async with nothing_changes(clinic):
        for pointer, value in cases:
            reply = await clinic.send(method, target, with_value(body, pointer, value), auth=auth)
            told = reply.is_problem(422, "validation")
            shown = (pointer, str(value)[:60], told["errors"])
            if isinstance(value, list) and pointer + "/0" in fields:
                assert all(found.startswith(pointer) for found in reply.pointers), shown
            elif isinstance(value, dict) and value == {} and pointer == "/patient":
                assert reply.pointers == ["/patient/name", "/patient/email"], shown
            else:
                assert reply.pointers == [pointer.replace("~", "~0")], shown
    lines = [record for record in caplog.records if record.name == "server.shield"]
    assert len(lines) == len(caplog.records) == len(cases)
    assert len({record.getMessage() for record in lines}) == 1


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_what_cannot_be_read_is_malformed_everywhere(
    stage: Hold, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    clinic, (who, _, _) = stage.clinic, BODIES[method, path]
    auth, target = stage.token if who == "token" else who, await spelled(stage, path)
    caplog.set_level(logging.INFO)
    caplog.clear()
    async with nothing_changes(clinic):
        for data in BROKEN:
            reply = await clinic.send(method, target, data=data, auth=auth)
            reply.is_problem(400, "malformed")
            assert len(reply.body) < 500
        for kind in FOREIGN_TYPES:
            reply = await clinic.send(method, target, data=b"{}", auth=auth, headers={"Content-Type": kind})
            reply.is_problem(415, "unsupported-media-type")
        packed = {"Content-Encoding": "gzip"}
        reply = await clinic.send(method, target, data=b"\x1f\x8b", auth=auth, headers=packed)
        reply.is_problem(415, "unsupported-media-type")
        for data in (b'{"a": "' + b"x" * 65_536, b" " * 65_537, b"{" * 200_000):
            (await clinic.send(method, target, data=data, auth=auth)).is_problem(413, "too-large")
    assert len(caplog.records) == len(BROKEN) + len(FOREIGN_TYPES) + 4


async def test_every_fault_of_a_body_is_told_at_once(stage: Hold) -> None:
    clinic = stage.clinic
    (await stage.act("confirm", {})).is_problem(422, "validation", "/patient")
    (await stage.act("confirm", {"patient": {}})).is_problem(422, "validation", "/patient/name", "/patient/email")
    body = {"patient": {"name": "", "phone": "", "customer_id": "c"}, "note": 1, "for_other": 1, "more": 1}
    (await stage.act("confirm", body)).is_problem(
        *(422, "validation", "/patient/name", "/patient/email", "/patient/phone", "/patient/customer_id"),
        *("/note", "/for_other", "/more"),
    )
    holds = f"/clinicians/{clinic.amira}/holds"
    (await clinic.post(holds, {"partner": "p", "x": 1})).is_problem(422, "validation", "/start", "/partner", "/x")
    wrong = {"minutes": 0, "way": "x", "address": 1}
    reply = await clinic.post("/visit-types", wrong, auth="admin")
    reply.is_problem(422, "validation", "/name", "/minutes", "/way", "/address")
    reply = await clinic.post("/clinicians", {"visit_types": [clinic.follow_up, "x", 1]}, auth="admin")
    assert {"/name", "/timezone", "/visit_types/1", "/visit_types/2"} == set(reply.pointers)
    odd = await clinic.post("/visit-types", {"a/b~c": 1, "name": "x", "minutes": 5}, auth="admin")
    odd.is_problem(422, "validation", "/a~1b~0c")


async def test_what_is_just_right_is_taken(stage: Hold) -> None:
    clinic = stage.clinic
    longest = {"name": "x" * 200, "email": "x" * 242 + "@example.org", "phone": "1" * 40}
    assert len(longest["email"]) == 254
    body = {"patient": longest, "note": "ü" * 2000, "access_needs": ["𝄞" * 2000] * 2, "for_other": False}
    told = (await stage.act("confirm", body)).is_ok()["appointment"]
    assert {name: told["patient"][name] for name in longest} == longest
    assert (told["note"], told["access_needs"]) == (body["note"], body["access_needs"])
    padded = json.dumps({"name": "  Padded  ", "minutes": 2.0}).encode().ljust(65_536)
    kind = (await clinic.send("POST", "/visit-types", data=padded, auth="admin")).is_ok(201)["visit_type"]
    assert (kind["name"], kind["minutes"], type(kind["minutes"])) == ("Padded", 2, int)
    plain = {"Content-Type": "application/json; charset=UTF-8"}
    sent = await clinic.send("POST", "/visit-types", {"name": "x", "minutes": 1}, auth="admin", headers=plain)
    sent.is_ok(201)
    (await stage.act("cancel", {"reason": "First line.\r\nSecond.\tTab."})).is_ok()
    assert (await stage.read())["reason"] == "First line.\nSecond.\tTab."


async def test_an_empty_body_is_an_empty_object(stage: Hold) -> None:
    headers = {"Content-Type": "text/plain"}
    reply = await stage.clinic.send("POST", f"{stage.path}/extend", data=b"", auth=stage.token, headers=headers)
    reply.is_ok()
    (await stage.act("confirm")).is_problem(422, "validation", "/patient")


@pytest.mark.parametrize("start", ["2027-02-28T09:00:00Z", "2028-02-29T09:00:00Z", "2027-05-25T08:00:00Z"])
async def test_well_formed_instants_that_cannot_be_booked_are_a_conflict(unlimited: Clinic, start: str) -> None:
    async with nothing_changes(unlimited):
        reply = await unlimited.post(f"/clinicians/{unlimited.amira}/holds", {"start": start})
        assert len(reply.is_problem(409, "slot-unavailable")["alternatives"]) == 3


async def test_a_local_time_that_does_not_exist_has_no_slot(unlimited: Clinic) -> None:
    async with nothing_changes(unlimited):
        # Berlin's clocks go from 02:00 to 03:00: the window 01:00-04:00 ends at 02:00 UTC.
        for start in ("2027-03-28T02:00:00Z", "2027-03-28T02:30:00Z", "2027-03-27T23:30:00Z"):
            reply = await unlimited.post(f"/clinicians/{unlimited.jonas}/holds", {"start": start})
            reply.is_problem(409, "slot-unavailable")


async def test_other_encodings_of_a_path_find_nothing(unlimited: Clinic) -> None:
    async with nothing_changes(unlimited):
        for name in ("%00", "%ff", "..", "%2e%2e", "%2F", "a" * 5000, "%F0%9D%84%9E", "'; DROP TABLE keys;--", "%"):
            for path in (f"/appointments/{name}", f"/clinicians/{name}", f"/clinicians/{name}/slots"):
                assert (await unlimited.get(path, auth="admin")).status in (400, 404), path


async def raw(clinic: Clinic, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and read the answer until the connection ends."""
    host, _, port = clinic.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def request(target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request below the prefix that ends its connection."""
    lines = [b"%s %s%s HTTP/1.1" % (method, PREFIX.encode(), target), b"Host: x", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"", body])


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


async def test_bytes_that_are_no_text_are_refused_wherever_they_stand(unlimited: Clinic) -> None:
    clinic, key = unlimited, unlimited.keys["admin"].encode()
    path = b"/clinicians/" + clinic.amira.encode()
    body = json.dumps({"start": NINE}).encode()
    length = b"Content-Length: %d" % len(body)
    json_type = b"Content-Type: application/json"
    cases = [
        request(b"/clinicians/\xff/slots"),
        request(b"/appointments/\xff\xfe", b"Authorization: Bearer " + key),
        request(b"/clinic?\xff=1"),
        request(path + b"/slots?visit_type=\xff"),
        request(path + b"/slots?visit_type=%ff"),
        request(path + b"/slots?visit_type=%ed%a0%80"),
        request(path + b"/slots?from=%00"),
        request(b"/appointments?q=%ff", b"Authorization: Bearer " + key),
        request(b"/appointments?cursor=%ff", b"Authorization: Bearer " + key),
        request(b"/appointments", b"Authorization: Bearer \xff"),
        request(b"/appointments", b"Authorization: Bearer hfk_\xff.\xff"),
        request(b"/appointments/x", b"Authorization: Bearer \xff\xfe"),
        request(path + b"/slots", b"If-None-Match: \xff"),
        request(path + b"/holds", json_type, length, b"Idempotency-Key: \xff\xff", method=b"POST", body=body),
        request(path + b"/holds?\xff", json_type, length, b"Idempotency-Key: " + b"k" * 20, method=b"POST", body=body),
        request(path + b"/holds", b"Content-Type: \xff", length, method=b"POST", body=body),
        request(path + b"/holds", json_type, length, b"Content-Encoding: \xff", method=b"POST", body=body),
        request(b"/clinic", b"X-Forwarded-For: \xff"),
        request(b"/clinic", b"Cookie: booking=\xff; sid=\xff"),
        request(b"/appointments/x/extend", b"If-Match: \xff", b"Authorization: Bearer x", method=b"POST"),
    ]
    async with nothing_changes(clinic):
        for case in cases:
            status, headers, told = await raw(clinic, case)
            assert status < 500, (case, told)
            if status >= 400:
                assert headers["Content-Type"] == "application/problem+json", case


async def test_chunked_bodies_are_read_and_measured_like_others(unlimited: Clinic) -> None:
    clinic = unlimited
    path = b"/clinicians/" + clinic.amira.encode() + b"/holds"
    headers = (b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    body = json.dumps({"start": NINE}).encode()

    async def send(*chunks: bytes) -> tuple[int, bytes]:
        status, _, told = await raw(clinic, request(path, *headers, method=b"POST", body=chunked(*chunks)))
        return status, told

    assert (await send(b'{"start": ', b'"never"}'))[0] == 422
    assert (await send(*[b" " * 1000] * 66))[0] == 413
    assert (await send(*[b"x" * 60_000] * 40))[0] == 413
    assert (await send(b"{"))[0] == 400
    broken = request(path, *headers, method=b"POST", body=b"zz\r\n{}\r\n0\r\n\r\n")
    status, told_headers, told = await raw(clinic, broken)
    assert (status, told_headers["Content-Type"]) == (400, "application/problem+json")
    assert json.loads(told)["type"].endswith("/malformed")
    assert (await send(body[:7], body[7:9], body[9:]))[0] == 201


async def test_a_body_that_never_comes_keeps_nobody_else_waiting(unlimited: Clinic) -> None:
    clinic = unlimited
    host, _, port = clinic.url.removeprefix("http://").partition(":")
    path = b"/clinicians/" + clinic.amira.encode() + b"/holds"
    waiting = []
    async with nothing_changes(clinic):
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            length = (b"Content-Type: application/json", b"Content-Length: 100")
            writer.write(request(path, *length, method=b"POST", body=b'{"start"'))
            await writer.drain()
            waiting.append(writer)
        assert len(await clinic.slots()) > 0
    hold = await clinic.hold(NINE)
    (await hold.confirm()).is_ok()
    for writer in waiting:
        writer.close()
        await writer.wait_closed()


async def test_others_book_while_bad_requests_rain(unlimited: Clinic) -> None:
    clinic = unlimited
    holds = f"/clinicians/{clinic.amira}/holds"
    starts = [slot["start"] for slot in await clinic.slots(visit_type=clinic.telephone)][:20]
    bad = [clinic.send("POST", holds, data=data) for data in BROKEN * 3]
    bad += [clinic.post(holds, {"start": value}) for value in INSTANTS * 2]
    good = [clinic.hold(start, visit_type=clinic.telephone) for start in starts]
    replies, made = await asyncio.gather(asyncio.gather(*bad), asyncio.gather(*good))
    assert {reply.status for reply in replies} == {400, 422}
    assert {hold.first["start"] for hold in made} == set(starts)
    assert all(hold.first["created_at"] == instant(clinic.clock.now_ms() // 1000) for hold in made)
