"""Who asks: an API key, an appointment's own token, or nobody; and what each may do."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from aiohttp import hdrs, web

from actors.calendar.state import Appointment
from actors.command import PATIENT, By
from actors.refusals import NotFound
from server.booking.links import Links
from server.problems import Problem, Slug, unauthenticated
from server.storage.queries import Queries

Scope = Literal["partner", "staff", "support", "admin"]
SCOPES: tuple[Scope, ...] = ("partner", "staff", "support", "admin")
KEY_MARK = "hfk_"
SECRET_LENGTH = 40  # two ids: 200 bits
_RANKS = {"partner": 0, "staff": 1, "support": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Credential:
    """What came with a request. `token` is a Bearer that is no live key: perhaps an appointment's token."""

    scope: Scope | None = None
    key: str | None = None
    partner: str | None = None
    token: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """Nothing came at all."""
        return self.scope is None and self.token is None

    @property
    def by(self) -> By:
        """The actor of what this credential does."""
        return PATIENT if self.scope is None else By(self.scope, self.partner if self.scope == "partner" else self.key)

    @property
    def name(self) -> str:
        """To whom an idempotency key belongs."""
        return f"key:{self.key}" if self.key else "anonymous"

    def is_at_least(self, scope: Scope) -> bool:
        """admin >= support >= staff; a partner is none of them."""
        return self.scope is not None and _RANKS[self.scope] >= _RANKS[scope]


NOBODY = Credential()


def key_text(key: str, secret: str) -> str:
    """A key as it is given out, once."""
    return f"{KEY_MARK}{key}.{secret}"


def key_digest(secret: str) -> bytes:
    """What is stored of a key. Its secret has 200 random bits, so that a plain hash cannot be turned back."""
    return hashlib.sha256(secret.encode()).digest()


async def credential_of(request: web.Request, queries: Queries) -> Credential:
    """Read the Authorization header. A revoked key is 401 everywhere; keys made or revoked count at once."""
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return NOBODY
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value or len(request.headers.getall(hdrs.AUTHORIZATION)) > 1:
        raise unauthenticated()
    if not value.isascii():  # neither a key nor a token, and nothing that a database could look up
        value = ""
    if not value.startswith(KEY_MARK):
        return Credential(token=value)
    key, _, secret = value.removeprefix(KEY_MARK).partition(".")
    row = await queries.key(key)
    if row is None or not hmac.compare_digest(row["digest"], key_digest(secret)):
        return Credential(token=value)
    if row["revoked_at_ms"] is not None:
        raise unauthenticated("This key was revoked.")
    return Credential(scope=row["scope"], key=row["id"], partner=row["partner"])


def require(credential: Credential, scope: Scope) -> None:
    """A key of at least that scope, else 401 or 403."""
    if credential.scope is None:
        raise unauthenticated()
    if not credential.is_at_least(scope):
        raise Problem(Slug.FORBIDDEN)


def require_holder(credential: Credential, appointment: Appointment, links: Links) -> None:
    """The appointment's own patient, staff, or the partner that it came through; to others it does not exist."""
    if credential.is_at_least("staff"):
        return
    if credential.scope == "partner" and credential.partner and appointment.partner == credential.partner:
        return
    if credential.token is None or not links.fits("manage", credential.token, appointment):
        raise NotFound
