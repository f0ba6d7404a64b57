"""One appointment as an iCalendar file (RFC 5545). Pure: texts, times and identifiers are arguments.

Written by hand because all that is needed is one VEVENT in UTC; the tests read it back with a real parser.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

CONTENT_TYPE = "text/calendar; charset=utf-8"
PRODUCT = "-//Holdfast//Holdfast//EN"
LINE_OCTETS = 75  # RFC 5545 3.1: longer content lines are folded

# The calendar's word for each stored state that a patient can hold a link to.
STATUS_WORDS = {
    "held": "TENTATIVE",
    "confirmed": "CONFIRMED",
    "completed": "CONFIRMED",
    "no_show": "CONFIRMED",
    "cancelled": "CANCELLED",
    "expired": "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a calendar shows. The `uid` and a `sequence` that never falls make every copy the same entry."""

    uid: str
    sequence: int
    status: str  # one of the six stored states
    start: int
    end: int
    stamp: int  # when this version of the appointment was made, Unix seconds
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""


def uid(appointment_id: str, host: str) -> str:
    """The entry's name, the same for ever: through moves, another clinician and cancellation."""
    return f"{appointment_id}@{host}"


def calendar(entry: Entry) -> str:
    """The file's text, with CRLF and folded lines; encode it as UTF-8.

    There is no METHOD: the file is a plain copy, so neither an organizer nor attendees are named.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "BEGIN:VEVENT",
        f"UID:{_escaped(entry.uid)}",
        f"DTSTAMP:{_utc(entry.stamp)}",
        f"SEQUENCE:{entry.sequence}",
        f"STATUS:{STATUS_WORDS[entry.status]}",
        f"DTSTART:{_utc(entry.start)}",
        f"DTEND:{_utc(entry.end)}",
        f"SUMMARY:{_escaped(entry.summary)}",
        *_texts(entry),
        "CLASS:PRIVATE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _texts(entry: Entry) -> list[str]:
    """The properties that are left out when there is nothing to say."""
    texts = []
    if entry.description:
        texts.append(f"DESCRIPTION:{_escaped(entry.description)}")
    if entry.location:
        texts.append(f"LOCATION:{_escaped(entry.location)}")
    if entry.url:
        texts.append(f"URL:{_printable(entry.url)}")
    return texts


def _utc(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """A TEXT value (3.3.11): backslash, semicolon and comma escaped, line breaks as `\\n`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return _printable(text)


def _printable(text: str) -> str:
    """Without control characters: a raw line break would start a property of its own."""
    return "".join(character for character in text if character >= " " and character != "\x7f")


def _folded(line: str) -> str:
    """Pieces of at most 75 octets, never inside a character; each after the first begins with a space."""
    pieces, piece, room = [], "", LINE_OCTETS
    for character in line:
        octets = len(character.encode())
        if octets > room:
            pieces.append(piece)
            piece, room = "", LINE_OCTETS - 1
        piece += character
        room -= octets
    return "\r\n ".join([*pieces, piece])
