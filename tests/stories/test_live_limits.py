"""Who may open `/live`, what ends a socket, and that nobody who misbehaves or sleeps disturbs the others."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from actors.calendar.publish import Topic
from server.live import session as live_session
from tests.stories.clinic import Clinic
from tests.stories.live_page import shows_truth, watching
from tests.stories.raw_socket import BINARY, PING, PONG, TEXT, RawSocket

NINE = "2027-03-22T09:00:00Z"


@pytest.fixture
async def raw(clinic: Clinic) -> AsyncIterator[RawSocket]:
    connected = await RawSocket.connect(clinic.url)
    yield connected
    await connected.close()


async def refused(clinic: Clinic, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    with pytest.raises(WSServerHandshakeError) as caught:
        await clinic.session.ws_connect("/live", headers=headers)
    assert caught.value.headers is not None
    return caught.value.status, caught.value.headers


async def accepted(clinic: Clinic, headers: Mapping[str, str]) -> None:
    async with clinic.session.ws_connect("/live", headers=headers) as socket:
        await socket.send_json({"op": "watch", "calendar": clinic.amira})
        assert (await socket.receive_json())["op"] == "snapshot"


async def test_own_pages_and_programs_may_open_it(clinic: Clinic) -> None:
    await accepted(clinic, {"Origin": clinic.url})
    await accepted(clinic, {"Origin": clinic.config.base_url or ""})
    await accepted(clinic, {"Origin": clinic.url, "Cookie": "sid=1; booking=2"})
    await accepted(clinic, {})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://clinic.example.elsewhere.example"},
        {"Origin": "http://clinic.example@elsewhere.example"},
        {"Origin": "http://clinic.example:81"},
        {"Cookie": "sid=1"},
        {"Cookie": "__Host-sid=1"},
        {"Cookie": "sid=1", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
async def test_foreign_pages_may_not(clinic: Clinic, headers: dict[str, str]) -> None:
    status, told = await refused(clinic, headers)
    assert status == 403
    assert told["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_plain_http_is_told_so(clinic: Clinic, method: str) -> None:
    async with clinic.session.request(method, "/live") as response:
        body = await response.read()
    assert response.status == (405 if method == "POST" else 400)
    assert response.headers["Content-Type"] == "application/problem+json"
    if method == "GET":
        assert json.loads(body)["type"].endswith("/malformed")


async def test_handshake_carries_the_headers_and_no_compression(clinic: Clinic) -> None:
    raw = await RawSocket.connect(clinic.url, headers="Sec-WebSocket-Extensions: permessage-deflate\r\n")
    head = raw.head.lower()
    assert "sec-websocket-extensions" not in head
    assert "content-security-policy" in head
    assert "server: holdfast" in head
    await raw.close()


@pytest.mark.parametrize(
    ("sent", "re", "reason"),
    [
        ('{"op":"fly"}', "fly", "unknown-op"),
        ("{}", None, "unknown-op"),
        ('{"op":7}', None, "unknown-op"),
        ('{"op":"\\ud800"}', None, "unknown-op"),
        ('{"op":"watch"}', "watch", "bad"),
        ('{"op":"watch","calendar":7}', "watch", "bad"),
        ('{"op":"watch","calendar":"x","since":{"epoch":"e","seq":-1}}', "watch", "bad"),
        ('{"op":"watch","calendar":"x","since":{"epoch":"e","seq":18446744073709551616}}', "watch", "bad"),
        ('{"op":"watch","calendar":"\\udcff"}', "watch", "bad"),
        ('{"op":"watch","calendar":"x","calendar":"y"}', "watch", "bad"),
        ('{"op":"watch","calendar":"x"}', "watch", "not-found"),
        ('{"op":"unwatch","calendar":["x"]}', "unwatch", "bad"),
    ],
)
async def test_wrong_message_is_told_and_the_socket_stays(
    clinic: Clinic, raw: RawSocket, sent: str, re: str | None, reason: str
) -> None:
    raw.send(TEXT, sent.encode())
    assert json.loads((await raw.frame())[1]) == {"op": "error", "re": re, "reason": reason}
    raw.say({"op": "watch", "calendar": clinic.amira})
    assert json.loads((await raw.frame())[1])["op"] == "snapshot"


@pytest.mark.parametrize(
    ("opcode", "payload", "code"),
    [
        (TEXT, b"hello", 1008),
        (TEXT, b"", 1008),
        (TEXT, b"[]", 1008),
        (TEXT, b'"watch"', 1008),
        (TEXT, b"null", 1008),
        (TEXT, b'{"op":"watch","calendar":NaN}', 1008),
        (TEXT, b"[" * 4000, 1008),
        (BINARY, b'{"op":"watch"}', 1008),
        (TEXT, b'{"op":"' + b"x" * 4096 + b'"}', 1009),
        (TEXT, b'{"op":"' + "\u20ac".encode() * 1400 + b'"}', 1009),
        (TEXT, b"x" * 65_537, 1009),
        (TEXT, b'{"op":"\xff"}', 1007),
        (3, b"", 1002),
    ],
)
async def test_what_is_no_message_closes(raw: RawSocket, opcode: int, payload: bytes, code: int) -> None:
    raw.send(opcode, payload)
    closed, _ = await raw.closing()
    assert closed == code


async def test_fragments_do_not_get_around_the_limit(clinic: Clinic) -> None:
    fragments = await RawSocket.connect(clinic.url)
    for place in range(3):
        fragments.send(0 if place else TEXT, b"x" * 30_000, first=0)
    assert (await fragments.closing())[0] == 1009
    await fragments.close()


async def test_message_of_exactly_4_kib_is_read(clinic: Clinic, raw: RawSocket) -> None:
    message = json.dumps({"op": "watch", "calendar": clinic.amira}).encode()
    raw.send(TEXT, message + b" " * (4096 - len(message)))
    assert json.loads((await raw.frame())[1])["op"] == "snapshot"


async def test_reason_of_the_close_is_told(raw: RawSocket) -> None:
    raw.send(TEXT, b"hello")
    assert await raw.closing() == (1008, "not JSON")


async def test_nothing_follows_the_closing_frame(clinic: Clinic, raw: RawSocket) -> None:
    raw.say({"op": "watch", "calendar": clinic.amira})
    await raw.frame()
    raw.send(TEXT, b"hello")
    await raw.closing()
    await clinic.hold(NINE, visit_type=clinic.follow_up)
    assert await raw.reader.read() == b""


async def test_too_fast_is_1013_and_a_second_later_fine(clinic: Clinic, raw: RawSocket) -> None:
    for _ in range(live_session.MESSAGES_A_SECOND):
        raw.say({"op": "unwatch", "calendar": "x"})
    raw.say({"op": "mark"})
    assert (await raw.closing())[0] == 1013
    calm = await RawSocket.connect(clinic.url)
    for _ in range(3):
        for _ in range(live_session.MESSAGES_A_SECOND - 1):
            calm.say({"op": "unwatch", "calendar": "x"})
        calm.say({"op": "mark"})
        assert json.loads((await calm.frame())[1])["op"] == "error"
        clinic.clock.advance(1)
    await calm.close()


async def test_sockets_of_one_address_are_limited(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_session, "SOCKETS_PER_ADDRESS", 3)
    sockets = [await clinic.live() for _ in range(3)]
    status, headers = await refused(clinic, {})
    assert status == 429
    assert int(headers["Retry-After"]) > 0
    await sockets[0].close()
    await accepted(clinic, {})


async def test_topics_of_one_socket_are_limited(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_session, "TOPICS_PER_SOCKET", 2)
    async with watching(clinic, None) as page:
        for visit_type in (clinic.follow_up, clinic.telephone):
            await page.socket.send_json({"op": "watch", "calendar": clinic.amira, "visit_type": visit_type})
        assert await page.next("error") == {"op": "error", "re": "watch", "reason": "too-many"}
        await page.watch()  # what is watched already may be asked for again
        await page.until(lambda: len(page.frames) == 4)
        await page.socket.send_json({"op": "unwatch", "calendar": clinic.amira, "visit_type": clinic.follow_up})
        await page.socket.send_json({"op": "watch", "calendar": clinic.amira, "visit_type": clinic.telephone})
        await page.until(lambda: page.frames[-1].get("visit_type") == clinic.telephone)


async def test_without_rate_limits_there_are_none(unlimited: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOCKETS_PER_ADDRESS", "TOPICS_PER_SOCKET", "MESSAGES_A_SECOND"):
        monkeypatch.setattr(live_session, name, 1)
    clinic = unlimited
    sockets = [await clinic.live() for _ in range(3)]
    for visit_type in (None, clinic.follow_up, clinic.telephone):
        await sockets[2].send_json({"op": "watch", "calendar": clinic.amira, "visit_type": visit_type})
    assert [(await sockets[2].receive_json())["op"] for _ in range(3)] == ["snapshot"] * 3


async def test_client_that_does_not_read_is_dropped_and_the_others_miss_nothing(unlimited: Clinic) -> None:
    clinic = unlimited
    async with watching(clinic, clinic.telephone) as page:
        sleeper = await RawSocket.connect(clinic.url, receive_buffer=4096)
        hub = clinic.engine.audience.hub
        for _ in range(400):  # each answer has about ten thousand bytes, and nobody reads them
            sleeper.say({"op": "watch", "calendar": clinic.amira, "visit_type": clinic.telephone})
        topic = Topic(clinic.amira, clinic.telephone)
        async with asyncio.timeout(10):
            while hub.count(topic) < 2:
                await asyncio.sleep(0)
        hold = await clinic.hold(NINE)
        await shows_truth(clinic, [page])
        async with asyncio.timeout(10):
            while hub.count(topic) > 1:  # it must be dropped without having read anything
                await asyncio.sleep(0)
            await sleeper.ended()
        (await hold.act("release")).is_ok()
        await shows_truth(clinic, [page])
        assert [watched.visit_type for watched in hub.watched()] == [clinic.telephone]
        assert page.again == 0
        await sleeper.close()


async def test_server_pings_and_a_peer_that_does_not_answer_is_gone(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live_session.PING_SECONDS == 20.0  # and aiohttp waits half of it for the answer: 30 of the promised 35
    monkeypatch.setattr(live_session, "PING_SECONDS", 0.05)
    deaf, polite = await RawSocket.connect(clinic.url), await RawSocket.connect(clinic.url)
    for _ in range(4):
        assert (await polite.frame())[0] == PING
        polite.send(PONG, b"")
    assert (await deaf.frame())[0] == PING
    async with asyncio.timeout(5):
        await deaf.ended()
    for socket in (deaf, polite):
        await socket.close()


async def test_client_may_ping(raw: RawSocket) -> None:
    raw.send(PING, b"here?")
    assert await raw.frame() == (PONG, b"here?")


async def test_shutdown_tells_everybody_to_come_back_and_waits_for_nobody(unlimited: Clinic) -> None:
    clinic = unlimited
    deaf = [await RawSocket.connect(clinic.url) for _ in range(5)]
    sleeper = await RawSocket.connect(clinic.url, receive_buffer=4096)
    for _ in range(8):
        sleeper.say({"op": "watch", "calendar": clinic.amira})
    async with ClientSession(clinic.url) as browser, browser.ws_connect("/live") as socket:
        await socket.send_json({"op": "watch", "calendar": clinic.amira})
        assert (await socket.receive_json())["op"] == "snapshot"
        stopping = asyncio.create_task(clinic.stop())
        message: Any = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
        async with asyncio.timeout(8):
            await stopping
    for one in deaf:
        assert (await one.closing())[0] == 1012
    for one in (*deaf, sleeper):
        await one.close()
    await clinic.start()  # for the fixture to stop
