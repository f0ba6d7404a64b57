"""Personal links: good for one purpose, one appointment and one counter, and derived from the secret alone."""

import base64
from dataclasses import replace
from itertools import permutations, product
from typing import Any, get_args

import pytest

from actors.calendar.state import Appointment, Status
from actors.ids import SeededIds
from server.booking.links import Links, Purpose

LINKS = Links(b"secret", "https://clinic.example")
PURPOSES = get_args(Purpose)


def appointment(key: str = "abcdefghijkmnpqrstuv", **changes: Any) -> Appointment:
    made = Appointment(key, 1, "K7-49Q", "cal", Status.HELD, 1, None, 0, 60, "UTC", "", 0, None, 0, 0)
    return replace(made, **changes)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_names_and_fits_its_appointment(purpose: Purpose) -> None:
    token = LINKS.token(purpose, appointment())
    assert LINKS.named(token) == appointment().id
    assert LINKS.fits(purpose, token, appointment())


@pytest.mark.parametrize(("made", "asked"), list(permutations(PURPOSES, 2)))
def test_a_token_is_good_for_its_own_purpose_only(made: Purpose, asked: Purpose) -> None:
    assert not LINKS.fits(asked, LINKS.token(made, appointment()), appointment())


def test_a_new_counter_ends_the_old_links() -> None:
    old = LINKS.token("manage", appointment())
    assert not LINKS.fits("manage", old, appointment(links=1))
    assert LINKS.fits("manage", LINKS.token("manage", appointment(links=1)), appointment(links=1))


def test_another_secret_or_appointment_does_not_fit() -> None:
    token = LINKS.token("manage", appointment())
    assert not Links(b"other", LINKS.base_url).fits("manage", token, appointment())
    assert not LINKS.fits("manage", token, appointment("zbcdefghijkmnpqrstuv"))


def test_the_same_secret_makes_the_same_links_after_a_restart() -> None:
    again = Links(b"secret", "http://elsewhere")
    assert again.token("join", appointment()) == LINKS.token("join", appointment())


def test_no_changed_character_fits() -> None:
    token = LINKS.token("manage", appointment())
    for place in range(len(token)):
        for other in "Aa0-_":
            if other != token[place]:
                assert not LINKS.fits("manage", token[:place] + other + token[place + 1 :], appointment())
    assert not LINKS.fits("manage", token[:-1], appointment())
    assert not LINKS.fits("manage", token + "A", appointment())


def test_a_token_has_one_spelling_only() -> None:
    token = LINKS.token("manage", appointment())
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for padded in (token + "=", token + "==", base64.b64encode(raw).decode() + "=", token.upper()):
        if padded != token:
            assert not LINKS.fits("manage", padded, appointment())


@pytest.mark.parametrize(
    "text", ["", "x", "A" * 19, "A" * 201, "ä" * 40, "A" * 30 + "=", "A" * 30 + "/", "\0" * 30, "A" * 21, "/" * 40]
)
def test_what_is_no_token_names_nothing_or_nobody(text: str) -> None:
    assert LINKS.named(text) in (None, "\0" * 5) or not LINKS.fits("manage", text, appointment())


def test_bytes_that_are_no_text_name_nothing() -> None:
    assert LINKS.named(base64.urlsafe_b64encode(b"\xff" * 36).decode().rstrip("=")) is None


def test_links_are_addresses_of_the_clinic() -> None:
    token = {purpose: LINKS.token(purpose, appointment()) for purpose in PURPOSES}
    assert LINKS.manage(appointment()) == f"https://clinic.example/a/{token['manage']}"
    assert LINKS.join(appointment()) == f"https://clinic.example/j/{token['join']}"
    assert LINKS.calendar(appointment()) == f"https://clinic.example/a/{token['calendar']}/calendar.ics"


def test_tokens_never_meet() -> None:
    ids = SeededIds(1)
    names = [ids.new_id() for _ in range(50)]
    tokens = [LINKS.token(purpose, appointment(key, links=n)) for key, purpose, n in product(names, PURPOSES, range(3))]
    assert len(set(tokens)) == len(tokens)


def test_keyed_hashes_differ_by_purpose_and_text_and_tell_neither() -> None:
    assert LINKS.keyed("session", "a") == Links(b"secret", "x").keyed("session", "a")
    found = {LINKS.keyed(purpose, text) for purpose in ("session", "address") for text in ("203.0.113.7", "b")}
    assert len(found) == 4
    assert "203.0.113.7" not in str(found)
