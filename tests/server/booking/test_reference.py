"""References neither collide nor count, and grow when the short ones are used up."""

import re

from server.booking.reference import ALPHABET, References

REFERENCES = References(b"secret")
SHORT, LONGER = 32**5, 32**6


def test_the_first_forty_thousand_never_meet() -> None:
    found = [REFERENCES.of(number) for number in range(1, 40_001)]
    assert len(set(found)) == 40_000
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{2}-[2-9A-HJ-NP-Z]{3}", one) for one in found)


def test_the_alphabet_has_nothing_that_is_mistaken_on_the_phone() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set(ALPHABET) & set("01OIl")


def test_every_character_is_used_in_every_place() -> None:
    found = [REFERENCES.of(number).replace("-", "") for number in range(1, 5_001)]
    for place in range(5):
        assert {one[place] for one in found} == set(ALPHABET)


def test_neighbours_do_not_look_alike() -> None:
    found = [REFERENCES.of(number).replace("-", "") for number in range(1, 2_001)]
    alike = [sum(a == b for a, b in zip(one, other, strict=True)) for one, other in zip(found, found[1:], strict=False)]
    assert sum(alike) / len(alike) < 1  # by chance 5/32 of a character
    assert found != sorted(found)


def test_the_same_number_gives_the_same_and_another_secret_another() -> None:
    assert References(b"secret").of(7) == REFERENCES.of(7)
    others = References(b"other")
    assert sum(others.of(number) == REFERENCES.of(number) for number in range(1, 1_001)) < 3


def test_they_grow_when_the_short_ones_are_used_up() -> None:
    edges = [SHORT - 2, SHORT - 1, SHORT, SHORT + 1, SHORT + LONGER - 1, SHORT + LONGER]
    assert [len(REFERENCES.of(number).replace("-", "")) for number in edges] == [5, 5, 6, 6, 6, 7]
    longer = [REFERENCES.of(SHORT + place) for place in range(20_000)]
    assert len(set(longer)) == len(longer)
    assert all(re.fullmatch(r"..-....", one) for one in longer)
