"""The booking session of a patient's browser: a random cookie; only its keyed hash is ever stored."""

import hmac
from dataclasses import dataclass

from aiohttp import web

from actors.ids import Ids
from server.booking.links import Links

# A browser that comes back tomorrow starts anew; the appointment itself has its personal link.
LIFETIME_SECONDS = 24 * 3600
VALUE_LENGTH = 40  # two ids: 200 bits


@dataclass(frozen=True, slots=True)
class BookingSession:
    """One browser's session. `hash` stands on its holds; `csrf` goes into its forms."""

    value: str
    hash: str
    csrf: str
    is_new: bool


class BookingSessions:
    """Reads and begins sessions. The cookie is `booking`, `__Host-booking` over https."""

    def __init__(self, links: Links, ids: Ids) -> None:
        self._links = links
        self._ids = ids
        self._secure = links.base_url.startswith("https://")
        self.cookie = "__Host-booking" if self._secure else "booking"

    def read(self, request: web.Request) -> BookingSession | None:
        """The session that the request brings; None for none or one that is no value of ours."""
        value = request.cookies.get(self.cookie, "")
        if len(value) != VALUE_LENGTH or not value.isascii() or not value.isalnum():
            return None
        return self._session(value, is_new=False)

    def read_or_begin(self, request: web.Request) -> BookingSession:
        """The request's session, or a new one that still has to be `kept` in the response."""
        return self.read(request) or self._session(self._ids.new_id() + self._ids.new_id(), is_new=True)

    def keep(self, session: BookingSession, response: web.StreamResponse) -> None:
        """Send the cookie with the response."""
        response.set_cookie(
            self.cookie,
            session.value,
            max_age=LIFETIME_SECONDS,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )

    def is_from_form(self, session: BookingSession, csrf: str) -> bool:
        """Whether a form carries this session's own token."""
        return hmac.compare_digest(session.csrf.encode(), csrf.encode())

    def _session(self, value: str, *, is_new: bool) -> BookingSession:
        hashed, csrf = self._links.keyed("session", value), self._links.keyed("csrf", value)
        return BookingSession(value, hashed, csrf, is_new)
