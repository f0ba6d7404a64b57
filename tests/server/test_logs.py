"""A log line is one line and holds no secret, whoever wrote it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from actors.ids import RandomIds, SeededIds
from server.logs import scrubbed, setup

TOKEN = "YWJjZGVmZ2hpamttbnBxcnN0dXZ3eHl6MjM0NTY3ODlhYmNk"
ID = SeededIds(1).new_id()


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    disabled = logging.getLogger("aiohttp.access").disabled
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("aiohttp.access").disabled = disabled


def failing() -> None:
    try:
        raise KeyError(TOKEN)
    except KeyError as error:
        raise LookupError("first line\nsecond line") from error


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"Authorization: Bearer {TOKEN}",
        "authorization: bearer short",
        f"key={TOKEN[:22]}",
        "GET /a/short-token?new=1",
        "GET /j/tok",
        "/feed/x.ics",
        "0123456789abcdef0123456789abcdef",
        "ada@example.org wrote",
        "smtp://me:pass@mail.example.org:25",
    ],
)
def test_what_looks_like_a_secret_is_struck_out(text: str) -> None:
    told = scrubbed(text)
    assert "[...]" in told
    for secret in (TOKEN[:22], "short", "tok", "x.ics", "0123456789abcdef", "ada", "pass"):
        assert secret not in told


@pytest.mark.parametrize(
    "text",
    [
        f"calendar {ID} was read again",
        f"hold={ID} clinician={ID}",
        "test_second_hold_on_same_slot_is_refused",
        "listening on http://127.0.0.1:8080",
        "route /api/v1/clinicians/{clinician}/slots",
        "2026-03-09T08:30:00Z",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_ids_of_the_system_are_never_struck_out() -> None:
    ids = RandomIds()
    for _ in range(1000):
        name = ids.new_id()
        assert scrubbed(name) == name


def test_a_line_cannot_be_broken_or_coloured() -> None:
    assert scrubbed("a\nb\r\x1b[31m\0\u2028\ud800") == "a\\x0ab\\x0d\\x1b[31m\\x00\\x2028\\xd800"


def test_plain_lines_are_for_people(stream: io.StringIO) -> None:
    setup(stream, as_json=False)
    logging.getLogger("server.test").warning("calendar %s\nis %s", ID, TOKEN)
    at, level, name, message = stream.getvalue().rstrip("\n").split(" ", 3)
    assert at.endswith("Z")
    assert (level, name) == ("warning", "server.test:")
    assert message == f"calendar {ID}\\x0ais [...]"


def test_json_lines_are_for_machines(stream: io.StringIO) -> None:
    setup(stream, as_json=True)
    logging.getLogger("server.test").info("hold %s ended \ud800", ID)
    fields = json.loads(stream.getvalue())
    assert fields.keys() == {"at", "level", "logger", "message"}
    assert (fields["level"], fields["message"]) == ("info", f"hold {ID} ended \\xd800")


def test_without_a_terminal_lines_are_json(stream: io.StringIO) -> None:
    setup(stream)
    logging.getLogger("server.test").info("x")
    assert json.loads(stream.getvalue())["message"] == "x"


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_one_line_with_its_causes_and_frames_and_no_secret(stream: io.StringIO, as_json: bool) -> None:
    setup(stream, as_json=as_json)
    try:
        failing()
    except LookupError:
        logging.getLogger("server.test").exception("it failed")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert line.index("KeyError") < line.index("LookupError")
    assert "test_logs.py" in line
    assert " failing" in line
    assert TOKEN not in line


def test_debug_is_left_out_and_the_access_log_is_off(stream: io.StringIO) -> None:
    setup(stream)
    logging.getLogger("server.test").debug("x")
    logging.getLogger("aiohttp.access").info("GET /a/token")
    assert stream.getvalue() == ""


def test_setting_up_twice_does_not_log_twice(stream: io.StringIO) -> None:
    setup(stream)
    setup(stream)
    logging.getLogger("server.test").info("x")
    assert stream.getvalue().count("\n") == 1
