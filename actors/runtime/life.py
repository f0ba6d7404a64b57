"""The life of a cell in types: its states and fates, and what it is given."""

from dataclasses import dataclass
from enum import Enum

from actors.runtime.mailbox import Mailbox


class State(Enum):
    """Where a cell is in its life. It only moves forward."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DEAD = "dead"


class Fate(Enum):
    """How a cell ended."""

    STOPPED = "stopped"
    ABANDONED = "abandoned"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds every cell of a system."""

    mailbox: int
    batch: int
    passivate_after_ms: int
    ask_patience_ms: int
    refusals: tuple[type[Exception], ...]


@dataclass(slots=True)
class Inheritance:
    """What a cell begins with: mail that waited through its predecessor, and what became of that one."""

    mailbox: Mailbox
    due_ms: int | None = None  # the deadline that the predecessor left behind
    start_ms: int = 0  # back-off: not started before
    on_probation: bool = False  # the address died lately
    read_only: bool = False
