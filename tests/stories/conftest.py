"""What stories start from: a clinic that was set up once, and a fresh copy of it, serving, for every test."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.clinic import Clinic, Template, found


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two clinicians in two zones, three visit types, a key of every scope."""
    folder = tmp_path_factory.mktemp("template")
    return Template(folder, asyncio.run(found(folder)))


@pytest.fixture
async def clinic(template: Template, tmp_path: Path) -> AsyncIterator[Clinic]:
    """The clinic, serving, on Monday 2027-03-22 at 07:00 UTC; limits are on."""
    async with template.running(tmp_path / "clinic") as running:
        yield running


@pytest.fixture
async def unlimited(template: Template, tmp_path: Path) -> AsyncIterator[Clinic]:
    """The same without rate limits and caps, for tests that send very many requests."""
    async with template.running(tmp_path / "clinic", rate_limits="off") as running:
        yield running
