"""A clinic of actors for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.actors.calendar.desk import Desk, a_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A calendar with Monday mornings, at eight o'clock of one."""
    async with a_desk() as opened:
        yield opened
