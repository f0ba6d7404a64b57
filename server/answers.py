"""Builds the JSON responses of the API; errors are built in `problems.py`."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from multidict import istr

Headers = Mapping[str, str] | Mapping[istr, str]
JSON_TYPE: Final = "application/json"  # RFC 8259: no charset parameter, JSON is UTF-8


def json_answer(data: Any, status: int = 200, headers: Headers | None = None) -> web.Response:
    """A response with the data as JSON."""
    return encoded_answer(orjson.dumps(data), status, headers)


def encoded_answer(body: bytes, status: int = 200, headers: Headers | None = None) -> web.Response:
    """A response with JSON that is encoded already (cached bodies)."""
    response = web.Response(body=body, status=status, headers=headers)
    response.headers[hdrs.CONTENT_TYPE] = JSON_TYPE
    return response
