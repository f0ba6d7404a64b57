"""Reads bodies and queries of requests: first bytes, then JSON, then the model.

What comes out is either a value that is right in every part, or a `Problem` that names every fault.
Nothing here knows what a clinic is.
"""

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from multidict import MultiDict
from pydantic import BaseModel, ValidationError

from server.problems import Fault, Problem, Slug, invalid, malformed

BODY_LIMIT = 64 * 1024  # the largest honest body, a confirmation with all texts, has 12 KiB in wide scripts
BODY_SECONDS = 10.0  # 64 KiB at 56 kbit/s; longer is somebody who keeps a connection busy on purpose
FORM_FIELDS = 100  # the widest form has about 30 fields

BROKEN_BODY = "The body breaks its own transfer coding."

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: web.Request) -> bytes:
    """The bytes of the body, at most 64 KiB and within 10 s; the same object when asked again."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Problem(Slug.UNSUPPORTED_MEDIA_TYPE, "Send the body without a content encoding.")
    try:
        body = await _receive(request)
    except TimeoutError:
        raise Problem(Slug.MALFORMED, "The body did not arrive in time.", closes=True) from None
    except (RequestPayloadError, HttpProcessingError):
        raise Problem(Slug.MALFORMED, BROKEN_BODY, closes=True) from None
    if len(body) > BODY_LIMIT:
        raise Problem(Slug.TOO_LARGE)
    return body


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is `{}`. Judges size, media type and syntax, nothing else."""
    body = await read_body(request)
    if not body:
        return {}
    if request.headers.get(hdrs.CONTENT_TYPE) != JSON_TYPE:
        _require_type(request, JSON_TYPE)
    return parse_object(body)


async def read_form(request: web.Request) -> MultiDict[str]:
    """The fields of a URL-encoded form, blank ones and repeated ones too."""
    body = await read_body(request)
    if not body:
        return MultiDict()
    _require_type(request, FORM_TYPE)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS)
    except ValueError:
        raise malformed("The form cannot be read.") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise malformed("The form contains NUL.")
    return MultiDict(pairs)


def parse_object(body: bytes) -> dict[str, Any]:
    """Bytes as a JSON object without anything that two readers could understand differently."""
    try:
        text = body.decode("utf-8")
        document = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise malformed("The body is nested too deeply.") from None
    except ValueError:  # JSONDecodeError, and a number with more digits than Python reads
        raise malformed("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise malformed("The body must be a JSON object.")
    if "\\u" in text:  # only an escape can bring in NUL or half a character
        _refuse_odd_characters(document)
    return document


def validate(model: type[Model], data: dict[str, Any], *more: Fault) -> Model:
    """The data as an instance of the model; raises `validation` with every fault, those known already too."""
    try:
        value = model.model_validate(data)
    except ValidationError as error:
        found = tuple(_faults(error))
        named = {fault.pointer for fault in found}
        raise invalid(*found, *(fault for fault in more if fault.pointer not in named)) from None
    if more:
        raise invalid(*more)
    return value


def read_query(request: web.Request, model: type[Model]) -> Model:
    """The query as an instance of the model; an unknown, repeated or bad parameter is `malformed`."""
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise malformed(f"The query parameter {_shown(name)} is given twice.")
        if "\0" in value:
            raise malformed(f"The query parameter {_shown(name)} contains NUL.")
        values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = "; ".join(f"{_shown(fault.pointer[1:])} {fault.detail}" for fault in _faults(error))
        raise malformed(f"Query: {told}.") from None


async def _receive(request: web.Request) -> bytes:
    if request.content.is_eof():  # nearly always: a small body comes in one packet with its headers
        return await request.read()
    if (request.content_length or 0) > BODY_LIMIT:
        raise Problem(Slug.TOO_LARGE)
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


def _require_type(request: web.Request, wanted: str) -> None:
    given = request.headers.get(hdrs.CONTENT_TYPE, "")
    if request.content_type != wanted or not given:
        raise Problem(Slug.UNSUPPORTED_MEDIA_TYPE, f"Send {wanted} in UTF-8.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(Slug.UNSUPPORTED_MEDIA_TYPE, f"Send {wanted} in UTF-8.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise malformed("The body names a field twice.")
    return members


def _no_constant(name: str) -> NoReturn:
    raise malformed("The body contains NaN or Infinity, which JSON does not have.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise malformed("The body contains a number that is too large.")
    return number


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _refuse_odd_characters(document: object) -> None:
    for text in _strings(document):
        if "\0" in text:
            raise malformed("The body contains NUL.")
        if not _is_unicode(text):
            raise malformed("The body contains half a surrogate pair.")


def _strings(document: object) -> Iterator[str]:
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                yield from members
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(name: str) -> str:
    """A name from outside, fit to be said back: short, and without anything unprintable."""
    return "".join(character if character.isprintable() else "?" for character in name[:50])


# What pydantic says is right but talks of "input"; these say it of the field.
_SENTENCES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "string_too_short": "must not be blank",
    "string_pattern_mismatch": "must not contain control characters",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
}


def _faults(error: ValidationError) -> Iterator[Fault]:
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        sentence = _SENTENCES.get(fault["type"])
        yield Fault(_pointer(fault["loc"]), sentence or _sentence(fault["msg"]))


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should", "must").replace("String should", "must")


def _pointer(location: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
