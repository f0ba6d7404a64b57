"""In which calendar an appointment stands, and who holds what: small indexes beside the database."""

from collections import OrderedDict
from dataclasses import dataclass
from heapq import heappop, heappush

from actors.calendar.state import Appointment, Status
from actors.journal import Record
from actors.refusals import NotFound
from server.storage.queries import Queries

# The places of that many appointments are remembered; the rest is looked up.
PLACES_KEPT = 50_000


class Directory:
    """Finds the calendar of an appointment."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._places: OrderedDict[str, str] = OrderedDict()

    def note(self, appointment: Appointment) -> None:
        """Remember where an appointment stands."""
        self._keep(appointment.id, appointment.clinician)

    async def clinician_of(self, appointment: str) -> str:
        """The clinician's id; raises `NotFound`."""
        known = self._places.get(appointment)
        if known is not None:
            return known
        row = await self._queries.appointment(appointment)
        if row is None:
            raise NotFound
        self._keep(appointment, row["clinician"])
        return str(row["clinician"])

    def _keep(self, appointment: str, clinician: str) -> None:
        self._places[appointment] = clinician
        if len(self._places) > PLACES_KEPT:
            self._places.popitem(last=False)


@dataclass(frozen=True, slots=True)
class HoldSeen:
    """A live hold as the caps and the sessions see it."""

    appointment: str
    clinician: str
    session: str | None
    address: str | None
    expires_at: int


class HoldIndex:
    """Live holds by booking session and by address. Filled from the database at start, kept up by the use cases."""

    def __init__(self) -> None:
        self._holds: dict[str, HoldSeen] = {}
        self._sessions: dict[str, list[str]] = {}  # oldest first
        self._addresses: dict[str, list[str]] = {}
        self._ends: list[tuple[int, str]] = []  # a heap; an entry of a hold that went on or ended is skipped

    def load(self, rows: list[Record]) -> None:
        """Take over the open holds of the database; those that are known already stay."""
        for row in rows:
            if row["id"] not in self._holds:
                self._keep(HoldSeen(row["id"], row["clinician"], row["session"], row["address"], row["expires_at"]))

    def note(self, appointment: Appointment, now_ms: int) -> None:
        """Follow a hold: new, extended or ended. Those that ran out by themselves are forgotten on the way."""
        self._forget_ended(now_ms)
        self.drop(appointment.id)
        if appointment.status is Status.HELD:
            self._keep(
                HoldSeen(
                    appointment.id,
                    appointment.clinician,
                    appointment.session,
                    appointment.address,
                    appointment.expires_at or 0,
                )
            )

    def drop(self, appointment: str) -> None:
        """The hold ended."""
        hold = self._holds.pop(appointment, None)
        if hold is not None:
            _remove(self._sessions, hold.session, appointment)
            _remove(self._addresses, hold.address, appointment)

    def of_session(self, session: str, now_ms: int) -> list[HoldSeen]:
        """The live holds of a booking session, oldest first: one, or none."""
        self._forget_ended(now_ms)
        return [self._holds[name] for name in self._sessions.get(session, ())]

    def of_address(self, address: str, now_ms: int) -> list[HoldSeen]:
        """The live holds from one address."""
        self._forget_ended(now_ms)
        return [self._holds[name] for name in self._addresses.get(address, ())]

    def _forget_ended(self, now_ms: int) -> None:
        while self._ends and self._ends[0][0] * 1000 <= now_ms:
            expires_at, name = heappop(self._ends)
            hold = self._holds.get(name)
            if hold is not None and hold.expires_at == expires_at:
                self.drop(name)

    def _keep(self, hold: HoldSeen) -> None:
        self._holds[hold.appointment] = hold
        heappush(self._ends, (hold.expires_at, hold.appointment))
        if hold.session:
            self._sessions.setdefault(hold.session, []).append(hold.appointment)
        if hold.address:
            self._addresses.setdefault(hold.address, []).append(hold.appointment)


def _remove(names: dict[str, list[str]], key: str | None, name: str) -> None:
    if key is None:
        return
    names[key].remove(name)
    if not names[key]:
        del names[key]
