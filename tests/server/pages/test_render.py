"""The environment of the templates: escaping, strictness, and the pieces that every page may use."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import jinja2
import pytest

from server.booking.catalogue import Clinic
from server.pages.files import StaticTree
from server.pages.messages import MessagePage
from server.pages.render import ROOT, Page, context, environment, initials, plural_forms, tel, tel_href
from server.pages.when import Formats

CLINIC = Clinic("Harbour <Clinic>", "Europe/London", "020 7946 0000", "weekdays", "999", "", (), ())
TREE = StaticTree.read(ROOT / "static")
BOOKING_PAGE_JS, BOOKING_PAGE_CSS = 12_000, 8_192  # octets packed: a phone on a train is the measure


@pytest.fixture
def env() -> jinja2.Environment:
    return environment(TREE, Formats())


def packed(names: Iterable[str]) -> int:
    return sum(len(gzip.compress(TREE.files[name].plain, 9)) for name in names)


def test_what_comes_from_outside_is_escaped(env: jinja2.Environment) -> None:
    page = MessagePage(clinic=CLINIC, kind="not-found")
    html = env.get_template(page.template).render(context(page))
    assert "Harbour &lt;Clinic&gt;" in html
    assert "<Clinic>" not in html


def test_an_unknown_name_is_an_error(env: jinja2.Environment) -> None:
    with pytest.raises(jinja2.UndefinedError):
        env.from_string("{{ nobody }}").render()


def test_a_template_sees_exactly_the_fields_of_its_page() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Small(Page):
        template: ClassVar[str] = "small.html"

        kind: str

    assert context(Small(clinic=CLINIC, kind="x")) == {"clinic": CLINIC, "kind": "x"}


def test_the_phone_number_is_on_a_page_that_only_says_something(env: jinja2.Environment) -> None:
    page = MessagePage(clinic=CLINIC, kind="defect")
    assert 'href="tel:02079460000"' in env.get_template(page.template).render(context(page))


@pytest.mark.parametrize(
    ("name", "short"),
    [("Amira Haddad", "AH"), ("Priya", "P"), ("Maria Fernanda de la Ruiz", "MR"), ("(van) Dam", "D"), ("", "")],
)
def test_initials_are_those_of_the_first_and_the_last_word(name: str, short: str) -> None:
    assert initials(name) == short


def test_a_number_dials_without_its_blanks_and_cannot_break_out() -> None:
    assert tel_href("+44 (0)20 7946") == "tel:+440207946"
    assert str(tel('1"<')) == '<a href="tel:1">1&#34;&lt;</a>'


def test_each_plural_form_has_a_number_that_takes_it() -> None:
    assert dict(plural_forms(Formats("en_GB"))) == {"other": 0, "one": 1}
    assert {form for form, _ in plural_forms(Formats("pl"))} >= {"one", "few", "many"}


def test_the_booking_page_stays_small() -> None:
    scripts = ("slots", "cells", "live", "net", "say", "words")
    sheets = ("tokens", "base", "button", "notice", "patient", "live", "day", "slot")
    assert packed(f"js/{name}.js" for name in scripts) <= BOOKING_PAGE_JS
    assert packed(f"css/{name}.css" for name in sheets) <= BOOKING_PAGE_CSS
