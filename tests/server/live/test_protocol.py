"""Wire forms of `/live`: what is read, what is refused how, and that frames are those the library would send."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WebSocketWriter

from actors.calendar.messages import Since
from actors.calendar.publish import Resumed, SlotsChanged, Snapshot, Topic
from server.live.protocol import (
    ID_LIMIT,
    LARGEST_SEQ,
    MESSAGE_LIMIT,
    Bad,
    ProtocolFault,
    UnwatchTimes,
    WatchTimes,
    error_frame,
    frame,
    read,
    text_frame,
)

TOPIC = Topic("anna", "first")


def told(whole: bytes) -> dict[str, Any]:
    """The object in a frame of fewer than 64 KiB."""
    head = 2 if whole[1] < 126 else 4
    found: dict[str, Any] = json.loads(whole[head:])
    return found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"op":"watch","calendar":"anna"}', WatchTimes("anna", None, None)),
        ('{"op":"watch","calendar":"anna","visit_type":null,"since":null}', WatchTimes("anna", None, None)),
        (
            '{"op":"watch","calendar":"anna","visit_type":"first","since":{"epoch":"e","seq":7}}',
            WatchTimes("anna", "first", Since("e", 7)),
        ),
        (' {"calendar" : "anna",\n"op":"unwatch"} ', UnwatchTimes("anna", None)),
        ('{"op":"unwatch","calendar":"anna","visit_type":"first"}', UnwatchTimes("anna", "first")),
    ],
)
def test_message_is_read(text: str, message: object) -> None:
    assert read(text) == message


@pytest.mark.parametrize("text", ["", "watch", "[]", "7", "null", '"op"', "{", '{"op":"watch",}', "[" * 4000, "NaN"])
def test_what_is_no_object_is_a_fault(text: str) -> None:
    with pytest.raises(ProtocolFault) as caught:
        read(text)
    assert caught.value.code == 1008
    assert len(caught.value.reason) < 100


@pytest.mark.parametrize("text", ["x" * (MESSAGE_LIMIT + 1), "€" * (MESSAGE_LIMIT // 3 + 1)])
def test_what_is_too_big_is_a_fault_of_its_own(text: str) -> None:
    with pytest.raises(ProtocolFault) as caught:
        read(text)
    assert caught.value.code == 1009


@pytest.mark.parametrize(
    ("text", "op", "reason"),
    [
        ('{"op":"fly"}', "fly", "unknown-op"),
        ('{"op":"Watch","calendar":"anna"}', "Watch", "unknown-op"),
        ("{}", None, "unknown-op"),
        ('{"op":null}', None, "unknown-op"),
        ('{"op":{"op":"watch"}}', None, "unknown-op"),
        ('{"op":"\\ud800"}', None, "unknown-op"),
        (json.dumps({"op": "x" * (ID_LIMIT + 1)}), None, "unknown-op"),
        ('{"op":"watch","op":"unwatch","calendar":"anna"}', "unwatch", "bad"),
        ('{"op":"watch","calendar":"anna","since":{"epoch":"e","seq":1,"seq":2}}', None, "bad"),
        ('{"op":"unwatch","calendar":"anna","since":{"epoch":"e","seq":1}}', "unwatch", "bad"),
        ('{"op":"watch","calendar":"anna","role":"staff"}', "watch", "bad"),
    ],
)
def test_wrong_message_is_told(text: str, op: str | None, reason: str) -> None:
    with pytest.raises(Bad) as caught:
        read(text)
    assert (caught.value.op, caught.value.reason) == (op, reason)
    assert told(error_frame(caught.value)) == {"op": "error", "re": op, "reason": reason}


@pytest.mark.parametrize("calendar", [None, "", 7, True, [], {}, "x" * (ID_LIMIT + 1), "ä", "\udcff"])
def test_bad_id_is_told(calendar: object) -> None:
    for fields in ({"calendar": calendar}, {"calendar": "anna", "visit_type": calendar}):
        if fields.get("visit_type", 0) is None:
            continue
        for op in ("watch", "unwatch"):
            with pytest.raises(Bad) as caught:
                read(json.dumps({"op": op} | fields))
            assert (caught.value.op, caught.value.reason) == (op, "bad")


@pytest.mark.parametrize(
    "since",
    [
        0,
        "7",
        [],
        {},
        {"epoch": "e"},
        {"seq": 1},
        {"epoch": "e", "seq": "1"},
        {"epoch": "e", "seq": 1.5},
        {"epoch": "e", "seq": True},
        {"epoch": "e", "seq": -1},
        {"epoch": "e", "seq": LARGEST_SEQ + 1},
        {"epoch": "e", "seq": 2**64},
        {"epoch": None, "seq": 1},
        {"epoch": "e" * (ID_LIMIT + 1), "seq": 1},
        {"epoch": "e", "seq": 1, "more": 1},
    ],
)
def test_bad_place_is_told(since: object) -> None:
    with pytest.raises(Bad) as caught:
        read(json.dumps({"op": "watch", "calendar": "anna", "since": since}))
    assert (caught.value.op, caught.value.reason) == ("watch", "bad")


def test_frames_have_exactly_the_fields_of_the_contract() -> None:
    snapshot = Snapshot(TOPIC, minutes=30, epoch="e", seq=4, now=1_800_000_000, open=(1, 2), held=(3,))
    assert list(told(frame(snapshot)).items()) == [
        ("op", "snapshot"),
        ("calendar", "anna"),
        ("visit_type", "first"),
        ("minutes", 30),
        ("epoch", "e"),
        ("seq", 4),
        ("now", 1_800_000_000),
        ("open", [1, 2]),
        ("held", [3]),
    ]
    slots = SlotsChanged(TOPIC, "e", prev=4, seq=6, states={3: "gone", 1: "held", 2: "open"})
    assert list(told(frame(slots)).items()) == [
        ("op", "slots"),
        ("calendar", "anna"),
        ("visit_type", "first"),
        ("epoch", "e"),
        ("prev", 4),
        ("seq", 6),
        ("open", [2]),
        ("held", [1]),
        ("gone", [3]),
    ]
    resumed = Resumed(Topic("anna", None), "e", 4, 1_800_000_000)
    assert list(told(frame(resumed)).items()) == [
        ("op", "resumed"),
        ("calendar", "anna"),
        ("visit_type", None),
        ("epoch", "e"),
        ("seq", 4),
        ("now", 1_800_000_000),
    ]


class Written(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = b""

    def write(self, data: Any) -> None:
        self.bytes += bytes(data)

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.write(data)

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
async def test_text_frame_is_the_one_that_aiohttp_sends(size: int) -> None:
    transport = Written()
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(transport)
    payload = b"x" * size
    await WebSocketWriter(protocol, transport).send_frame(payload, 1)
    assert text_frame(payload) == transport.bytes
