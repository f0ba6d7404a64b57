"""What the runtime itself answers an asker with, and what a behaviour may raise at it.

RuntimeError
    ActorFailure        no answer came from the actor
        MailboxFull     nothing happened, try again
        Stopping        the system is going down
        ActorDied       a defect; `__cause__` has it
    AskCycle            a defect of the caller: it asked uphill
Abandon                 raised by a behaviour, never seen by an asker
"""


class ActorFailure(RuntimeError):
    """The actor gave no answer. When `begun`, its turn had started and what came of it is not known."""

    begun = False


class MailboxFull(ActorFailure):
    """Too many messages wait for this address. Nothing happened."""


class Stopping(ActorFailure):
    """The system is stopping and takes no more messages, or ran out of time for this one (`begun`)."""

    def __init__(self, text: str = "the system is stopping", *, begun: bool = False) -> None:
        super().__init__(text)
        self.begun = begun


class ActorDied(ActorFailure):
    """A defect ended the actor during the turn (`begun`), or it did not start in time. Logged already."""

    def __init__(self, text: str, *, begun: bool = True) -> None:
        super().__init__(text)
        self.begun = begun


class AskCycle(RuntimeError):
    """An actor asked its own kind or one above it. Ask only downhill, tell the other way."""


class Abandon(Exception):
    """Raise when the state in memory can no longer be trusted, for instance after a failed commit.

    Whoever was not answered yet gets `error`. The actor is thrown away and the next message makes a new one;
    that counts neither as a defect nor as a death.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class Defect(Exception):
    """Stands in a log for another exception: its type and traceback, but none of its words."""


def wordless(error: BaseException) -> Defect:
    """The error as a log may show it. Texts of exceptions quote data, and a log holds ids only."""
    shown = Defect(type(error).__name__).with_traceback(error.__traceback__)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        shown.__cause__ = wordless(before)
    return shown
