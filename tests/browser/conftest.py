"""One Chromium for all browser tests, on one loop with the server, so that a test can move the server's clock."""

import inspect
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import pytest
import pytest_asyncio
from jinja2.bccache import Bucket
from playwright.async_api import Browser, async_playwright

from tests.browser.desk import Desk, opened
from tests.browser.visits import Shots, Visits
from tests.browser.wire import Wire, wired
from tests.server.pages.harbour import Harbour
from tests.server.pages.harbour import harbour as harbour_clinic

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright's objects belong to the loop that made them: all tests here run in the browser's."""
    marker = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if HERE in item.path.parents and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(marker, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Compiled(jinja2.BytecodeCache):
    """Compiled templates that the servers of a run share: compiling takes longer than most tests."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session")
def compiled() -> Compiled:
    """One for the whole run."""
    return Compiled()


@pytest_asyncio.fixture(loop_scope="session")
async def harbour(tmp_path: Path, compiled: Compiled, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harbour]:
    """The small clinic, serving, on Tuesday 24 November 2026 at 10:42; `harbour.clock` moves its time."""
    monkeypatch.setattr(jinja2, "Environment", partial(jinja2.Environment, bytecode_cache=compiled))
    async with harbour_clinic(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def desk(harbour: Harbour, tmp_path: Path) -> AsyncIterator[Desk]:
    """Everybody else: `await desk.hold(at("11:20"))`, `desk.cancel(...)`, `desk.pause()`."""
    async with opened(harbour, tmp_path) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def wire(harbour: Harbour) -> AsyncIterator[Wire]:
    """A way to the harbour that can be cut: `await visit(path, url=wire.url)`."""
    async with wired(harbour.url) as wire:
        yield wire


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, harbour: Harbour) -> AsyncIterator[Visits]:
    """`page = await visit("/book", size=DESK, scheme="dark", js=False, timezone=...)`; no page may have faults."""
    visits = Visits(browser, harbour.url)
    yield visits
    await visits.close()


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shots:
    """`await shot(page, "p2-times-dark")`."""
    return Shots.beside(tmp_path_factory.getbasetemp() / "screenshots")
