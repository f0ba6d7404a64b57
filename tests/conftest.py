"""What every test shares: where Chromium is, and how property tests run. An area's fixtures stand in it."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

BROWSER_TESTS = Path(__file__).parent / "browser"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# A busy machine is no failure of a property: no deadline per example, the test's own timeout bounds it.
settings.register_profile("holdfast", deadline=None, print_blob=True)
settings.load_profile("holdfast")


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser tests; without Chromium they are skipped by name, except in CI, where they fail."""
    missing = _chromium() is None and not os.environ.get("CI")
    for item in items:
        if BROWSER_TESTS in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason="Chromium is not on the PATH"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the Chromium to drive. Start it with --no-sandbox: the tests may run as root."""
    found = _chromium()
    assert found, f"none of {', '.join(CHROMIUM_NAMES)} is on the PATH"
    return found
