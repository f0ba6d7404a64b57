"""The outermost layer: headers on everything, errors as problems, which requests are ours, and how many."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict

from actors.ids import SeededIds
from actors.manual_clock import ManualClock
from actors.refusals import NotFound, Refusal, SlotUnavailable, TooManyHolds
from server import config
from server.problems import Problem, malformed
from server.rates import Rates
from server.shield import CSP, PAGE_PROBLEM, Shield, protect

NOW_MS = 1_773_000_000_000
Client = TestClient[web.Request, web.Application]
STATIC_FOLDER = Path(__file__).parent


def shield_with(**settings: str) -> Shield:
    environ = {f"HOLDFAST_{name.upper()}": value for name, value in settings.items()}
    clock = ManualClock(NOW_MS)
    return Shield(config.load(environ), clock, SeededIds(1), Rates(clock, burst=3))


def raising(error: BaseException) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        raise error

    return handler


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Any], shield: Shield | None = None, page: Any = None
) -> AsyncIterator[Client]:
    app = web.Application()
    protect(app, shield or shield_with())
    if page is not None:
        app[PAGE_PROBLEM] = page
    for path in ("/api/v1/things/{id}", "/a/{token}", "/live"):
        app.router.add_route("*", path, handler)
    app.router.add_static("/static", STATIC_FOLDER)
    async with TestClient(TestServer(app)) as client:
        yield client


async def fine(request: web.Request) -> web.Response:
    return web.json_response({})


async def problem_at(client: Client, path: str = "/api/v1/things/1", **more: Any) -> dict[str, Any]:
    async with client.get(path, **more) as response:
        assert response.content_type == "application/problem+json"
        document: dict[str, Any] = await response.json()
        assert document["status"] == response.status
        return document


@pytest.mark.parametrize(
    "path", ["/api/v1/things/1", "/none", "/static/test_shield.py", "/static/none", "/api/v1/none"]
)
async def test_every_response_has_the_security_headers(path: str) -> None:
    async with serving(fine) as client, client.get(path) as response:
        assert response.headers["Content-Security-Policy"] == CSP
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=(self), microphone=(self)" in response.headers["Permissions-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Server"] == "Holdfast"
        assert "Strict-Transport-Security" not in response.headers


async def test_a_websocket_has_the_security_headers_too() -> None:
    async def live(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        return socket

    async with serving(live) as client, client.ws_connect("/live") as socket:
        assert socket._response.headers["X-Content-Type-Options"] == "nosniff"


async def test_https_is_remembered_when_the_base_url_has_it() -> None:
    shield = shield_with(base_url="https://clinic.example")
    async with serving(fine, shield) as client, client.get("/none") as response:
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_a_handler_may_allow_caching_and_framing() -> None:
    async def embedded(request: web.Request) -> web.Response:
        policy = "frame-ancestors https://partner.example"
        return web.Response(headers={"Cache-Control": "max-age=60", "Content-Security-Policy": policy})

    async with serving(embedded) as client, client.get("/a/x") as response:
        assert response.headers["Cache-Control"] == "max-age=60"
        assert response.headers.getall("Content-Security-Policy") == ["frame-ancestors https://partner.example"]
        assert "X-Frame-Options" not in response.headers


def test_answers_from_below_have_the_same_headers() -> None:
    headers = shield_with().headers
    assert headers["Content-Security-Policy"] == CSP
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_refusal_is_a_problem() -> None:
    async with serving(raising(SlotUnavailable((1_773_045_000,)))) as client:
        document = await problem_at(client)
        assert document["status"] == 409
        assert document["alternatives"] == ["2026-03-09T08:30:00Z"]


async def test_retry_after_counts_from_now() -> None:
    async with (
        serving(raising(TooManyHolds(until=NOW_MS // 1000 + 90))) as client,
        client.get("/api/v1/things/1") as response,
    ):
        assert response.headers["Retry-After"] == "90"


async def test_a_problem_goes_out_as_it_is() -> None:
    async with serving(raising(malformed("Bad."))) as client:
        assert (await problem_at(client))["detail"] == "Bad."


async def test_a_redirect_is_no_error() -> None:
    async with (
        serving(raising(web.HTTPSeeOther("/elsewhere"))) as client,
        client.get("/a/x", allow_redirects=False) as response,
    ):
        assert (response.status, response.headers["Location"]) == (303, "/elsewhere")
        assert response.headers["Cache-Control"] == "no-store"


async def test_a_wrong_method_says_which_are_allowed() -> None:
    async with serving(fine) as client, client.post("/static/test_shield.py") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
        assert response.content_type == "application/problem+json"


class NobodyKnows(Refusal):
    """A refusal that was forgotten in the table of problems."""


@pytest.mark.parametrize(
    "error",
    [
        LookupError("the secret"),
        TimeoutError("the secret"),
        ConnectionResetError("the secret"),
        web.HTTPBadGateway(text="the secret"),
        NobodyKnows("the secret"),
        SlotUnavailable((10**15,)),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_defect_shows_nothing_but_the_number_under_which_it_is_logged(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(raising(error)) as client:
        document = await problem_at(client)
    assert document["status"] == 500
    assert "secret" not in str(document)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert document["incident"] in caplog.messages[0]


async def test_a_defect_is_logged_with_its_route_and_not_its_path(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(raising(LookupError())) as client:
        await problem_at(client, "/a/token-of-a-patient")
    assert "/a/{token}" in caplog.messages[0]
    assert "token-of-a-patient" not in caplog.text


async def test_a_cancelled_request_stays_cancelled() -> None:
    shield = shield_with()
    request = make_mocked_request("GET", "/")
    with pytest.raises(asyncio.CancelledError):
        await shield.middleware(request, raising(asyncio.CancelledError()))


async def paint(request: web.Request, problem: Problem) -> web.Response:
    return web.Response(text=f"<h1>{problem.title}</h1>", status=problem.status, content_type="text/html")


async def test_people_get_a_page_and_machines_a_problem() -> None:
    async with serving(raising(NotFound()), page=paint) as client:
        for path in ("/a/x", "/none"):
            async with client.get(path) as response:
                assert (response.status, await response.text()) == (404, "<h1>Not found</h1>")
                assert response.headers["Content-Security-Policy"] == CSP
        for path in ("/api/v1/things/1", "/api/v1/none", "/live", "/healthz", "/metrics"):
            assert (await problem_at(client, path))["status"] == 404


async def test_an_error_page_keeps_the_headers_of_its_problem() -> None:
    async with (
        serving(raising(TooManyHolds(until=NOW_MS // 1000 + 5)), page=paint) as client,
        client.get("/a/x") as response,
    ):
        assert response.headers["Retry-After"] == "5"


async def test_an_error_page_that_fails_is_replaced_by_the_problem(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(request: web.Request, problem: Problem) -> web.Response:
        raise LookupError

    async with serving(raising(NotFound()), page=fails) as client:
        assert (await problem_at(client, "/a/x"))["status"] == 404
    assert len(caplog.records) == 1


def asked_from(host: str, **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("POST", "/", headers=CIMultiDict({"Host": host, **named}))


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"Origin": "http://clinic.example"}, True),
        ({"Origin": "https://clinic.example"}, True),  # a proxy ended TLS
        ({"Origin": "https://clinic.example:443"}, True),
        ({"Origin": "HTTPS://Clinic.Example"}, True),
        ({"Origin": "https://public.example"}, True),
        ({"Origin": "https://clinic.example:8443"}, False),
        ({"Origin": "https://clinic.example.evil.example"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://clinic.example@evil.example"}, False),
        ({"Origin": "https://evil.example/clinic.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "clinic.example"}, False),
        ({"Origin": "ftp://clinic.example"}, False),
        ({"Origin": "http://[::1"}, False),
        ({"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"}, False),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site", "Referer": "https://clinic.example/book"}, False),
        ({"Referer": "https://clinic.example/book?x=1"}, True),
        ({"Referer": "https://public.example/"}, True),
        ({"Referer": "https://evil.example/clinic.example"}, False),
        ({}, False),
    ],
)
def test_same_origin_is_judged_by_origin_then_fetch_metadata_then_referer(headers: dict[str, str], ours: bool) -> None:
    shield = shield_with(base_url="https://public.example")
    assert shield.same_origin(asked_from("clinic.example", **headers)) is ours


def test_two_origins_are_none() -> None:
    request = make_mocked_request(
        "POST", "/", headers=CIMultiDict([("Host", "a"), ("Origin", "http://a"), ("Origin", "http://a")])
    )
    assert not shield_with().same_origin(request)


def test_a_port_belongs_to_the_host() -> None:
    shield = shield_with()
    assert shield.same_origin(asked_from("localhost:8080", Origin="http://localhost:8080"))
    assert not shield.same_origin(asked_from("localhost:8080", Origin="http://localhost"))
    assert shield.same_origin(asked_from("localhost:80", Origin="http://localhost"))
    assert shield.same_origin(asked_from("[::1]:8080", Origin="http://[::1]:8080"))


async def statuses(client: Client, count: int, **more: Any) -> list[int]:
    found = []
    for _ in range(count):
        async with client.post("/api/v1/things/1", **more) as response:
            found.append(response.status)
    return found


async def test_changes_without_credentials_are_limited_by_address() -> None:
    async with serving(fine) as client:
        assert await statuses(client, 4) == [200, 200, 200, 429]
        async with client.post("/api/v1/things/1") as response:
            assert response.headers["Retry-After"] == "1"
            assert (await response.json())["type"].endswith("/rate-limited")
        async with client.get("/api/v1/things/1") as response:
            assert response.status == 200


async def test_a_made_up_cookie_is_no_way_around_the_limit() -> None:
    async with serving(fine) as client:
        assert await statuses(client, 4, headers={"Cookie": "sid=x"}) == [200, 200, 200, 429]


async def test_credentials_are_charged_by_whoever_finds_them_wanting() -> None:
    headers = {"Authorization": "Bearer x"}
    async with serving(fine) as client:
        assert await statuses(client, 5, headers=headers) == [200] * 5

    shield = shield_with()

    async def wanting(request: web.Request) -> web.Response:
        shield.charge(request)
        return web.Response()

    async with serving(wanting, shield) as client:
        assert await statuses(client, 4, headers=headers) == [200, 200, 200, 429]


async def test_another_cookie_is_no_credential() -> None:
    async with serving(fine) as client:
        assert await statuses(client, 4, headers={"Cookie": "booking=x"}) == [200, 200, 200, 429]


async def test_limits_can_be_off() -> None:
    async with serving(fine, shield_with(rate_limits="off")) as client:
        assert await statuses(client, 6) == [200] * 6


async def test_a_forwarding_header_of_any_request_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(fine) as client:
        for _ in range(2):
            async with client.get("/a/x", headers={"X-Forwarded-Proto": "https"}):
                pass
    assert len(caplog.records) == 1
