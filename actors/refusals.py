"""Every refusal that a rule can give. A refusal is an answer: nothing changed and the actor lives on."""

from dataclasses import dataclass


class Refusal(Exception):
    """An expected no. Its facts are attributes; `server/problems.py` turns each class into one problem."""


@dataclass(eq=False)
class SlotUnavailable(Refusal):
    """Taken, held, outside availability, too soon or past. `alternatives` are up to 3 nearest open starts."""

    alternatives: tuple[int, ...] = ()


@dataclass(eq=False)
class HoldLapsed(Refusal):
    """The hold expired or was let go; `slot_open` says whether its time could be held again now."""

    slot_open: bool = False
    start: int = 0
    alternatives: tuple[int, ...] = ()


@dataclass(eq=False)
class TransitionInvalid(Refusal):
    """The state table has no such arrow, or only time is missing (`possible_from`, Unix seconds)."""

    status: str = ""
    action: str = ""
    detail: str = ""
    possible_from: int | None = None


@dataclass(eq=False)
class PatientBusy(Refusal):
    """The same certain patient already has an overlapping appointment."""


@dataclass(eq=False)
class TooLate(Refusal):
    """Past the clinic's notice for cancelling or moving online; `until` is the last second it was possible."""

    until: int = 0


@dataclass(eq=False)
class ReasonRequired(Refusal):
    """This action by this role needs a reason that is not blank."""


@dataclass(eq=False)
class TooManyHolds(Refusal):
    """A hold cap is reached; the earliest of the counted holds ends at `until` (Unix seconds)."""

    until: int = 0


@dataclass(eq=False)
class Invalid(Refusal):
    """Well-formed but wrong content; `faults` are (JSON pointer, what is wrong)."""

    faults: tuple[tuple[str, str], ...] = ()


@dataclass(eq=False)
class NotFound(Refusal):
    """Unknown, or not yours: the two look the same."""


@dataclass(eq=False)
class VersionConflict(Refusal):
    """`If-Match` named another version of the appointment."""

    version: int = 0


@dataclass(eq=False)
class AlreadyAnswered(Refusal):
    """The idempotency key got its answer in the meantime: read it instead of doing the work again."""

    scope: str = ""
    key: str = ""


@dataclass(eq=False)
class Unavailable(Refusal):
    """Busy, stopping, read-only or disk full: nothing happened."""

    retry_after: int = 1


@dataclass(eq=False)
class OutcomeUnknown(Refusal):
    """The commit failed in a way that leaves its outcome open; the same request with its key tells."""
