"""Raw bytes against a tiny application: whatever comes in, what goes out is HTTP, a problem, or the end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web

from actors.ids import SeededIds
from actors.manual_clock import ManualClock
from server import config, reading
from server.protocol import HoldfastRunner
from server.reading import read_json
from server.shield import Shield, protect

HOST = b"Host: clinic\r\n"
CLOSE = HOST + b"Connection: close\r\n"
JSON = CLOSE + b"Content-Type: application/json\r\n"
JSON_KEPT = HOST + b"Content-Type: application/json\r\n"
GONE = web.AppKey("gone", asyncio.Event)
SHORT_SECONDS = 0.2  # stands for the real deadlines of 10 and 30 s


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        document = orjson.loads(self.body)
        assert document["status"] == self.status
        return str(document["type"]).rpartition("/")[2]


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    async def is_closed(self) -> bool:
        return await self.reader.read() == b""


@dataclass
class Edge:
    port: int
    gone: asyncio.Event
    opened: list[Connection] = field(default_factory=list)

    async def connect(self) -> Connection:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        self.opened.append(connection)
        return connection

    async def send(self, data: bytes) -> Connection:
        connection = await self.connect()
        connection.send(data)
        return connection

    async def ask(self, data: bytes) -> Answer:
        return await (await self.send(data)).answer()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(await read_json(request)))


async def patient(request: web.Request) -> web.Response:
    try:
        await read_json(request)
    finally:
        request.app[GONE].set()
    return web.Response()


async def broken(request: web.Request) -> web.Response:
    raise LookupError("a secret")


async def half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half")
    raise LookupError("a secret")


async def live(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close()
    return socket


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    app = web.Application()
    shield = Shield(config.load({}), ManualClock(0), SeededIds(1))
    protect(app, shield)
    app.router.add_get("/", hello)
    app.router.add_post("/echo", echo)
    app[GONE] = asyncio.Event()
    app.router.add_post("/patient", patient)
    app.router.add_get("/broken", broken)
    app.router.add_get("/half", half)
    app.router.add_get("/live", live)
    runner = HoldfastRunner(
        app,
        headers=shield.headers,
        header_seconds=SHORT_SECONDS,
        keepalive_seconds=SHORT_SECONDS,
        lingering_seconds=SHORT_SECONDS,
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    edge = Edge(site.port, app[GONE])
    yield edge
    for connection in edge.opened:
        connection.writer.close()
    await runner.cleanup()


UNREADABLE = {
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a bad request line": b"\x00\x01garbage\r\n\r\n",
    "an unknown method": b"FOO / HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + CLOSE + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a path that is not ASCII": b"GET /\xff\xfe HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "an address that is none": b"GET http://[::1 HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "a path of 20,000 bytes": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + CLOSE + b"X: a\0b\r\n\r\n",
    "a header of 50,000 bytes": b"GET / HTTP/1.1\r\n" + CLOSE + b"X: " + b"a" * 50_000 + b"\r\n\r\n",
    "300 headers": b"GET / HTTP/1.1\r\n" + CLOSE + b"A: b\r\n" * 300 + b"\r\n",
    "a header name that is not ASCII": b"GET / HTTP/1.1\r\n" + CLOSE + b"Or\xffigin: a\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\n" + CLOSE + b"X: a\r\n b\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "a length that is no number": b"POST /echo HTTP/1.1\r\n" + JSON + b"Content-Length: 1x\r\n\r\n{}",
    "a negative length": b"POST /echo HTTP/1.1\r\n" + JSON + b"Content-Length: -5\r\n\r\n{}",
    "a length beyond all numbers": b"POST /echo HTTP/1.1\r\n" + JSON + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\n" + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": b"POST /echo HTTP/1.1\r\n"
    + JSON
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": b"POST /echo HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a bad chunk that nobody reads": b"GET / HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown expectation": b"POST /echo HTTP/1.1\r\n" + JSON + b"Expect: junk\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_no_request_is_malformed(edge: Edge, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = await edge.send(data)
    answer = await connection.answer()
    assert (answer.status, answer.slug) == (400, "malformed")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert await connection.is_closed()
    assert [record for record in caplog.records if record.exc_info or record.levelno > logging.INFO] == []
    assert all(len(record.getMessage()) < 60 for record in caplog.records if record.name.startswith("server"))


async def test_the_log_names_the_fault_and_none_of_its_bytes(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await edge.ask(b"GET /secret HTTP/1.1\r\nHost: a\r\nX: se\0cret\r\n\r\n")
    assert caplog.messages == ["unreadable request: BadHttpMessage"]


async def test_a_chunk_that_breaks_while_it_is_read_is_malformed(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    connection = await edge.send(
        b"POST /echo HTTP/1.1\r\n" + JSON_KEPT + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await connection.answer()).status == 100  # so the handler runs now
    connection.send(b'5\r\n{"a":\r\nqq\r\n')
    assert (await connection.answer()).slug == "malformed"
    assert await connection.is_closed()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_chunk_that_breaks_does_not_harm_the_request_before_it(edge: Edge) -> None:
    connection = await edge.send(b"POST /echo HTTP/1.1\r\n" + JSON_KEPT + b"Content-Length: 7\r\n\r\n" + b'{"a":1}')
    connection.send(b"POST /echo HTTP/1.1\r\n" + JSON_KEPT + b"Transfer-Encoding: chunked\r\n\r\n")
    assert (await connection.answer()).body == b'{"a":1}'
    connection.send(b"qq\r\n")
    assert (await connection.answer()).slug == "malformed"
    assert await connection.is_closed()


async def test_an_expected_continue_is_given(edge: Edge) -> None:
    connection = await edge.send(
        b"POST /echo HTTP/1.1\r\n" + JSON + b"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n"
    )
    assert (await connection.answer()).status == 100
    connection.send(b'{"a":1}')
    assert (await connection.answer()).body == b'{"a":1}'


async def test_half_a_header_ends_at_the_deadline(edge: Edge) -> None:
    assert await (await edge.send(b"GET / HTTP/1.1\r\nHost: ")).is_closed()


async def test_silence_after_connecting_ends_at_the_deadline(edge: Edge) -> None:
    assert await (await edge.connect()).is_closed()


async def test_half_a_header_of_a_later_request_ends_at_the_deadline(edge: Edge) -> None:
    connection = await edge.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await connection.answer()).status == 200
    connection.send(b"GET / HT")
    assert await connection.is_closed()


async def test_an_idle_connection_ends_after_its_keep_alive(edge: Edge) -> None:
    connection = await edge.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await connection.answer()).status == 200
    assert await connection.is_closed()


async def test_a_body_that_stops_half_way_is_given_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.05)
    connection = await edge.send(b"POST /echo HTTP/1.1\r\n" + JSON_KEPT + b"Content-Length: 9\r\n\r\n{")
    answer = await connection.answer()
    assert (answer.slug, answer.headers["connection"]) == ("malformed", "close")
    assert await connection.is_closed()


async def test_a_client_that_breaks_off_is_told_nothing_and_not_logged(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connection = await edge.send(
        b"POST /patient HTTP/1.1\r\n" + JSON_KEPT + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await connection.answer()).status == 100
    connection.writer.close()
    await edge.gone.wait()
    assert (await edge.ask(b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")).status == 200
    assert caplog.records == []


async def test_too_large_is_said_before_the_body_comes(edge: Edge) -> None:
    answer = await edge.ask(b"POST /echo HTTP/1.1\r\n" + JSON + b"Content-Length: 100000\r\n\r\n")
    assert (answer.status, answer.slug) == (413, "too-large")


async def test_requests_in_a_row_are_answered_in_their_order(edge: Edge) -> None:
    connection = await edge.send(
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
        b"POST /echo HTTP/1.1\r\n" + JSON_KEPT + b"Content-Length: 7\r\n\r\n"
        b'{"a":1}'
        b"GET /none HTTP/1.1\r\n" + CLOSE + b"\r\n"
    )
    assert [(await connection.answer()).status for _ in range(3)] == [200, 200, 404]
    assert await connection.is_closed()


async def test_junk_after_a_request_is_malformed_and_the_end(edge: Edge) -> None:
    connection = await edge.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await connection.answer()).status == 200
    connection.send(b"junk\r\n\r\n")
    assert (await connection.answer()).slug == "malformed"
    assert await connection.is_closed()


async def test_an_unknown_path_and_a_wrong_method_are_problems(edge: Edge) -> None:
    assert (await edge.ask(b"GET /none HTTP/1.1\r\n" + CLOSE + b"\r\n")).slug == "not-found"
    answer = await edge.ask(b"DELETE /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert (answer.slug, answer.headers["allow"]) == ("method-not-allowed", "POST")


@pytest.mark.parametrize("method", [b"CONNECT a:1", b"OPTIONS *", b"TRACE /", b"GET /%ff%00%zz?a=%ff%00"])
async def test_odd_targets_are_answered_as_problems(edge: Edge, method: bytes) -> None:
    answer = await edge.ask(method + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.slug in ("not-found", "method-not-allowed")


async def test_a_head_request_gets_no_body(edge: Edge) -> None:
    connection = await edge.send(b"HEAD /none HTTP/1.1\r\n" + CLOSE + b"\r\n")
    received = await connection.reader.read()
    assert received.startswith(b"HTTP/1.1 404 ")
    assert received.endswith(b"\r\n\r\n")


async def test_a_declined_upgrade_is_an_ordinary_request(edge: Edge) -> None:
    answer = await edge.ask(b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_websocket_address_without_a_handshake_is_malformed(edge: Edge) -> None:
    assert (await edge.ask(b"GET /live HTTP/1.1\r\n" + CLOSE + b"\r\n")).slug == "malformed"


async def test_a_websocket_handshake_has_the_security_headers(edge: Edge) -> None:
    answer = await edge.ask(
        b"GET /live HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert answer.status == 101
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_defect_is_a_problem_without_details_and_logged_once(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await edge.ask(b"GET /broken HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert (answer.status, answer.slug) == (500, "internal")
    assert b"secret" not in answer.body
    assert b"LookupError" not in answer.body
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_a_defect_in_the_middle_of_a_response_ends_the_connection(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await edge.send(b"GET /half HTTP/1.1\r\n" + HOST + b"\r\n")
    received = await connection.reader.read()
    assert received.endswith(b"half\r\n")  # no last chunk: the client sees that it is not whole
    assert received.count(b"HTTP/1.1") == 1
    assert len([record for record in caplog.records if record.exc_info]) == 1
