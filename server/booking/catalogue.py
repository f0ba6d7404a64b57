"""What a clinic offers: itself, its clinicians and their visit types, as patients may know them."""

import json
from dataclasses import dataclass
from typing import Literal

from actors.journal import Record
from actors.refusals import NotFound
from server.storage.queries import Queries

Way = Literal["video", "clinic", "phone"]


@dataclass(frozen=True, slots=True)
class VisitType:
    """A kind of visit. `address` stands with visits at the clinic."""

    id: str
    name: str
    minutes: int
    way: Way
    address: str | None


@dataclass(frozen=True, slots=True)
class Clinician:
    """A clinician; `name` is without the title."""

    id: str
    name: str
    title: str
    about: str
    timezone: str
    slot_minutes: int
    visit_types: tuple[VisitType, ...]

    @property
    def full_name(self) -> str:
        """Title and name, as people say it."""
        return f"{self.title} {self.name}".strip()

    def visit_type(self, key: str | None) -> VisitType | None:
        """The offered visit type of that id."""
        return next((one for one in self.visit_types if one.id == key), None)


@dataclass(frozen=True, slots=True)
class Clinic:
    """The organisation that this deployment serves."""

    name: str
    timezone: str
    phone: str
    help_hours: str
    emergency_number: str
    urgent_notice: str
    visit_types: tuple[VisitType, ...]
    clinicians: tuple[Clinician, ...]


class Catalogue:
    """Reads the offer as last committed."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def clinic(self) -> Clinic | None:
        """Everything; None until the clinic was set up."""
        row = await self._queries.clinic()
        if row is None:
            return None
        types = await self.visit_types()
        clinicians = tuple(_clinician(found, types) for found in await self._queries.clinicians())
        return Clinic(
            name=row["name"],
            timezone=row["timezone"],
            phone=row["phone"] or "",
            help_hours=row["help_hours"] or "",
            emergency_number=row["emergency_number"] or "",
            urgent_notice=row["urgent_notice"] or "",
            visit_types=types,
            clinicians=clinicians,
        )

    async def clinician(self, key: str) -> Clinician:
        """One clinician; raises `NotFound`."""
        row = await self._queries.clinician(key)
        if row is None:
            raise NotFound
        return _clinician(row, await self.visit_types())

    async def recorded(self, row: Record) -> Clinician:
        """The clinician of a table row as it was then: visit types that came later are left out."""
        adopted = json.loads(row["adopted"])["visit_types"]
        return _clinician({**row, "visit_types": json.dumps(list(adopted))}, await self.visit_types())

    async def visit_types(self) -> tuple[VisitType, ...]:
        """All visit types of the clinic in its own order."""
        return tuple(_visit_type(row) for row in await self._queries.visit_types())


def _clinician(row: Record, types: tuple[VisitType, ...]) -> Clinician:
    offered = None if row["visit_types"] is None else set(json.loads(row["visit_types"]))
    return Clinician(
        id=row["id"],
        name=row["name"],
        title=row["title"] or "",
        about=row["about"] or "",
        timezone=row["timezone"],
        slot_minutes=row["slot_minutes"],
        visit_types=tuple(one for one in types if offered is None or one.id in offered),
    )


def _visit_type(row: Record) -> VisitType:
    return VisitType(row["id"], row["name"], row["minutes"], row["way"], row["address"])
