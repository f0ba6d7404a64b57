"""Where messages wait for one address. It outlives the cell: what is left in it goes to the successor."""

from collections import deque

from actors.runtime.actor import Envelope
from actors.runtime.errors import MailboxFull


class Mailbox:
    """A bounded queue of envelopes."""

    __slots__ = ("_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Envelope] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, envelope: Envelope) -> None:
        """Take a message, or raise MailboxFull."""
        if len(self._waiting) >= self._limit:
            raise MailboxFull(f"{len(self._waiting)} messages wait already")
        self._waiting.append(envelope)

    def take(self, most: int) -> list[Envelope]:
        """Up to `most` envelopes, those that came first."""
        waiting = self._waiting
        if len(waiting) > most:
            return [waiting.popleft() for _ in range(most)]
        mail = list(waiting)
        waiting.clear()
        return mail

    def refuse_all(self, error: Exception) -> None:
        """Empty it with one error for all."""
        while self._waiting:
            self._waiting.popleft().refuse(error)

    def oldest_ask_ms(self) -> int | None:
        """When the message arrived whose asker waits longest."""
        return next((envelope.arrived_ms for envelope in self._waiting if envelope.is_open), None)

    def refuse_older(self, arrived_ms: int, error: Exception) -> None:
        """Refuse all asks that arrived by then. Told messages stay: nobody hangs on them."""
        left = [envelope for envelope in self._waiting if _may_stay(envelope, arrived_ms, error)]
        self._waiting = deque(left)


def _may_stay(envelope: Envelope, arrived_ms: int, error: Exception) -> bool:
    if not envelope.is_open or envelope.arrived_ms > arrived_ms:
        return True
    envelope.refuse(error)
    return False
