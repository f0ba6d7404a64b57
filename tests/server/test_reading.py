"""Bodies and queries: what is read, what is refused as unreadable and what as wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from pydantic import Field
from yarl import URL

from server import fields, reading
from server.problems import Problem, Slug
from server.reading import parse_object, read_body, read_form, read_json, read_query, validate

Send = Callable[..., Awaitable[Any]]


class Patient(fields.Body):
    name: fields.Name
    email: fields.Email


class Confirm(fields.Body):
    patient: Patient
    access_needs: list[fields.Name] = []
    count: fields.Integer = 0


class Range(fields.Body):
    first: fields.Date = Field(alias="from")
    limit: Annotated[int, fields.QueryBetween(1, 200)] = 50
    preview: fields.QueryFlag = False


def malformed_detail(body: bytes) -> str:
    with pytest.raises(Problem) as caught:
        parse_object(body)
    assert caught.value.slug is Slug.MALFORMED
    return caught.value.detail


def faults(model: type[fields.Body], data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        validate(model, data)
    assert caught.value.slug is Slug.VALIDATION
    return {fault.pointer: fault.detail for fault in caught.value.errors}


@web.middleware
async def problems_are_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(await read_json(request)))


async def echo_form(request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(list((await read_form(request)).items())))


async def echo_query(request: web.Request) -> web.Response:
    asked = read_query(request, Range)
    return web.Response(body=orjson.dumps(asked.model_dump()))


async def read_twice(request: web.Request) -> web.Response:
    assert await read_body(request) is await read_body(request)
    return web.Response()


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    app = web.Application(middlewares=[problems_are_answers])
    app.router.add_post("/json", echo)
    app.router.add_post("/form", echo_form)
    app.router.add_get("/query", echo_query)
    app.router.add_post("/twice", read_twice)
    async with TestServer(app) as server, ClientSession() as session:

        async def request(method: str, path: str, **more: Any) -> tuple[int, Any]:
            async with session.request(method, server.make_url("/").join(URL(path, encoded=True)), **more) as response:
                body = await response.read()
                return response.status, orjson.loads(body) if body else None

        yield request


def as_json(body: bytes, content_type: str = "application/json") -> dict[str, Any]:
    return {"data": body, "headers": {"Content-Type": content_type}}


def test_an_object_is_read() -> None:
    assert parse_object(b'{"a": [1, 2.5, null, true, "\\u00e9\\ud83d\\ude00"]}') == {"a": [1, 2.5, None, True, "é😀"]}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1} x',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":+1}',
        b" ",
        b"\xef\xbb\xbf{}",
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b"{}\x00",
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    assert malformed_detail(body) in ("The body is not JSON.", "The body is not UTF-8.")


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_only_an_object_is_a_body(body: bytes) -> None:
    assert malformed_detail(body) == "The body must be a JSON object."


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"b":{"a":1,"a":2}}', b'{"a":1,"\\u0061":2}'])
def test_a_field_named_twice_is_malformed(body: bytes) -> None:
    assert malformed_detail(body) == "The body names a field twice."


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999"])
def test_numbers_that_are_none_are_malformed(number: bytes) -> None:
    assert malformed_detail(b'{"a":%b}' % number)


def test_a_number_with_thousands_of_digits_is_malformed() -> None:
    assert malformed_detail(b'{"a":%b}' % (b"9" * 60_000)) == "The body is not JSON."


@pytest.mark.parametrize("body", [b'{"a":"\\u0000"}', b'{"a":["x",{"b\\u0000":1}]}'])
def test_nul_is_malformed_in_values_and_names(body: bytes) -> None:
    assert malformed_detail(body) == "The body contains NUL."


@pytest.mark.parametrize("body", [b'{"a":"\\ud800"}', b'{"\\udc00":1}', b'{"a":[["\\ude00\\ud83d"]]}'])
def test_half_a_surrogate_pair_is_malformed(body: bytes) -> None:
    assert malformed_detail(body) == "The body contains half a surrogate pair."


def test_a_backslash_before_a_u_is_only_a_text() -> None:
    assert parse_object(b'{"a":"C:\\\\u0000"}') == {"a": "C:\\u0000"}


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 12_000, b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"])
def test_a_nest_without_end_is_malformed(body: bytes) -> None:
    assert malformed_detail(body) in ("The body is nested too deeply.", "The body is not JSON.")


def test_bytes_that_are_not_utf_8_are_malformed() -> None:
    assert malformed_detail(b'{"a":"\xff"}') == "The body is not UTF-8."
    assert malformed_detail(b'{"a":"\xed\xa0\x80"}') == "The body is not UTF-8."


def test_every_fault_is_named_at_once() -> None:
    found = faults(
        Confirm,
        {"patient": {"email": "x", "a/b~c": 1}, "access_needs": ["ok", "", 5], "count": True, "more": None},
    )
    assert found == {
        "/patient/name": "is required",
        "/patient/email": "must be an e-mail address like name@example.org",
        "/patient/a~1b~0c": "is not a known field",
        "/access_needs/1": "must not be blank",
        "/access_needs/2": "must be a text",
        "/count": "must be a whole number",
        "/more": "is not a known field",
    }


def test_an_object_where_another_type_stands_is_one_fault() -> None:
    assert faults(Confirm, {"patient": []}) == {"/patient": "must be an object"}


def test_faults_never_repeat_what_was_sent() -> None:
    told = str(faults(Confirm, {"patient": {"name": "x" * 201, "email": "secret one"}, "count": "secret two"}))
    assert "secret" not in told
    assert "must have at most 200 characters" in told


def test_right_data_becomes_the_model() -> None:
    confirm = validate(Confirm, {"patient": {"name": " Ada ", "email": "ada@example.org"}, "count": 2.0})
    assert confirm.patient.name == "Ada"
    assert confirm.count == 2


async def test_an_empty_body_is_an_empty_object(send: Send) -> None:
    assert await send("POST", "/json") == (200, {})
    assert await send("POST", "/json", **as_json(b"", "text/plain")) == (200, {})


async def test_a_body_in_many_chunks_is_one_body(send: Send) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"a"', b":", b"[1", b"]}"):
            yield part

    headers = {"Content-Type": "application/json"}
    assert await send("POST", "/json", data=chunks(), headers=headers) == (200, {"a": [1]})


async def test_a_body_may_have_exactly_64_kib(send: Send) -> None:
    body = b'{"a":"%b"}' % (b"x" * (64 * 1024 - 8))
    status, _ = await send("POST", "/json", **as_json(body))
    assert status == 200
    status, document = await send("POST", "/json", **as_json(body + b" "))
    assert (status, document["type"].rpartition("/")[2]) == (413, "too-large")


async def test_a_body_of_unknown_length_is_cut_off_at_64_kib(send: Send) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 1024

    status, _ = await send("POST", "/json", data=chunks(), headers={"Content-Type": "application/json"})
    assert status == 413


async def test_size_is_judged_before_media_type_and_syntax(send: Send) -> None:
    status, _ = await send("POST", "/json", **as_json(b"x" * 70_000, "text/plain"))
    assert status == 413


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"]
)
async def test_json_may_say_that_it_is_utf_8(send: Send, content_type: str) -> None:
    assert await send("POST", "/json", **as_json(b'{"a":1}', content_type)) == (200, {"a": 1})


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
        "",
        "/",
    ],
)
async def test_another_media_type_is_refused(send: Send, content_type: str) -> None:
    status, document = await send("POST", "/json", **as_json(b'{"a":1}', content_type))
    assert (status, document["type"].rpartition("/")[2]) == (415, "unsupported-media-type")


async def test_a_packed_body_is_refused(send: Send) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    status, _ = await send("POST", "/json", data=b"{}", headers=headers, skip_auto_headers=())
    assert status == 415


async def test_a_body_that_does_not_come_is_given_up(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.05)
    over = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"a":'
        await over.wait()

    status, document = await send("POST", "/json", data=chunks(), headers={"Content-Type": "application/json"})
    assert (status, document["detail"]) == (400, "The body did not arrive in time.")


async def test_a_body_can_be_asked_for_twice(send: Send) -> None:
    status, _ = await send("POST", "/twice", data=b"abc")
    assert status == 200


async def test_a_form_keeps_blank_and_repeated_fields(send: Send) -> None:
    form = as_json(b"name=Zo%C3%AB+O&note=&access=a&access=b", "application/x-www-form-urlencoded")
    status, pairs = await send("POST", "/form", **form)
    assert status == 200
    assert pairs == [["name", "Zoë O"], ["note", ""], ["access", "a"], ["access", "b"]]


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"a=%00", b"a=1&" * 200])
async def test_a_form_that_cannot_be_read_is_malformed(send: Send, body: bytes) -> None:
    status, document = await send("POST", "/form", **as_json(body, "application/x-www-form-urlencoded"))
    assert (status, document["type"].rpartition("/")[2]) == (400, "malformed")


async def test_a_form_in_parts_is_refused(send: Send) -> None:
    status, _ = await send("POST", "/form", **as_json(b"--x", "multipart/form-data; boundary=x"))
    assert status == 415


async def test_a_query_is_read(send: Send) -> None:
    status, asked = await send("GET", "/query?from=2026-03-09&limit=7&preview=true")
    assert status == 200
    assert asked == {"first": "2026-03-09", "limit": 7, "preview": True}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=",
        "from=2026-02-30",
        "from=2026-03-09&limit=0",
        "from=2026-03-09&limit=5.0",
        "from=2026-03-09&limit=true",
        "from=2026-03-09&preview=1",
        "from=2026-03-09&other=1",
        "from=2026-03-09&from=2026-03-09",
        "from=2026-03-09&first=2026-03-09",
        "from=2026-03-09%00",
        "from=%FF",
        "%FF%00%0A=1&from=2026-03-09",
        "from=2026-03-09&" + "a" * 500 + "=1",
    ],
)
async def test_a_bad_query_is_malformed(send: Send, query: str) -> None:
    status, document = await send("GET", f"/query?{query}")
    assert (status, document["type"].rpartition("/")[2]) == (400, "malformed")
    assert document["detail"].isprintable()
    assert "errors" not in document


async def test_a_bad_query_tells_every_fault_by_the_name_of_its_parameter(send: Send) -> None:
    _, document = await send("GET", "/query?from=x&limit=y")
    assert document["detail"] == "Query: from must be a date like 2026-03-09; limit must be a whole number."
