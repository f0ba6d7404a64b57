"""Every error that the outside can see: one slug each, as RFC 9457 problem+json.

Refusals of the rules and HTTP errors of aiohttp are turned into problems here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from actors import refusals
from actors.refusals import Refusal
from server.fields import instant_text

TYPE_BASE = "https://holdfast.invalid/problems/"
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1  # a full mailbox or a failed commit is over within a second, or the next try says so again
_CHALLENGE: Final = {hdrs.WWW_AUTHENTICATE: "Bearer"}  # RFC 9110 15.5.2: a 401 says how to do better


class Slug(StrEnum):
    """The closed list of problems; their names are part of the contract."""

    VALIDATION = "validation"
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    SLOT_UNAVAILABLE = "slot-unavailable"
    HOLD_EXPIRED = "hold-expired"
    INVALID_TRANSITION = "invalid-transition"
    PATIENT_BUSY = "patient-busy"
    TOO_LATE = "too-late"
    REASON_REQUIRED = "reason-required"
    OUTSIDE_JOIN_WINDOW = "outside-join-window"
    CONFLICT = "conflict"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    TOO_MANY_HOLDS = "too-many-holds"
    RATE_LIMITED = "rate-limited"
    TOO_LARGE = "too-large"
    UNAVAILABLE = "unavailable"
    OUTCOME_UNKNOWN = "outcome-unknown"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems of one slug have in common; `detail` is said when nobody says more."""

    status: int
    title: str
    detail: str


KINDS: Final[Mapping[Slug, Kind]] = MappingProxyType(
    {
        Slug.VALIDATION: Kind(422, "Some values are wrong", "See errors for each fault."),
        Slug.MALFORMED: Kind(400, "The request cannot be read", "The request is not well-formed."),
        Slug.UNAUTHENTICATED: Kind(401, "Credentials needed", "No valid credentials came with the request."),
        Slug.FORBIDDEN: Kind(403, "Not allowed", "These credentials do not allow this."),
        Slug.NOT_FOUND: Kind(404, "Not found", "There is nothing here."),
        Slug.SLOT_UNAVAILABLE: Kind(409, "That time is not available", "That time cannot be booked."),
        Slug.HOLD_EXPIRED: Kind(410, "The hold has ended", "The hold ran out or was let go."),
        Slug.INVALID_TRANSITION: Kind(409, "Not possible now", "The appointment's status forbids it."),
        Slug.PATIENT_BUSY: Kind(409, "Overlapping appointment", "That patient has another one then."),
        Slug.TOO_LATE: Kind(409, "Too late to change online", "The clinic's notice for this has passed."),
        Slug.REASON_REQUIRED: Kind(422, "A reason is required", "Say why."),
        Slug.OUTSIDE_JOIN_WINDOW: Kind(403, "Joining is not open", "Joining is possible in its window only."),
        Slug.CONFLICT: Kind(412, "Changed in the meantime", "If-Match names another version."),
        Slug.METHOD_NOT_ALLOWED: Kind(405, "Method not allowed", "See Allow for what is possible here."),
        Slug.UNSUPPORTED_MEDIA_TYPE: Kind(415, "Unsupported media type", "Send application/json in UTF-8."),
        Slug.TOO_MANY_HOLDS: Kind(429, "Too many holds", "Too many times are being held; try again later."),
        Slug.RATE_LIMITED: Kind(429, "Too many requests", "Slow down and try again later."),
        Slug.TOO_LARGE: Kind(413, "Too large", "A request body may have at most 64 KiB."),
        Slug.UNAVAILABLE: Kind(503, "Not available at the moment", "Nothing happened; try again."),
        Slug.OUTCOME_UNKNOWN: Kind(
            503, "Outcome unknown", "Send the same request with the same Idempotency-Key again to learn it."
        ),
        Slug.INTERNAL: Kind(500, "Something went wrong here", "The fault is logged; it is not yours."),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong value: a JSON pointer (RFC 6901) into the body, and a sentence about it."""

    pointer: str
    detail: str


class Problem(Exception):
    """An answer that is an error. Raise it anywhere above the actors; the shield turns it into a response."""

    def __init__(
        self,
        slug: Slug,
        detail: str = "",
        *,
        errors: Iterable[Fault] = (),
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
    ) -> None:
        kind = KINDS[slug]
        super().__init__(slug.value)
        self.slug, self.status, self.title = slug, kind.status, kind.title
        self.detail = detail or kind.detail
        self.errors = tuple(errors)
        self.members: Mapping[str, Any] = members or {}
        self.headers: Mapping[str, str] = (_CHALLENGE if kind.status == 401 else {}) | dict(headers or {})
        self.closes = closes  # the connection is out of step: nothing more can be read from it

    def body(self) -> bytes:
        """The problem as RFC 9457 JSON."""
        document: dict[str, Any] = {
            "type": TYPE_BASE + self.slug.value,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in self.errors]
        document.update(self.members)
        return orjson.dumps(document)

    def response(self) -> web.Response:
        """The problem as a response, with its own headers (Retry-After, Allow) on it."""
        response = web.Response(body=self.body(), status=self.status, headers=self.headers)
        response.headers[hdrs.CONTENT_TYPE] = MEDIA_TYPE
        if self.closes:
            response.force_close()
        return response


def malformed(detail: str) -> Problem:
    """The request could not be read at all."""
    return Problem(Slug.MALFORMED, detail)


def invalid(*faults: Fault) -> Problem:
    """Well-formed but wrong; name every fault at once."""
    return Problem(Slug.VALIDATION, errors=faults)


def unauthenticated(detail: str = "") -> Problem:
    """No credentials, or none that is alive."""
    return Problem(Slug.UNAUTHENTICATED, detail)


def retry_later(slug: Slug, seconds: int, detail: str = "") -> Problem:
    """A problem with Retry-After; less than a second is rounded up to one."""
    return Problem(slug, detail, headers={hdrs.RETRY_AFTER: str(max(1, seconds))})


def outside_join_window(opens_at: int, closes_at: int) -> Problem:
    """Joining is possible from `opens_at` to `closes_at` (Unix seconds)."""
    window = {"opens_at": instant_text(opens_at), "closes_at": instant_text(closes_at)}
    return Problem(Slug.OUTSIDE_JOIN_WINDOW, members=window)


def problem_of_refusal(refusal: Refusal, now_ms: int) -> Problem:
    """The problem that tells a refusal to the outside; a refusal without one is a defect (KeyError)."""
    return _OF_REFUSAL[type(refusal)](refusal, now_ms)


def problem_of_http(error: web.HTTPException) -> Problem:
    """The problem for an HTTP error that aiohttp raised: what has no slug of its own is `malformed`."""
    if error.status >= 500:
        return Problem(Slug.INTERNAL)
    match error.status:
        case 401:
            return unauthenticated()
        case 405:
            return Problem(Slug.METHOD_NOT_ALLOWED, headers={hdrs.ALLOW: error.headers.get(hdrs.ALLOW, "")})
        case status if status in _SLUG_OF_STATUS:
            return Problem(_SLUG_OF_STATUS[status])
        case _:
            return malformed(f"{error.reason}.")


_SLUG_OF_STATUS: Final = {
    403: Slug.FORBIDDEN,
    404: Slug.NOT_FOUND,
    413: Slug.TOO_LARGE,
    415: Slug.UNSUPPORTED_MEDIA_TYPE,
}


def _slot_unavailable(refusal: refusals.SlotUnavailable, now_ms: int) -> Problem:
    members = {"alternatives": [instant_text(start) for start in refusal.alternatives]}
    return Problem(Slug.SLOT_UNAVAILABLE, members=members)


def _hold_lapsed(refusal: refusals.HoldLapsed, now_ms: int) -> Problem:
    members: dict[str, Any] = {"slot_open": refusal.slot_open}
    if refusal.alternatives:
        members["alternatives"] = [instant_text(start) for start in refusal.alternatives]
    return Problem(Slug.HOLD_EXPIRED, members=members)


def _transition_invalid(refusal: refusals.TransitionInvalid, now_ms: int) -> Problem:
    members = {"from": refusal.status, "action": refusal.action}
    if refusal.possible_from is not None:
        members["possible_from"] = instant_text(refusal.possible_from)
    return Problem(Slug.INVALID_TRANSITION, refusal.detail, members=members)


def _patient_busy(refusal: refusals.PatientBusy, now_ms: int) -> Problem:
    return Problem(Slug.PATIENT_BUSY)


def _too_late(refusal: refusals.TooLate, now_ms: int) -> Problem:
    return Problem(Slug.TOO_LATE, members={"until": instant_text(refusal.until)} if refusal.until else {})


def _reason_required(refusal: refusals.ReasonRequired, now_ms: int) -> Problem:
    return Problem(Slug.REASON_REQUIRED, errors=[Fault("/reason", "is required here")])


def _too_many_holds(refusal: refusals.TooManyHolds, now_ms: int) -> Problem:
    return retry_later(Slug.TOO_MANY_HOLDS, -(-(refusal.until * 1000 - now_ms) // 1000))


def _invalid(refusal: refusals.Invalid, now_ms: int) -> Problem:
    return invalid(*(Fault(pointer, detail) for pointer, detail in refusal.faults))


def _not_found(refusal: refusals.NotFound, now_ms: int) -> Problem:
    return Problem(Slug.NOT_FOUND)


def _version_conflict(refusal: refusals.VersionConflict, now_ms: int) -> Problem:
    return Problem(Slug.CONFLICT, members={"version": refusal.version})


def _already_answered(refusal: refusals.AlreadyAnswered, now_ms: int) -> Problem:
    # Whoever asked should have read the stored answer; sent again, the request will find it.
    return retry_later(Slug.UNAVAILABLE, RETRY_SECONDS)


def _unavailable(refusal: refusals.Unavailable, now_ms: int) -> Problem:
    return retry_later(Slug.UNAVAILABLE, refusal.retry_after)


def _outcome_unknown(refusal: refusals.OutcomeUnknown, now_ms: int) -> Problem:
    return retry_later(Slug.OUTCOME_UNKNOWN, RETRY_SECONDS)


_OF_REFUSAL: Final[Mapping[type[Refusal], Callable[[Any, int], Problem]]] = MappingProxyType(
    {
        refusals.SlotUnavailable: _slot_unavailable,
        refusals.HoldLapsed: _hold_lapsed,
        refusals.TransitionInvalid: _transition_invalid,
        refusals.PatientBusy: _patient_busy,
        refusals.TooLate: _too_late,
        refusals.ReasonRequired: _reason_required,
        refusals.TooManyHolds: _too_many_holds,
        refusals.Invalid: _invalid,
        refusals.NotFound: _not_found,
        refusals.VersionConflict: _version_conflict,
        refusals.AlreadyAnswered: _already_answered,
        refusals.Unavailable: _unavailable,
        refusals.OutcomeUnknown: _outcome_unknown,
    }
)
