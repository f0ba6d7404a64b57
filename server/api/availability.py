"""A clinician's weekly windows: read, add, change and remove."""

from typing import Annotated

from aiohttp import hdrs, web

from actors.calendar.availability import Window
from actors.calendar.messages import AddWindow, ChangeWindow, RemoveWindow
from actors.calendar.turn import Answer
from actors.command import Remember
from actors.journal import Record
from actors.refusals import NotFound
from server.access import require
from server.answers import json_answer
from server.api import present
from server.api.call import PREFIX, Call, Nothing, nulls
from server.fields import Between, Body, Date, QueryFlag

Minute = Annotated[int, Between(0, 1440)]


class NewWindow(Body):
    """`POST /clinicians/{id}/availability`."""

    weekday: Annotated[int, Between(0, 6)]
    start_minute: Minute
    end_minute: Minute
    slot_minutes: Annotated[int, Between(1, 480)] | None = None
    buffer_minutes: Minute = 0
    active: bool = True
    valid_from: Date | None = None
    valid_until: Date | None = None


class ChangedWindow(Body):
    """`PATCH /availability/{id}`: the fields that change."""

    weekday: Annotated[int, Between(0, 6)] | None = None
    start_minute: Minute | None = None
    end_minute: Minute | None = None
    slot_minutes: Annotated[int, Between(1, 480)] | None = None
    buffer_minutes: Minute | None = None
    active: bool | None = None
    valid_from: Date | None = None
    valid_until: Date | None = None


class WhichWindows(Body):
    """The query of `GET /clinicians/{id}/availability`."""

    deleted: QueryFlag = False


NEVER_NULL = ("weekday", "start_minute", "end_minute", "buffer_minutes", "active")


async def list_windows(call: Call) -> web.Response:
    """`GET /clinicians/{id}/availability`."""
    query = call.query(WhichWindows)
    await _existing_clinician(call)
    rows = await call.engine.storage.queries.windows(call.path("id"), query.deleted)
    return json_answer({"availability": [present.availability(row) for row in rows]})


async def add_window(call: Call) -> web.Response:
    """`POST /clinicians/{id}/availability`."""
    await _existing_clinician(call)
    body = call.body(NewWindow)
    key = call.path("id")

    async def do(remember: Remember | None) -> Record:
        window = Window(id=call.booking.ids.new_id(), **body.model_dump())
        answer: Answer = await call.booking.calendars.ask(key, AddWindow(by=call.by, remember=remember, window=window))
        return answer.record or {}

    async def replay(kept: Record, at_ms: int) -> Record:
        record: Record = kept["record"]
        return record

    row = await call.booking.once.run(await call.remember(), do, replay)
    headers = {hdrs.LOCATION: f"{PREFIX}/availability/{row['id']}"}
    return json_answer({"availability": present.availability(row)}, 201, headers)


async def get_window(call: Call) -> web.Response:
    """`GET /availability/{id}`."""
    return json_answer({"availability": present.availability(await _existing_window(call))})


async def change_window(call: Call) -> web.Response:
    """`PATCH /availability/{id}`."""
    row = await _existing_window(call)
    changes = call.body(ChangedWindow, *nulls(call.data, NEVER_NULL)).model_dump(exclude_unset=True)
    command = ChangeWindow(by=call.by, window=row["id"], changes=changes)
    answer: Answer = await call.booking.calendars.ask(row["clinician"], command)
    return json_answer({"availability": present.availability(answer.record or {})})


async def remove_window(call: Call) -> web.Response:
    """`DELETE /availability/{id}`."""
    row = await _existing_window(call)
    call.body(Nothing)
    await call.booking.calendars.ask(row["clinician"], RemoveWindow(by=call.by, window=row["id"]))
    return web.Response(status=204)


async def _existing_clinician(call: Call) -> None:
    if call.credential.is_anonymous:
        require(call.credential, "staff")
    await call.booking.times.require(call.path("id"))
    require(call.credential, "staff")


async def _existing_window(call: Call) -> Record:
    if call.credential.is_anonymous:
        require(call.credential, "staff")
    row = await call.engine.storage.queries.window(call.path("id"))
    if row is None or row["removed_at_ms"] is not None:
        raise NotFound
    require(call.credential, "staff")
    return row
