"""How a page becomes HTML: one Jinja environment, typed contexts, words through gettext. No page knows Jinja itself."""

from dataclasses import dataclass, fields
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import aiohttp_jinja2
import jinja2
from aiohttp import hdrs, web
from markupsafe import Markup

from server.pages.files import StaticTree
from server.pages.when import Formats

if TYPE_CHECKING:
    from server.booking.booking import Booking
    from server.booking.catalogue import Clinic

ROOT = Path(__file__).resolve().parents[2]
LOCALE = "en_GB"
MACROS = ("_macros.html", "_phrases.html", "_slot.html")
BOOKING: "web.AppKey[Booking]" = web.AppKey("booking")
FORMATS = web.AppKey("formats", Formats)
STATIC = web.AppKey("static", StaticTree)
# What only one person may see stays in no cache; nor do times: on Back browsers show a "no-cache" page unasked.
PRIVATE = "no-store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a template may use: exactly its page's fields. Every page knows the clinic, whose phone number it shows."""

    template: ClassVar[str]
    cache: ClassVar[str] = PRIVATE

    clinic: "Clinic"


def setup(app: web.Application) -> None:
    """Give the application its templates and its static tree."""
    app[FORMATS] = Formats(LOCALE)
    app[STATIC] = StaticTree.read(ROOT / "static")
    app[STATIC].add_routes(app.router)
    app[aiohttp_jinja2.APP_KEY] = environment(app[STATIC], app[FORMATS])


def environment(static: StaticTree, formats: Formats, words: NullTranslations | None = None) -> jinja2.Environment:
    """Templates that escape everything, know no undefined name and take every word from `words`."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.policies["ext.i18n.trimmed"] = True
    words = words or NullTranslations()
    # The extension adds this method to the environment when it loads.
    env.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(static=static.url, when=formats, lang=str(formats.locale).replace("_", "-"))
    env.globals["plural_forms"] = plural_forms(formats)
    env.globals["tel"] = tel
    env.filters.update(initials=initials, tel_href=tel_href)
    _add_macros(env)
    return env


def respond(request: web.Request, page: Page, status: int = 200) -> web.Response:
    """The page as an answer."""
    response = aiohttp_jinja2.render_template(page.template, request, context(page), status=status)
    response.headers[hdrs.CACHE_CONTROL] = page.cache
    return response


def context(page: Page) -> dict[str, object]:
    """The names that the page's template sees."""
    return {field.name: getattr(page, field.name) for field in fields(page)}


def initials(name: str) -> str:
    """AH for Amira Haddad: the first letters of the first and the last word."""
    words = [word for word in name.split() if word[0].isalpha()]
    return "".join(word[0].upper() for word in (words[:1] + words[1:][-1:]))


def tel_href(number: str) -> str:
    """The address that dials a number written for people."""
    return "tel:" + "".join(sign for sign in number if sign.isdigit() or sign == "+")


def tel(number: str) -> Markup:
    """A number that can be pressed, to be put into a sentence."""
    return Markup('<a href="{}">{}</a>').format(tel_href(number), number)


def plural_forms(formats: Formats) -> list[tuple[str, int]]:
    """Each plural form of the locale with a number that takes it: sentences for scripts are written once a form."""
    samples: dict[str, int] = {}
    for number in range(200):
        samples.setdefault(formats.locale.plural_form(number), number)
    return list(samples.items())


def _add_macros(env: jinja2.Environment) -> None:
    """What every template may call. A macro of a later file may use those of the earlier ones."""
    for name in MACROS:
        module = vars(env.get_template(name).module)
        env.globals.update({key: macro for key, macro in module.items() if not key.startswith("_")})
