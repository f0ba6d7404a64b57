"""What the tests of choosing share: the page of times, its cells, what it says, what it sends."""

import re
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Locator, Page, Request, expect

from tests.browser.visits import Visits, live
from tests.server.pages.harbour import Harbour

POLITE = "[data-polite]"
TUESDAY = "Tuesday 24 November"


def times(harbour: Harbour, day: str = "", way: str = "video") -> str:
    """The address of the harbour's times."""
    return f"/book/{harbour.clinician}?visit_type={harbour.kinds[way]}" + (f"&day={day}" if day else "")


async def watching(visit: Visits, path: str, **person: Any) -> Page:
    """A new person who looks at a page that is live, and from now on listens to it."""
    page = await visit(path, **person)
    await live(page)
    await listen(page)
    return page


def cell(page: Page, start: int) -> Locator:
    """The cell of a start, whatever its face."""
    return page.locator(f'li[data-start="{start}"]')


def slot(page: Page, start: int) -> Locator:
    """The button of a start."""
    return cell(page, start).locator("button")


async def shows(page: Page, start: int, state: str) -> None:
    """Wait until the cell has that face."""
    await expect(cell(page, start)).to_have_attribute("data-state", state)


async def says(page: Page, text: str) -> None:
    """Wait until the polite region says so."""
    await expect(page.locator(POLITE)).to_have_text(text)


async def counts(page: Page, text: str) -> None:
    """Wait until the day's count reads so."""
    await expect(page.locator("[data-free]")).to_have_text(text)


async def listen(page: Page) -> None:
    """Keep whatever is said from now on, with the page's own time."""
    await page.evaluate(
        """() => {
            window.heard = [];
            for (const region of document.querySelectorAll("[data-polite], [data-assertive]"))
                new MutationObserver(() => region.textContent && heard.push([performance.now(), region.textContent]))
                    .observe(region, { childList: true });
        }"""
    )


async def heard(page: Page) -> Sequence[tuple[float, str]]:
    """What was said since: (milliseconds, words)."""
    return [(when, words) for when, words in await page.evaluate("window.heard")]


async def boxes(page: Page) -> dict[str, tuple[float, ...]]:
    """Where every cell stands, by its start."""
    found: dict[str, tuple[float, ...]] = await page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("li[data-start]")].map((one) => {
            const { x, y, width, height } = one.getBoundingClientRect();
            return [one.dataset.start, [x, y, width, height]];
        }))"""
    )
    return found


def posts_of(page: Page) -> list[Request]:
    """Everything that the page posts from now on."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


HOLD_PAGE = re.compile(r"/hold/")
