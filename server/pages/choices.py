"""What the pages of choosing show (P1, P2): the typed contexts of their templates."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from server.pages.grid import Grid
from server.pages.render import Page

if TYPE_CHECKING:
    from server.booking.catalogue import Clinician, VisitType


@dataclass(frozen=True, slots=True)
class Row:
    """A clinician in a list."""

    id: str
    name: str
    full_name: str
    about: str
    timezone: str
    visit_type: str | None
    ways: tuple[str, ...]
    lengths: tuple[int, ...]
    next_start: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """The time that this browser holds already."""

    id: str
    start: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the press did not hold a time. `kind`: taken, too-many, busy, or anything else for nonsense."""

    kind: str
    start: int = 0
    alternatives: tuple[int, ...] = ()
    until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPage(Page):
    """P1."""

    template: ClassVar[str] = "start.html"

    rows: tuple[Row, ...]
    now_ms: int
    today: date
    horizon_end: date
    refresh_url: str = "/book"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsPage(Page):
    """P2 before the kind of visit is chosen."""

    template: ClassVar[str] = "kinds.html"

    clinician: "Clinician"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimesPage(Page):
    """P2."""

    template: ClassVar[str] = "times.html"

    clinician: "Clinician"
    visit_type: "VisitType | None"
    grid: Grid
    epoch: str
    seq: int
    now_ms: int
    today: date
    horizon_end: date
    hold_minutes: int
    days_url: str  # a date is to be put behind it
    refresh_url: str
    csrf: str  # of the session, for letting go of the time it holds; empty without one
    others: tuple[Row, ...] = ()
    holding: Holding | None = None
    problem: Problem | None = None
