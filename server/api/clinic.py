"""The clinic for everybody, its visit types and clinicians for those who run it."""

from typing import Annotated

from aiohttp import hdrs, web
from pydantic import Field

from actors.calendar.messages import ChangeCalendar, OpenCalendar
from actors.calendar.turn import Answer
from actors.clinic.actor import AddVisitType
from actors.command import Remember
from actors.journal import Record
from actors.refusals import NotFound
from server.access import require
from server.answers import json_answer
from server.api import present
from server.api.call import PREFIX, Call, nulls
from server.booking.catalogue import Way
from server.fields import Between, Body, Email, Identifier, Name, Text, Title, Zone
from server.problems import Fault

Minutes = Annotated[int, Between(1, 480)]
MOST_VISIT_TYPES = 100


class NewVisitType(Body):
    """`POST /visit-types`."""

    name: Name
    minutes: Minutes
    way: Way = "video"
    address: Text | None = None


class NewClinician(Body):
    """`POST /clinicians`; without `visit_types` all are offered."""

    name: Name
    title: Title | None = None
    about: Text | None = None
    email: Email | None = None
    timezone: Zone
    slot_minutes: Minutes = 30
    visit_types: Annotated[list[Identifier], Field(max_length=MOST_VISIT_TYPES)] | None = None


class ChangedClinician(Body):
    """`PATCH /clinicians/{id}`: the fields that change."""

    name: Name | None = None
    title: Title | None = None
    about: Text | None = None
    email: Email | None = None
    timezone: Zone | None = None
    slot_minutes: Minutes | None = None
    visit_types: Annotated[list[Identifier], Field(max_length=MOST_VISIT_TYPES)] | None = None


NEVER_NULL = ("name", "timezone", "slot_minutes")


async def get_clinic(call: Call) -> web.Response:
    """`GET /clinic`."""
    found = await call.booking.catalogue.clinic()
    if found is None:
        raise NotFound
    return json_answer(present.clinic(found))


async def list_visit_types(call: Call) -> web.Response:
    """`GET /visit-types`."""
    require(call.credential, "staff")
    found = await call.booking.catalogue.visit_types()
    return json_answer({"visit_types": [present.visit_type(one) for one in found]})


async def add_visit_type(call: Call) -> web.Response:
    """`POST /visit-types`."""
    require(call.credential, "admin")
    body = call.body(NewVisitType)

    async def do(remember: Remember | None) -> Record:
        row = {"id": call.booking.ids.new_id(), **body.model_dump()}
        record: Record = await call.booking.calendars.ask_clinic(AddVisitType(by=call.by, row=row, remember=remember))
        return record

    row = await call.booking.once.run(await call.remember(), do, _record)
    fields = {name: row[name] for name in ("id", "name", "minutes", "way", "address")}
    return json_answer({"visit_type": fields}, 201, {hdrs.LOCATION: f"{PREFIX}/visit-types/{row['id']}"})


async def get_visit_type(call: Call) -> web.Response:
    """`GET /visit-types/{id}`."""
    if call.credential.is_anonymous:
        require(call.credential, "staff")
    kinds = await call.booking.catalogue.visit_types()
    found = next((one for one in kinds if one.id == call.path("id")), None)
    if found is None:
        raise NotFound
    require(call.credential, "staff")
    return json_answer({"visit_type": present.visit_type(found)})


async def list_clinicians(call: Call) -> web.Response:
    """`GET /clinicians`."""
    require(call.credential, "staff")
    found = await call.booking.catalogue.clinic()
    emails = {row["id"]: row["email"] for row in await call.engine.storage.queries.clinicians()}
    people = found.clinicians if found else ()
    return json_answer({"clinicians": [present.clinician(one, emails.get(one.id)) for one in people]})


async def get_clinician(call: Call) -> web.Response:
    """`GET /clinicians/{id}`."""
    if call.credential.is_anonymous:
        require(call.credential, "staff")
    key = call.path("id")
    found = await call.booking.catalogue.clinician(key)
    require(call.credential, "staff")
    return json_answer({"clinician": present.clinician(found, await _email(call, key))})


async def add_clinician(call: Call) -> web.Response:
    """`POST /clinicians`."""
    require(call.credential, "admin")
    body = call.body(NewClinician, *await _unknown_visit_types(call))

    async def do(remember: Remember | None) -> Record:
        key = call.booking.ids.new_id()
        position = 1 + len(await call.engine.storage.queries.clinicians())
        row = {**body.model_dump(), "id": key, "salt": call.booking.ids.salt(), "position": position}
        answer: Answer = await call.booking.calendars.ask(key, OpenCalendar(by=call.by, row=row, remember=remember))
        return answer.record or {}

    async def replay(kept: Record, at_ms: int) -> Record:
        named = await call.engine.storage.queries.clinician(kept["record"]["id"])
        return {**(named or {}), **kept["record"]}

    row = await call.booking.once.run(await call.remember(), do, replay)
    found = await call.booking.catalogue.recorded(row)
    headers = {hdrs.LOCATION: f"{PREFIX}/clinicians/{found.id}"}
    return json_answer({"clinician": present.clinician(found, row["email"])}, 201, headers)


async def change_clinician(call: Call) -> web.Response:
    """`PATCH /clinicians/{id}`."""
    if call.credential.is_anonymous:
        require(call.credential, "admin")
    key = call.path("id")
    await call.booking.times.require(key)
    require(call.credential, "admin")
    faults = [*nulls(call.data, NEVER_NULL), *await _unknown_visit_types(call)]
    changes = call.body(ChangedClinician, *faults).model_dump(exclude_unset=True)
    await call.booking.calendars.ask(key, ChangeCalendar(by=call.by, changes=changes))
    found = await call.booking.catalogue.clinician(key)
    return json_answer({"clinician": present.clinician(found, await _email(call, key))})


async def _unknown_visit_types(call: Call) -> list[Fault]:
    wanted = call.data.get("visit_types")
    if not isinstance(wanted, list):
        return []
    known = [one.id for one in await call.booking.catalogue.visit_types()]
    return [
        Fault(f"/visit_types/{place}", "is not a visit type of this clinic")
        for place, name in enumerate(wanted[:MOST_VISIT_TYPES])
        if name not in known
    ]


async def _email(call: Call, key: str) -> str | None:
    row = await call.engine.storage.queries.clinician(key)
    return row["email"] if row else None


async def _record(kept: Record, at_ms: int) -> Record:
    record: Record = kept["record"]
    return record


