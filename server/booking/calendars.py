"""Asking actors from outside: an actor that gave no answer becomes a refusal that a client can act upon."""

from typing import Any

from actors.clinic.actor import STREAM
from actors.refusals import OutcomeUnknown, Unavailable
from actors.runtime import ActorFailure, Address, System

CALENDAR = "calendar"
CLINIC = "clinic"


class Calendars:
    """The way to every calendar and to the clinic."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def ask(self, clinician: str, message: object) -> Any:
        """A calendar's answer. Raises its refusal, `Unavailable` or `OutcomeUnknown`."""
        return await self._ask(Address(CALENDAR, clinician), message)

    async def ask_clinic(self, message: object) -> Any:
        """The clinic's answer; raises as `ask`."""
        return await self._ask(Address(CLINIC, STREAM), message)

    def tell_active(self, message: object) -> None:
        """Tell every calendar that is in memory; the others find out when they come back."""
        for key in self._system.active(CALENDAR):
            self._system.tell(Address(CALENDAR, key), message)

    async def _ask(self, address: Address, message: object) -> Any:
        try:
            return await self._system.ask(address, message)
        except ActorFailure as failure:
            raise OutcomeUnknown() if failure.begun else Unavailable() from failure
