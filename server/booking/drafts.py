"""What a patient has typed but not confirmed: in memory only, for an hour, never on disk or in a log."""

from collections import OrderedDict
from dataclasses import dataclass

from actors.clock import Clock, Timer

KEPT_MS = 60 * 60 * 1000  # long enough to choose another time, short enough to forget on a shared computer
MOST_DRAFTS = 2_000  # with the size below at most 24 MB, whatever is sent
LARGEST_OCTETS = 12_000  # everything within the field lengths fits, in any script


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of the details form as typed; `access` holds the chosen chips by name."""

    who: str = "me"
    name: str = ""
    email: str = ""
    phone: str = ""
    note: str = ""
    access: tuple[str, ...] = ()
    access_language: str = ""
    access_other: str = ""

    def octets(self) -> int:
        """Size as UTF-8."""
        contact = (self.who, self.name, self.email, self.phone, self.note)
        access = (*self.access, self.access_language, self.access_other)
        return sum(len(text.encode(errors="replace")) for text in (*contact, *access))


class Drafts:
    """One draft for each booking session; with too many, the one untouched for longest goes first."""

    def __init__(self, clock: Clock, *, most: int = MOST_DRAFTS) -> None:
        self._clock, self._most = clock, most
        self._drafts: OrderedDict[str, tuple[int, Draft]] = OrderedDict()  # oldest first
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._drafts)

    def keep(self, session: str, draft: Draft) -> bool:
        """Keep a draft for an hour from now in place of the former one; False if it is too large to keep."""
        self.drop(session)
        if draft.octets() > LARGEST_OCTETS:
            return False
        self._drafts[session] = (self._clock.now_ms() + KEPT_MS, draft)
        while len(self._drafts) > self._most:
            self._drafts.popitem(last=False)
        self._arm()
        return True

    def read(self, session: str) -> Draft | None:
        """The session's draft, if its hour is not over."""
        kept = self._drafts.get(session)
        return kept[1] if kept is not None and self._clock.now_ms() < kept[0] else None

    def drop(self, session: str) -> None:
        """Forget a session's draft; without one nothing happens."""
        self._drafts.pop(session, None)

    def close(self) -> None:
        """Forget everything and stop the timer."""
        self._drafts.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None and self._drafts:
            oldest = next(iter(self._drafts.values()))
            self._timer = self._clock.call_at(oldest[0], self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now_ms = self._clock.now_ms()
        while self._drafts and next(iter(self._drafts.values()))[0] <= now_ms:
            self._drafts.popitem(last=False)
        self._arm()
