"""The types of request fields that all models share: instants, dates, whole numbers, texts and zones.

Each says what it takes in the JSON schema too, so that the published documents come from here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import resources
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

NAME_LENGTH = 200
EMAIL_LENGTH = 254  # the longest path that SMTP carries
PHONE_LENGTH = 40
TEXT_LENGTH = 2000
ID_LENGTH = 64  # ids are opaque; ours have 20 characters, a partner's own number may have more
TOKEN_LENGTH = 512
FIRST_YEAR = 1970  # Unix seconds stay positive
INSTANTS_KEPT = 8_192  # an answer has five, and many answers have the same ones
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # what SQLite stores and orjson writes

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS: Final = re.compile(r"-?[0-9]{1,19}")
_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"  # read by pydantic and by those who read our schemas
_CONTROL_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# What would need quoting in a mail header is left out: nobody has it, and it makes two addresses of one.
_EMAIL_PART: Final = r'[^@\s<>()\[\],;:\\"\x00-\x1f\x7f-\x9f\ud800-\udfff]+'
_EMAIL: Final = re.compile(rf"{_EMAIL_PART}@(?!\.){_EMAIL_PART}(?<!\.)")
_NOT_ZONES: Final = frozenset({"Factory", "localtime", "posixrules"})


class Body(BaseModel):
    """Base of every request model: strict, and an unknown field is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Between:
    """Annotation of a whole number in JSON, both bounds included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        bounded = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return core_schema.no_info_before_validator_function(_whole, bounded)


@dataclass(frozen=True, slots=True)
class QueryBetween:
    """Annotation of a whole number in a query, both bounds included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        bounded = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return core_schema.no_info_before_validator_function(_digits, bounded)


@lru_cache(maxsize=INSTANTS_KEPT)
def instant_text(seconds: int) -> str:
    """Unix seconds as RFC 3339 in UTC, `2026-03-09T08:30:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """All IANA zone names, from the pinned package and not from whatever the machine has."""
    text = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(text.split()) - _NOT_ZONES


def _instant(value: object) -> int:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an instant in UTC like 2026-03-09T08:30:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date and time of the calendar") from None
    if moment.year < FIRST_YEAR:
        raise ValueError(f"must not be before {FIRST_YEAR}")
    return int(moment.timestamp())


def _date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date like 2026-03-09")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date of the calendar") from None
    if day.year < FIRST_YEAR:
        raise ValueError(f"must not be before {FIRST_YEAR}")
    return day


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _digits(value: object) -> int:
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _flag(value: object) -> bool:
    match value:
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ValueError("must be true or false")


def _lines(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    text = value.replace("\r\n", "\n")  # browsers send form texts with CR LF
    if _CONTROL_IN_TEXT.search(text):
        raise ValueError("must not contain control characters")
    return text.strip()


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be blank")
    return value


def _within(value: str, limit: int) -> str:
    if len(value) > limit:
        raise ValueError(f"must have at most {limit} characters")
    return value


def _email(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    address = _within(_filled(value.strip()), EMAIL_LENGTH)
    if not _EMAIL.fullmatch(address):
        raise ValueError("must be an e-mail address like name@example.org")
    return address


def _text(value: object) -> str:
    return _within(_lines(value), TEXT_LENGTH)


def _filled_text(value: object) -> str:
    return _filled(_text(value))


def _zone(value: object) -> str:
    if not isinstance(value, str) or value not in zone_names():
        raise ValueError("must be a time zone like Europe/London")
    return value


def _line(limit: int, *, least: int = 1) -> StringConstraints:
    """One line without control characters, checked by pydantic's own code: these are on the way of every hold."""
    return StringConstraints(strict=True, strip_whitespace=True, min_length=least, max_length=limit, pattern=_LINE)


def _schema(limit: int, *, blank: bool = False, **more: Any) -> WithJsonSchema:
    length = {"type": "string", "maxLength": limit} | ({} if blank else {"minLength": 1})
    return WithJsonSchema(length | more)


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_INSTANT.pattern}$"}),
]
"""RFC 3339 in UTC with whole seconds, read as Unix seconds."""

Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
"""`YYYY-MM-DD`."""

Integer = Annotated[int, Between(SMALLEST, LARGEST)]
"""A whole number in JSON, 2 and 2.0 but no boolean or text. Narrower: `Annotated[int, Between(0, 6)]`."""

QueryInteger = Annotated[int, QueryBetween(SMALLEST, LARGEST)]
"""A whole number in digits, for query parameters. Narrower: `Annotated[int, QueryBetween(1, 200)]`."""

QueryFlag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
"""`true` or `false`, for query parameters."""

Name = Annotated[str, _line(NAME_LENGTH)]
"""One line that is not blank."""

Title = Annotated[str, _line(NAME_LENGTH, least=0)]
"""One line that may be blank."""

Email = Annotated[str, BeforeValidator(_email), _schema(EMAIL_LENGTH, format="email")]
"""A plausible address: whether it works only a mail can tell."""

Phone = Annotated[str, _line(PHONE_LENGTH)]
"""One line that is not blank; people write numbers in many ways."""

Text = Annotated[str, BeforeValidator(_text), _schema(TEXT_LENGTH, blank=True)]
"""Free text of several lines; may be blank."""

FilledText = Annotated[str, BeforeValidator(_filled_text), _schema(TEXT_LENGTH)]
"""Free text of several lines that is not blank."""

Identifier = Annotated[str, _line(ID_LENGTH)]
"""An opaque id; whether it names anything is for the handler to find out."""

Token = Annotated[str, _line(TOKEN_LENGTH)]
"""A token as it was given out."""

Zone = Annotated[str, BeforeValidator(_zone), _schema(ID_LENGTH, examples=["Europe/London"])]
"""An IANA zone name."""
