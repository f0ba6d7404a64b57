"""Plain texts that leave the pages (calendar entries, stored access needs), in the words of the templates."""

from collections.abc import Mapping

import aiohttp_jinja2
from aiohttp import web


def lines(request: web.Request, template: str, context: Mapping[str, object]) -> list[str]:
    """The lines of a text template without empty ones."""
    text = aiohttp_jinja2.render_string(template, request, dict(context))
    return [line.strip() for line in text.splitlines() if line.strip()]
