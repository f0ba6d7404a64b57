"""Personal links: tokens derived from the secret key, the appointment and its rotation counter; never stored."""

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from actors.calendar.state import Appointment

Purpose = Literal["manage", "join", "calendar"]

KEYED_KEPT = 4_096  # one address sends many requests, one session a few
MAC_BYTES = 16  # 128 bits: nobody guesses one
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")


class Links:
    """Makes and reads the tokens of one deployment. `base_url` has no slash at its end."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        self._secret = secret
        self.base_url = base_url
        self.keyed: Callable[[str, str], str] = lru_cache(maxsize=KEYED_KEPT)(self._keyed)
        """A keyed hash of a cookie or an address, to be compared and never to be turned back: (purpose, text)."""

    def token(self, purpose: Purpose, appointment: Appointment) -> str:
        """`base64url(id, HMAC(key, purpose, id, counter)[:16])`, good for its own purpose only."""
        name = appointment.id.encode()
        return base64.urlsafe_b64encode(name + self._mac(purpose, name, appointment.links)).rstrip(b"=").decode()

    def named(self, token: str) -> str | None:
        """The appointment id that a token names; None for what is no token at all. It still has to `fit`."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return raw[:-MAC_BYTES].decode("ascii") or None
        except (binascii.Error, ValueError):
            return None

    def fits(self, purpose: Purpose, token: str, appointment: Appointment) -> bool:
        """Whether this is that appointment's present token for the purpose."""
        return hmac.compare_digest(token.encode(), self.token(purpose, appointment).encode())

    def manage(self, appointment: Appointment) -> str:
        """The patient's own page."""
        return f"{self.base_url}/a/{self.token('manage', appointment)}"

    def join(self, appointment: Appointment) -> str:
        """The address of the waiting room."""
        return f"{self.base_url}/j/{self.token('join', appointment)}"

    def calendar(self, appointment: Appointment) -> str:
        """The calendar file."""
        return f"{self.base_url}/a/{self.token('calendar', appointment)}/calendar.ics"

    def _keyed(self, purpose: str, text: str) -> str:
        return hmac.digest(self._secret, f"{purpose}\0{text}".encode(), "sha256").hex()[:32]

    def _mac(self, purpose: str, name: bytes, counter: int) -> bytes:
        message = purpose.encode() + b"\0" + name + b"\0" + str(counter).encode()
        return hmac.digest(self._secret, message, "sha256")[:MAC_BYTES]
