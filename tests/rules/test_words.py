"""Every word of the pages passes through gettext or Babel, and every template is rendered at least once.

A whole booking with its mishaps is walked in a language in which each translated text stands in brackets; what
then stands outside was never offered for translation.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from actors.calendar.messages import Cancel, OpenCalendar, Sealed
from actors.command import SYSTEM, By
from server.booking.catalogue import Clinic
from server.pages import render
from server.pages.files import StaticTree
from server.pages.messages import KINDS, MessagePage
from server.pages.render import ROOT, context, environment
from server.pages.when import Formats
from tests.server.pages.harbour import DETAILS, START, Harbour, Seen, Visitor, harbour

SPOKEN_ATTRIBUTES = ("aria-label", "alt", "title", "placeholder", "aria-description")

# What the clinic and the patient wrote: not ours to translate. Longer ones first.
DATA = (
    "Not for emergencies.", "12 Harbour Street", "Harbour Clinic", "Amira Haddad", "Priya Raman", "Examination",
    "Maria Ruiz", "Follow-up", "weekdays", "Holdfast", "Spanish", "Dizzy.", "Knees.", "Call", "Dr", "AH", "PR",
    "Tuesday",  # the ticket asks Babel itself
)  # fmt: skip
# References, links, addresses, placeholders of scripts.
NOT_WORDS = re.compile(r"https?://[^\s⟦⟧]+|\b[A-Z0-9]{2,}-[A-Z0-9]+\b|[^\s⟦⟧]+@[^\s⟦⟧]+|\{\w+\}")
CLINIC = Clinic("Harbour Clinic", "Europe/London", "020 7946 0000", "weekdays", "999", "", (), ())
INNERMOST = re.compile(r"⟦[^⟦⟧]*⟧")
LETTER = re.compile(r"[^\W\d_]")


class Pseudo(NullTranslations):
    """The language in which every translated text stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


class PseudoFormats(Formats):
    """Dates, clocks and names of zones in brackets too."""

    def clock(self, start: int, timezone: str) -> str:
        return f"⟦{super().clock(start, timezone)}⟧"

    def weekday(self, day: date) -> str:
        return f"⟦{super().weekday(day)}⟧"

    def weekday_short(self, day: date) -> str:
        return f"⟦{super().weekday_short(day)}⟧"

    def _skeleton(self, skeleton: str, day: date) -> str:
        return f"⟦{super()._skeleton(skeleton, day)}⟧"


class Spoken(HTMLParser):
    """Everything that a person may read or hear: hidden faces and sentences for scripts too."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in SPOKEN_ATTRIBUTES or name.startswith("data-say-")):
                self.texts.append(value)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def untranslated(html: str) -> list[str]:
    """Texts with letters outside all brackets. A link may split a sentence, so brackets match over the whole page."""
    page = Spoken()
    page.feed(html)
    text = NOT_WORDS.sub("", "\0".join(page.texts))
    while INNERMOST.search(text):
        text = INNERMOST.sub("", text)
    for known in DATA:
        text = text.replace(known, "")
    return [" ".join(piece.split()) for piece in text.split("\0") if LETTER.search(piece)]


@dataclass
class Walk:
    """The pages that were seen, by what was done, and the templates that made them."""

    seen: dict[str, str] = field(default_factory=dict)
    rendered: set[str] = field(default_factory=set)

    async def see(self, what: str, visitor: Visitor, path: str) -> Seen:
        """Look at a page and keep it."""
        return self.keep(what, await visitor.get(path))

    def keep(self, what: str, page: Seen) -> Seen:
        """Keep a page; a redirect has none."""
        if page.status != 303:
            self.seen[what] = page.body
        return page


@pytest.fixture
async def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Walk]:
    walked = Walk()
    load = jinja2.FileSystemLoader.get_source

    def noting(self, environment, template):  # type: ignore[no-untyped-def]
        walked.rendered.add(template)
        return load(self, environment, template)

    monkeypatch.setattr(jinja2.FileSystemLoader, "get_source", noting)
    monkeypatch.setattr(render, "NullTranslations", Pseudo)
    monkeypatch.setattr(render, "Formats", PseudoFormats)
    async with harbour(tmp_path) as clinic, clinic.visitor() as maria, clinic.visitor() as petr:
        await _choose(walked, clinic, maria, petr)
        for way in clinic.kinds:
            await _keep_and_confirm(walked, clinic, maria, way)
        await _lose(walked, clinic, maria, petr)
        yield walked


def test_a_word_outside_the_brackets_is_found() -> None:
    assert untranslated('<p aria-label="Days">⟦Call <a href="/">020</a>⟧ <b>now</b></p>') == ["Days", "now"]


async def test_every_word_goes_through_gettext(walk: Walk) -> None:
    missed = {what: untranslated(html) for what, html in walk.seen.items()}
    assert {what: texts for what, texts in missed.items() if texts} == {}


async def test_every_template_is_rendered_once(walk: Walk) -> None:
    assert {path.name for path in (ROOT / "templates").iterdir()} - walk.rendered == set()


@pytest.mark.parametrize("kind", sorted({*KINDS.values(), "unknown-clinician", "no-clinic", "foreign", "refused"}))
def test_every_message_has_words(kind: str) -> None:
    env = environment(StaticTree.read(ROOT / "static"), PseudoFormats(), Pseudo())
    page = MessagePage(clinic=CLINIC, kind=kind)
    assert untranslated(env.get_template(page.template).render(context(page))) == []


async def _choose(walk: Walk, clinic: Harbour, maria: Visitor, petr: Visitor) -> None:
    """From the list to a held time, with what can go wrong on the way."""
    other = await _colleague(clinic)
    times = f"/book/{clinic.clinician}?visit_type={clinic.kinds['phone']}"
    await walk.see("list", maria, "/book")
    await walk.see("kinds", maria, f"/book/{clinic.clinician}")
    await walk.see("times", maria, times)
    await walk.see("no times", maria, f"/book/{other}?visit_type={clinic.kinds['video']}")
    await walk.see("unknown clinician", maria, "/book/nobody")
    await maria.hold()
    await walk.see("times while holding", maria, times)
    fields = {"start": str(START), "visit_type": clinic.kinds["video"]}
    walk.keep("just taken", await petr.post(f"/book/{clinic.clinician}", fields))
    walk.keep("nonsense", await petr.post(f"/book/{clinic.clinician}", fields | {"start": "soon"}))
    foreign = {"Origin": "https://elsewhere.example"}
    walk.keep("foreign", await petr.post(f"/book/{clinic.clinician}", fields, foreign))


async def _keep_and_confirm(walk: Walk, clinic: Harbour, maria: Visitor, way: str) -> None:
    """The details, their faults, and the appointment before, while and after it can be joined."""
    start = START + 7 * 86_400 * (1 + list(clinic.kinds).index(way))
    hold = await maria.hold(start, way)
    await walk.see(f"details, {way}", maria, hold)
    walk.keep(f"faults, {way}", await maria.press(hold, {"name": "", "email": "m@"}))
    walk.keep(f"kept longer, {way}", await maria.press(hold, DETAILS, action="/extend"))
    asked = {"access": ("interpreter", "other"), "access_language": "Spanish", "access_other": "Knees."}
    confirmed = await maria.press(hold, DETAILS | asked)
    card = confirmed.location.partition("?")[0]
    await walk.see(f"confirmed, {way}", maria, f"{card}?new=1")
    appointment = await clinic.booking.reading.appointment(clinic.booking.links.named(card[3:]) or "")
    join = f"/j/{clinic.booking.links.token('join', appointment)}"
    await maria.get(f"/a/{clinic.booking.links.token('calendar', appointment)}/calendar.ics")
    back = clinic.clock.now_ms()
    for when, instant in (("before", back // 1000), ("while", start), ("after", start + 86_400)):
        clinic.clock.set(instant * 1000)
        await walk.see(f"appointment {when}, {way}", maria, card)
        await walk.see(f"join {when}, {way}", maria, join)
    clinic.clock.set(back)
    reason = Sealed(clinic.booking.ids.new_id(), "reason", b"0" * 16, "Knees.")
    await clinic.booking.holds.command(Cancel(by=By("staff"), appointment=appointment.id, reason=reason))
    await walk.see(f"cancelled, {way}", maria, card)


async def _lose(walk: Walk, clinic: Harbour, maria: Visitor, petr: Visitor) -> None:
    """A hold that runs out, one that is let go, and links that lead nowhere."""
    hold = await maria.hold()
    clinic.clock.advance(901)
    await walk.see("hold expired", maria, hold)
    gone = START + 40 * 60
    await petr.hold(gone)
    walk.keep("taken meanwhile", await maria.press(hold, DETAILS | {"again": str(gone)}))
    later = await maria.hold(START + 20 * 60)
    walk.keep("let go", await maria.press(later, DETAILS, action="/release"))
    await walk.see("hold let go", maria, later)
    await walk.see("no hold", maria, "/hold/nothing")
    await walk.see("no appointment", maria, "/a/nothing")
    await walk.see("no page", maria, "/nothing")


async def _colleague(clinic: Harbour) -> str:
    key = clinic.booking.ids.new_id()
    row = {"id": key, "name": "Priya Raman", "title": "", "about": "Knees.", "email": None, "position": 2}
    more = {"timezone": "Europe/London", "slot_minutes": 20, "visit_types": None, "salt": b"0" * 16}
    await clinic.booking.calendars.ask(key, OpenCalendar(by=SYSTEM, row=row | more))
    return key
