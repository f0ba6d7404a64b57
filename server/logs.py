"""Logging to one stream, one line a record, without anything that could be a token or an e-mail address."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, TextIO

# Our ids have 20 characters and may be logged; keys, tokens and their signatures are longer.
SHORTEST_SECRET = 21
STRUCK = "[...]"

_RUN: Final = re.compile(rf"[A-Za-z0-9_\-]{{{SHORTEST_SECRET},}}")
_BEARER: Final = re.compile(r"(?i)(\bbearer\s+)\S+")
_LINK: Final = re.compile(r"(/(?:a|j|feed)/)[^/?\s\"']+")
_EMAIL: Final = re.compile(r"[^\s<>\"'=,;@]+@[^\s<>\"'=,;@]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def setup(stream: TextIO | None = None, *, as_json: bool | None = None, level: int = logging.INFO) -> None:
    """Send all logging to the stream (stderr): plain lines on a terminal, else JSON lines, unless told."""
    handler = logging.StreamHandler(stream or sys.stderr)
    json_wanted = not handler.stream.isatty() if as_json is None else as_json
    handler.setFormatter(JsonLine() if json_wanted else PlainLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.access").disabled = True  # doubles the cost of a hold, and paths carry tokens


class PlainLine(logging.Formatter):
    """A record as one line for people."""

    def format(self, record: logging.LogRecord) -> str:
        error = _error(record)
        line = f"{_at(record)} {record.levelname.lower()} {record.name}: {_message(record)}"
        return f"{line} | {error}" if error else line


class JsonLine(logging.Formatter):
    """A record as one JSON object for machines."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if error := _error(record):
            fields["error"] = error
        return json.dumps(fields, ensure_ascii=False)


def scrubbed(text: str) -> str:
    """The text on one line, without tokens, keys and e-mail addresses."""
    text = _BEARER.sub(rf"\1{STRUCK}", text)
    text = _LINK.sub(rf"\1{STRUCK}", text)
    text = _EMAIL.sub(STRUCK, text)
    text = _RUN.sub(lambda run: STRUCK if _could_be_secret(run[0]) else run[0], text)
    return _CONTROL.sub(lambda character: f"\\x{ord(character[0]):02x}", text)


def _could_be_secret(run: str) -> bool:
    """Random text of this length has a digit or both cases; long words of code and prose have neither."""
    return any(character.isdigit() for character in run) or (run != run.lower() and run != run.upper())


def _at(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"


def _message(record: logging.LogRecord) -> str:
    return scrubbed(record.getMessage())


def _error(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return _chain(record.exc_info[1])


def _chain(error: BaseException) -> str:
    """Errors from the first cause on, each with its frames; only what an error says can hold a secret."""
    told: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        told.append(_one(following))
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return " | then ".join(reversed(told))


def _one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    said = scrubbed(str(error))
    return f"{type(error).__name__}: {said} ({where})" if where else f"{type(error).__name__}: {said}"
