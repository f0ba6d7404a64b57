"""`GET /clinicians/{id}/slots`: open and held starts, from a body that is encoded once a version."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Annotated, Final

import orjson
from aiohttp import hdrs, web
from pydantic import Field

from actors.calendar.availability import Zone
from actors.refusals import NotFound
from server.answers import encoded_answer
from server.api.call import Call
from server.booking.times import Times
from server.fields import Body, Date, Identifier, instant_text
from server.problems import malformed

LONGEST_SPAN_DAYS = 62
BODIES_KEPT = 1_000  # at most about 40 KB each
CACHE: Final = web.AppKey["SlotBodies"]("slot_bodies")
# The contract's caches ask again each time: a body is true for one version only.
REVALIDATE: Final = "no-cache"


class WhichSlots(Body):
    """The query; without dates everything that can be booked, as far as one answer reaches."""

    from_: Annotated[Date | None, Field(alias="from")] = None
    to: Date | None = None
    visit_type: Identifier | None = None


@dataclass(frozen=True, slots=True)
class _Body:
    seq: int
    edge_ms: int
    before_now: bytes
    after_now: bytes
    etag: str


class SlotBodies:
    """Encoded bodies by question, for as long as their calendar's version and time's next edge let them be true."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, str | None, date | None, date | None], _Body] = OrderedDict()

    async def body(self, call: Call, query: WhichSlots) -> tuple[str, bytes]:
        """ETag and body."""
        key = (call.path("id"), query.visit_type, query.from_, query.to)
        kept = self._bodies.get(key)
        if kept is None or kept.seq != call.booking.times.head(key[0]) or call.now_ms >= kept.edge_ms:
            kept = self._bodies[key] = _encoded(await _times(call, query))
            self._bodies.move_to_end(key)
            if len(self._bodies) > BODIES_KEPT:
                self._bodies.popitem(last=False)
        return kept.etag, kept.before_now + instant_text(call.now_ms // 1000).encode() + kept.after_now


async def get_slots(call: Call) -> web.Response:
    """`GET /clinicians/{id}/slots`."""
    query = _query(call)
    etag, body = await call.request.app[CACHE].body(call, query)
    headers = {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: REVALIDATE}
    if _matches(call.request.headers.get(hdrs.IF_NONE_MATCH), etag):
        return web.Response(status=304, headers=headers)
    return encoded_answer(body, headers=headers)


def _query(call: Call) -> WhichSlots:
    query = call.query(WhichSlots)
    if query.from_ and query.to:
        if query.to < query.from_:
            raise malformed("Query: to must not be before from.")
        if (query.to - query.from_).days >= LONGEST_SPAN_DAYS:
            raise malformed(f"Query: at most {LONGEST_SPAN_DAYS} days at once.")
    return query


async def _times(call: Call, query: WhichSlots) -> Times:
    clinician = await call.booking.catalogue.clinician(call.path("id"))
    if query.visit_type is not None and clinician.visit_type(query.visit_type) is None:
        raise NotFound
    first = query.from_ or (query.to and query.to - timedelta(days=LONGEST_SPAN_DAYS - 1))
    first = first or Zone(clinician.timezone).day_of(call.now_ms // 1000)
    last = query.to or first + min(date.max - first, timedelta(days=LONGEST_SPAN_DAYS - 1))
    return await call.booking.times.read(clinician.id, query.visit_type, first, last)


def _encoded(times: Times) -> _Body:
    fields = {
        "clinician": times.clinician_id,
        "timezone": times.timezone,
        "visit_type": times.visit_type_id,
        "minutes": times.minutes,
        "epoch": times.epoch,
        "seq": times.seq,
    }
    slots = [
        {"start": instant_text(one.start), "end": instant_text(one.end), "state": one.state}
        for one in times.times
        if one.state != "taken"
    ]
    before = orjson.dumps(fields)[:-1] + b',"now":"'
    after = b'","slots":' + orjson.dumps(slots) + b"}"
    place = blake2b(before + str(times.edge_ms).encode(), digest_size=9).hexdigest()
    return _Body(times.seq, times.edge_ms, before, after, f'W/"{place}"')


def _matches(header: str | None, etag: str) -> bool:
    """RFC 9110 section 13.1.2: weak comparison."""
    if header is None:
        return False
    names = [name.strip().removeprefix("W/") for name in header.split(",")]
    return "*" in names or etag.removeprefix("W/") in names
