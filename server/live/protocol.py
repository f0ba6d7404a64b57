"""The wire forms of `/live`: what a client may say, and how frames look. P: no I/O.

RFC 6455 section 5.2: a server's text frame is 0x81, a length of 1, 3 or 9 bytes, and the payload, unmasked.
"""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from actors.calendar.messages import Since
from actors.calendar.publish import Frame, public_fields

# A watch has about 200 bytes; 4 KiB is generous, and no room is entered yet.
MESSAGE_LIMIT = 4 * 1024
ID_LIMIT = 64
LARGEST_SEQ = 2**53  # what every JSON reader keeps exactly
_TEXT_FRAME = 0x81


class ProtocolFault(Exception):
    """Not a message at all: the socket is closed with `code` and the reason."""

    def __init__(self, reason: str, code: int = 1008) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class Bad(Exception):
    """A message that is wrong; the client is told and the socket stays open. `op` only where it can be repeated."""

    def __init__(self, op: object, reason: str) -> None:
        super().__init__(reason)
        self.op = op if isinstance(op, str) and _can_be_told(op) else None
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """`watch`: follow the open set of a calendar."""

    calendar: str
    visit_type: str | None
    since: Since | None


@dataclass(frozen=True, slots=True)
class UnwatchTimes:
    """`unwatch`: follow it no longer."""

    calendar: str
    visit_type: str | None


Message = WatchTimes | UnwatchTimes


def read(text: str) -> Message:
    """One message of a client. Raises `ProtocolFault` or `Bad`."""
    if len(text) > MESSAGE_LIMIT or len(text.encode()) > MESSAGE_LIMIT:
        raise ProtocolFault("message too big", 1009)
    try:
        fields = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        raise ProtocolFault("not JSON") from None
    if not isinstance(fields, dict):
        raise ProtocolFault("not an object")
    match fields.pop("op", None):
        case "watch":
            return _watch(fields)
        case "unwatch":
            _only(fields, "unwatch", {"calendar", "visit_type"})
            return UnwatchTimes(_id(fields, "unwatch", "calendar"), _optional_id(fields, "unwatch"))
        case op:
            raise Bad(op, "unknown-op")


def frame(content: Frame) -> bytes:
    """A public frame, ready for the wire."""
    return text_frame(orjson.dumps(public_fields(content)))


def error_frame(fault: Bad) -> bytes:
    """`{"op":"error","re":OP,"reason":...}`."""
    return text_frame(orjson.dumps({"op": "error", "re": fault.op, "reason": fault.reason}))


def text_frame(payload: bytes) -> bytes:
    """One whole unfragmented text frame."""
    size = len(payload)
    if size < 126:
        head = bytes((_TEXT_FRAME, size))
    elif size < 65_536:
        head = bytes((_TEXT_FRAME, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_TEXT_FRAME, 127)) + size.to_bytes(8, "big")
    return head + payload


def _watch(fields: dict[str, Any]) -> WatchTimes:
    _only(fields, "watch", {"calendar", "visit_type", "since"})
    return WatchTimes(_id(fields, "watch", "calendar"), _optional_id(fields, "watch"), _since(fields.get("since")))


def _since(value: object) -> Since | None:
    match value:
        case None:
            return None
        case {"epoch": str() as epoch, "seq": int() as seq, **rest} if (
            not rest and not isinstance(seq, bool) and len(epoch) <= ID_LIMIT and 0 <= seq <= LARGEST_SEQ
        ):
            return Since(epoch, seq)
        case _:
            raise Bad("watch", "bad")


def _only(fields: dict[str, Any], op: str, known: set[str]) -> None:
    if not fields.keys() <= known:
        raise Bad(op, "bad")


def _id(fields: dict[str, Any], op: str, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= ID_LIMIT or not value.isascii():
        raise Bad(op, "bad")
    return value


def _optional_id(fields: dict[str, Any], op: str) -> str | None:
    return None if fields.get("visit_type") is None else _id(fields, op, "visit_type")


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Bad(fields.get("op"), "bad")
    return fields


def _can_be_told(op: str) -> bool:
    """JSON can spell a lone surrogate, UTF-8 cannot."""
    return len(op) <= ID_LIMIT and not any("\ud800" <= sign <= "\udfff" for sign in op)
