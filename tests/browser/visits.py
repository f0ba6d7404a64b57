"""People with a browser: pages of their own context, watched for faults; axe, pictures, measures of a page."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

PHONE, DESK, NARROW = (390, 844), (1280, 800), (320, 640)
TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# The console's word for a page that was refused, which tests look at themselves (`_respond` judges the rest), and
# for a page that was left while its line was being connected.
USUAL = re.compile(
    r"Failed to load resource: the server responded with a status of \d+"
    r"|WebSocket connection to '.*' failed: WebSocket is closed before the connection is established"
)


@dataclass
class Visits:
    """Opens pages, each in a context of its own: another person. `check` tells what went wrong in any of them."""

    browser: Browser
    url: str
    contexts: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    excused: list[re.Pattern[str]] = field(default_factory=list)

    async def __call__(
        self,
        path: str = "/book",
        *,
        size: tuple[int, int] = PHONE,
        scheme: str = "light",
        js: bool = True,
        timezone: str = "Europe/London",
        reduced: bool = False,
        forced: bool = False,
        touch: bool = False,
        clock: datetime | None = None,
        url: str | None = None,
    ) -> Page:
        """A new person opens a page. `clock` puts `page.clock` in charge of the page's time, running from there."""
        context = await self.browser.new_context(
            base_url=url or self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=js,
            timezone_id=timezone,
            locale="en-GB",
            reduced_motion="reduce" if reduced else "no-preference",
            forced_colors="active" if forced else "none",
            has_touch=touch,
        )
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        await context.add_init_script(VIOLATIONS)
        if clock is not None:
            await context.clock.install(time=clock.astimezone(UTC))
        self._watch(context)
        page = await context.new_page()
        await page.goto(path)
        return page

    async def another(self, page: Page, path: str) -> Page:
        """The same person opens a second tab."""
        tab = await page.context.new_page()
        await tab.goto(path)
        return tab

    def excuse(self, pattern: str) -> None:
        """A fault that this test brings about on purpose."""
        self.excused.append(re.compile(pattern))

    async def close(self) -> None:
        """Everybody leaves; raises AssertionError with every fault of every page."""
        for context in self.contexts:
            await context.close()
        faults = [fault for fault in self.faults if not any(each.search(fault) for each in self.excused)]
        assert not faults, "\n".join(faults)

    def _watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"page error: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._respond)
        context.on("page", lambda page: page.on("websocket", lambda socket: self._origin(socket.url)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not USUAL.match(message.text):
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self._origin(request.url)

    def _respond(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.faults.append(f"{response.status} for {response.url}")

    def _origin(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname != urlsplit(self.url).hostname:
            self.faults.append(f"a request elsewhere: {url}")


@cache
def _axe_script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def axe(page: Page) -> None:
    """Nothing that axe can find. It needs scripts and time: no `js=False`, no `page.clock` that stands still."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe_script())
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found: dict[str, Any] = await page.evaluate("(options) => axe.run(document, options)", options)
    told = [
        {"rule": each["id"], "nodes": [(node["html"], node["failureSummary"]) for node in each["nodes"]]}
        for each in found["violations"]
    ]
    assert not told, json.dumps(told, indent=1)


@dataclass(frozen=True, slots=True)
class Shots:
    """Pictures of pages for people to look at, in the folder that HOLDFAST_SCREENSHOTS names."""

    folder: Path

    @classmethod
    def beside(cls, folder: Path) -> "Shots":
        """In that folder unless the environment names another."""
        named = os.environ.get("HOLDFAST_SCREENSHOTS")
        chosen = Path(named) if named else folder
        chosen.mkdir(parents=True, exist_ok=True)
        return cls(chosen)

    async def __call__(self, page: Page, name: str, *, whole: bool = True) -> Path:
        """Write NAME.png: the whole page, or what the window shows."""
        path = self.folder / f"{name}.png"
        await page.screenshot(path=path, full_page=whole)
        return path


async def live(page: Page) -> None:
    """Wait until the page is live."""
    await page.wait_for_selector('[data-live="live"]')


async def larger_text(page: Page, percent: int = 200) -> None:
    """Every size in rem grows, as with a larger default size."""
    await page.evaluate(
        """(percent) => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(`html { font-size: ${percent}% !important; }`);
            document.adoptedStyleSheets = [sheet];
        }""",
        percent,
    )


async def no_sideways_scroll(page: Page) -> None:
    """The page is not wider than the window."""
    wide = await page.evaluate(
        """() => {
            const { scrollWidth, clientWidth } = document.documentElement;
            if (scrollWidth <= clientWidth) return null;
            const all = [...document.body.querySelectorAll("*")];
            const out = all.filter((one) => one.getBoundingClientRect().right > clientWidth);
            return [scrollWidth, clientWidth, ...out.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
        }"""
    )
    assert wide is None, wide


async def small_targets(page: Page, least: int = 44) -> Sequence[str]:
    """Controls whose hit area is smaller; links within a sentence may be."""
    found: list[str] = await page.evaluate(_SMALL_TARGETS, least)
    return found


async def no_small_targets(page: Page, least: int = 44) -> None:
    """Every control can be hit with a thumb."""
    found = await small_targets(page, least)
    assert not found, found


# The hit area is where a press at a point lands on the control: it may be larger than what is drawn.
_SMALL_TARGETS: Final = """(least) => {
    const controls = "a[href], button, summary, select, textarea, input:not([type=hidden])";
    const isInSentence = (one) => one.matches("a, .linkbtn") && getComputedStyle(one).display.startsWith("inline")
        && one.closest("p, li")?.textContent.trim().length > one.textContent.trim().length;
    const owner = (x, y) => {
        const hit = document.elementFromPoint(x, y);
        return hit?.closest(controls) ?? hit?.closest("label")?.control ?? null;
    };
    const small = [];
    for (const one of document.querySelectorAll(controls)) {
        if (!one.checkVisibility({ visibilityProperty: true }) || isInSentence(one)) continue;
        if (getComputedStyle(one).clipPath !== "none") continue;
        one.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        const box = one.getBoundingClientRect();
        const x = box.left + box.width / 2, y = box.top + box.height / 2;
        const name = one.outerHTML.slice(0, 120);
        if (owner(x, y) !== one) {
            small.push(`covered: ${name}`);
            continue;
        }
        const reach = (dx, dy) => {
            let n = 0;
            while (n < least && owner(x + dx * (n + 1), y + dy * (n + 1)) === one) n++;
            return n;
        };
        const width = reach(-1, 0) + reach(1, 0) + 1, height = reach(0, -1) + reach(0, 1) + 1;
        if (width < least - 1 || height < least - 1) small.push(`${width}x${height}: ${name}`);
    }
    scrollTo({ top: 0, behavior: "instant" });
    return small;
}"""
