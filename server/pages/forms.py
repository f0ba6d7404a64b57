"""The details form: from posted fields to a draft, from a draft to its faults. The templates have the words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multidict import MultiDict

from server.booking.drafts import Draft

NAME_LENGTH, EMAIL_LENGTH, PHONE_LENGTH, TEXT_LENGTH = 200, 254, 40, 2_000
ACCESS_LENGTH = 200  # a language or a few words; whatever needs more belongs in a call

# The chips offered for each way of visit, in this order. A staircase does not matter on the phone.
CHIPS: Mapping[str, tuple[str, ...]] = {
    "video": ("interpreter", "captions", "other"),
    "clinic": ("interpreter", "step-free", "other"),
    "phone": ("interpreter", "other"),
}
ALL_CHIPS = ("interpreter", "captions", "step-free", "other")

# One "@" with something on both sides and a dot in the domain: finds slips of the finger, no more.
EMAIL_SHAPE = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# API pointers of a refused confirmation -> the field that a person sees.
POINTER_FIELDS = {
    "/patient/name": "name",
    "/patient/email": "email",
    "/patient/phone": "phone",
    "/note": "note",
    "/access_needs": "access_other",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: `field` is the input's id, `what` the key of its sentence in `_hold_faults.html`."""

    field: str
    what: str


def has_details(posted: MultiDict[str]) -> bool:
    """Whether the form carried the fields at all; a lone button must not blank what was typed before."""
    return "name" in posted


def draft_from(posted: MultiDict[str]) -> Draft:
    """The typed text, kept as it is but for control characters and outer blanks."""
    chosen = set(posted.getall("access", ()))
    return Draft(
        who="else" if posted.get("who") == "else" else "me",
        name=_line(posted.get("name", "")),
        email=_line(posted.get("email", "")),
        phone=_line(posted.get("phone", "")),
        note=_text(posted.get("note", "")),
        access=tuple(chip for chip in ALL_CHIPS if chip in chosen),
        access_language=_line(posted.get("access_language", "")),
        access_other=_line(posted.get("access_other", "")),
    )


def faults_of(draft: Draft) -> list[Fault]:
    """Everything that stands in the way of confirming, in the order of the fields."""
    faults = [
        Fault("name", "name-missing") if not draft.name else _too_long("name", draft.name, NAME_LENGTH),
        _email_fault(draft.email),
        _too_long("phone", draft.phone, PHONE_LENGTH) or _phone_fault(draft.phone),
        _too_long("note", draft.note, TEXT_LENGTH),
        _too_long("access_language", draft.access_language, ACCESS_LENGTH),
        _too_long("access_other", draft.access_other, ACCESS_LENGTH),
    ]
    return [fault for fault in faults if fault is not None]


def faults_from(pointers: Sequence[tuple[str, str]]) -> list[Fault]:
    """Faults that the booking itself found, at the field that each pointer means."""
    fields = [POINTER_FIELDS.get(pointer, "name") for pointer, _ in pointers]
    return [Fault(field, f"{field}-invalid") for field in dict.fromkeys(fields)]


def _email_fault(email: str) -> Fault | None:
    if not email:
        return Fault("email", "email-missing")
    if len(email) > EMAIL_LENGTH:
        return Fault("email", "email-long")
    return None if EMAIL_SHAPE.fullmatch(email) else Fault("email", "email-invalid")


def _phone_fault(phone: str) -> Fault | None:
    return Fault("phone", "phone-invalid") if phone and not any(map(str.isdigit, phone)) else None


def _too_long(field: str, text: str, length: int) -> Fault | None:
    return Fault(field, f"{field}-long") if len(text) > length else None


def _line(text: str) -> str:
    """One line: every run of blanks and control characters is a single blank."""
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(character for character in text if _is_plain(character)).strip()


def _is_plain(character: str) -> bool:
    return character == "\n" or not CONTROL.match(character)
