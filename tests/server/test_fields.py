"""What each field takes and what it refuses, through the models that use it."""

from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from server import fields
from server.fields import Between, Body, QueryBetween, instant_text, zone_names


def taken(kind: Any, value: object) -> object:
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: object) -> bool:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)
    return True


def test_an_instant_becomes_unix_seconds() -> None:
    assert taken(fields.Instant, "2026-03-09T08:30:00Z") == 1_773_045_000


@pytest.mark.parametrize(
    "seconds", [0, 951_782_400, 1_773_045_000, 253_402_300_799], ids=["first", "leap day", "now", "last"]
)
def test_an_instant_that_was_written_is_read_as_the_same(seconds: int) -> None:
    assert taken(fields.Instant, instant_text(seconds)) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-09T08:30:00+00:00",
        "2026-03-09T08:30:00+01:00",
        "2026-03-09T08:30:00",
        "2026-03-09T08:30:00z",
        "2026-03-09t08:30:00Z",
        "2026-03-09 08:30:00Z",
        "2026-03-09T08:30Z",
        "2026-03-09T08:30:00.0Z",
        "2026-03-09T08:30:60Z",
        "2026-03-09T24:00:00Z",
        "2026-02-29T08:30:00Z",
        "2026-13-01T08:30:00Z",
        "2026-W11-1T08:30:00Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "２０２６-03-09T08:30:00Z",
        " 2026-03-09T08:30:00Z",
        "2026-03-09T08:30:00Z\n",
        "",
        1_773_045_000,
        None,
        True,
    ],
)
def test_anything_else_is_no_instant(value: object) -> None:
    assert refused(fields.Instant, value)


def test_a_date_is_a_day_of_the_calendar() -> None:
    assert taken(fields.Date, "2028-02-29") == date(2028, 2, 29)


@pytest.mark.parametrize(
    "value", ["2026-02-29", "2026-3-9", "20260309", "2026-W11-1", "1969-12-31", "0000-01-01", "", 0, None]
)
def test_anything_else_is_no_date(value: object) -> None:
    assert refused(fields.Date, value)


@pytest.mark.parametrize("value", [2, 2.0, -(2**63), 2**63 - 1])
def test_a_whole_number_may_be_written_with_a_point(value: float) -> None:
    number = taken(fields.Integer, value)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize("value", [True, False, 2.5, "2", None, [2], 2**63, -(2**63) - 1, 1e300])
def test_anything_else_is_no_whole_number(value: object) -> None:
    assert refused(fields.Integer, value)


def test_bounds_of_a_whole_number_are_included_and_published() -> None:
    weekday = Annotated[int, Between(0, 6)]
    assert taken(weekday, 6.0) == 6
    assert refused(weekday, 7)
    assert TypeAdapter(weekday).json_schema() == {"type": "integer", "minimum": 0, "maximum": 6}


def test_a_number_in_a_query_is_written_in_digits() -> None:
    limit = Annotated[int, QueryBetween(1, 200)]
    assert taken(limit, "50") == 50
    for value in ("0", "201", "5.0", "1e2", "+5", " 5", "٥", "", "9" * 5000, True):
        assert refused(limit, value)


def test_a_flag_in_a_query_is_true_or_false() -> None:
    assert taken(fields.QueryFlag, "true") is True
    assert taken(fields.QueryFlag, "false") is False
    for value in ("1", "True", "yes", "", True):
        assert refused(fields.QueryFlag, value)


def test_names_are_stripped() -> None:
    assert taken(fields.Name, "  Zoë O’Neil ") == "Zoë O’Neil"


def test_a_limit_counts_characters_after_stripping() -> None:
    assert taken(fields.Name, " " * 300 + "é" * 200) == "é" * 200
    assert refused(fields.Name, "é" * 201)


@pytest.mark.parametrize("kind", [fields.Name, fields.Phone, fields.FilledText, fields.Identifier])
@pytest.mark.parametrize("value", ["", " ", "\u00a0", None, 5, ["a"]])
def test_a_filled_field_is_not_blank(kind: Any, value: object) -> None:
    assert refused(kind, value)


def test_a_title_and_a_free_text_may_be_blank() -> None:
    assert taken(fields.Title, " ") == ""
    assert taken(fields.Text, "\n") == ""


@pytest.mark.parametrize(
    "kind", [fields.Name, fields.Title, fields.Email, fields.Phone, fields.Text, fields.Identifier]
)
@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused(kind: Any, character: str) -> None:
    assert refused(kind, f"a@b{character}c.de")


def test_only_free_texts_have_lines() -> None:
    assert taken(fields.Text, "one\r\n\ttwo") == "one\n\ttwo"
    assert refused(fields.Text, "one\rtwo")
    assert refused(fields.Name, "one\ntwo")


def test_lengths_are_those_of_the_contract() -> None:
    assert taken(fields.Text, "a" * 2000)
    assert refused(fields.Text, "a" * 2001)
    assert taken(fields.Phone, "1" * 40)
    assert refused(fields.Phone, "1" * 41)
    assert taken(fields.Email, "a" * 242 + "@example.org")
    assert refused(fields.Email, "a" * 243 + "@example.org")


@pytest.mark.parametrize("value", ["a@b.c", "o'neil+x@mail.example.org", "jörg@müller.example", "a@localhost"])
def test_plausible_addresses_are_taken(value: str) -> None:
    assert taken(fields.Email, value) == value


@pytest.mark.parametrize(
    "value", ["a", "@b.c", "a@", "a@@b.c", "a@b@c", "a b@c.d", "a@b. c", "a@.b", "a@b.", "a,b@c.d", "<a@b.c>"]
)
def test_implausible_addresses_are_refused(value: str) -> None:
    assert refused(fields.Email, value)


@pytest.mark.parametrize("value", ["Europe/London", "UTC", "America/Argentina/Buenos_Aires", "Asia/Kolkata"])
def test_zones_are_those_of_iana(value: str) -> None:
    assert taken(fields.Zone, value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "localtime",
        "Factory",
        "posixrules",
        "../x",
        "/etc/passwd",
        "Europe",
        "europe/london",
        "posix/UTC",
        "Mars",
        0,
    ],
)
def test_what_only_looks_like_a_zone_is_refused(value: object) -> None:
    assert refused(fields.Zone, value)


def test_every_zone_can_be_loaded() -> None:
    assert len(zone_names()) > 400
    for name in zone_names():
        ZoneInfo(name)


def test_a_body_refuses_unknown_fields_and_guesses_no_types() -> None:
    class Note(Body):
        text: fields.Text
        urgent: bool = False

    assert Note.model_validate({"text": "a", "urgent": True}).urgent
    for data in ({"text": "a", "more": 1}, {"text": "a", "urgent": 1}, {"text": "a", "urgent": "true"}, {}):
        with pytest.raises(ValidationError):
            Note.model_validate(data)


def test_the_published_schema_says_what_is_taken() -> None:
    class Everything(Body):
        at: fields.Instant
        day: fields.Date
        name: fields.Name
        note: fields.Text = ""

    properties = Everything.model_json_schema()["properties"]
    assert properties["at"]["format"] == "date-time"
    assert properties["day"]["format"] == "date"
    assert (properties["name"]["minLength"], properties["name"]["maxLength"]) == (1, 200)
    assert properties["note"]["maxLength"] == 2000
