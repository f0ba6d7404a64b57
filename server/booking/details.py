"""Making a hold an appointment, and cancelling one: who the patient is, and the texts that stand apart from the log."""

import json
from dataclasses import dataclass

from actors.calendar.messages import Cancel, Confirm, Patient, Sealed
from actors.calendar.turn import Answer
from actors.command import By, Remember
from actors.ids import Ids
from server.booking.holds import Holds
from server.booking.once import Locks
from server.storage.queries import Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a patient, or staff on the phone, tells at confirmation. All of it was validated at the edge.

    `customer_id` comes from a partner only, together with `partner`: the same customer is the same patient.
    """

    name: str
    email: str | None
    phone: str | None = None
    partner: str | None = None
    customer_id: str | None = None
    note: str | None = None
    access_needs: tuple[str, ...] = ()
    for_other: bool = False


class Promises:
    """Confirms and cancels."""

    def __init__(self, holds: Holds, queries: Queries, ids: Ids) -> None:
        self._holds = holds
        self._queries = queries
        self._ids = ids
        self._customers = Locks()

    async def confirm(
        self,
        appointment: str,
        details: Details,
        by: By,
        *,
        remember: Remember | None = None,
        version: int | None = None,
    ) -> Answer:
        """Confirm a hold. Twice answers the same; the second details are ignored."""
        customer = (details.partner, details.customer_id) if details.customer_id else appointment
        async with self._customers.of(customer):
            return await self._holds.command(
                Confirm(
                    by=by,
                    remember=remember,
                    appointment=appointment,
                    version=version,
                    patient=await self._patient(details),
                    note=self._sealed("note", details.note),
                    access_needs=self._sealed("access_needs", _listed(details.access_needs)),
                    for_other=details.for_other,
                )
            )

    async def cancel(
        self,
        appointment: str,
        reason: str | None,
        by: By,
        *,
        staff_note: str | None = None,
        remember: Remember | None = None,
        version: int | None = None,
    ) -> Answer:
        """Cancel a hold or an appointment. Raises `ReasonRequired` when staff give no reason."""
        return await self._holds.command(
            Cancel(
                by=by,
                remember=remember,
                appointment=appointment,
                version=version,
                reason=self._sealed("reason", reason),
                staff_note=self._sealed("staff_note", staff_note),
            )
        )

    async def _patient(self, details: Details) -> Patient:
        known = None
        if details.customer_id is not None and details.partner is not None:
            known = await self._queries.customer(details.partner, details.customer_id)
        return Patient(
            id=known["id"] if known else self._ids.new_id(),
            salt=known["salt"] if known else self._ids.salt(),
            name=details.name,
            email=details.email,
            phone=details.phone,
            partner=details.partner if details.customer_id else None,
            customer_id=details.customer_id,
            certain=details.customer_id is not None,
            created_at_ms=known["created_at_ms"] if known else None,
        )

    def _sealed(self, kind: str, text: str | None) -> Sealed | None:
        return Sealed(self._ids.new_id(), kind, self._ids.salt(), text) if text and text.strip() else None


def _listed(needs: tuple[str, ...]) -> str | None:
    return json.dumps(needs, ensure_ascii=False) if needs else None
