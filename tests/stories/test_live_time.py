"""What time alone changes reaches every page: starts that come too near, and the day that enters the horizon."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.stories.clinic import Clinic, Template, at
from tests.stories.live_page import get_view, shows_truth, watching

NINE = at("2027-03-22T09:00:00Z")
NOTICE = 1800


async def test_start_that_comes_too_near_is_gone_a_millisecond_after_its_notice(clinic: Clinic) -> None:
    async with watching(clinic, clinic.follow_up) as page:
        first = page.frames[0]
        clinic.clock.set((NINE - NOTICE) * 1000)
        await shows_truth(clinic, [page])
        assert NINE in page.open
        clinic.clock.advance(0.001)
        frame = await page.next("slots")
        assert (frame["open"], frame["held"], frame["gone"]) == ([], [], [NINE])
        assert frame["prev"] == frame["seq"] == first["seq"]
        await shows_truth(clinic, [page])


async def test_new_day_enters_the_horizon_at_local_midnight(clinic: Clinic) -> None:
    async with (
        watching(clinic, clinic.follow_up) as london,
        watching(clinic, clinic.follow_up, calendar=clinic.jonas) as berlin,
    ):
        seq = london.seq
        clinic.clock.set(at("2027-03-25T22:59:59Z") * 1000 + 999)
        await shows_truth(clinic, [london, berlin])
        last = max(berlin.open)
        clinic.clock.advance(0.001)  # 00:00 in Berlin
        await berlin.until(lambda: max(berlin.open) > last)
        frame = berlin.frames[-1]
        assert frame["prev"] == frame["seq"]
        entered = {start for start in berlin.open if start > last}
        assert {datetime.fromtimestamp(start, UTC).date() for start in entered} == {date(2027, 5, 25)}
        await shows_truth(clinic, [london, berlin])
        last = max(london.open)
        clinic.clock.set(at("2027-03-26T00:00:00Z") * 1000)  # and in London
        await london.until(lambda: max(london.open) > last)
        await shows_truth(clinic, [london, berlin])
        assert london.seq == seq


async def test_pages_stay_true_over_a_fortnight_with_a_change_of_clocks(clinic: Clinic) -> None:
    """In steps of seven hours: over Sunday's gap, over week-ends, with nobody writing anything."""
    async with watching(clinic, clinic.telephone) as london, watching(clinic, None, calendar=clinic.jonas) as berlin:
        for _ in range(30):
            clinic.clock.advance(7 * 3600)
            await shows_truth(clinic, [london, berlin])
        assert (london.again, berlin.again) == (0, 0)


async def test_time_is_told_to_a_page_that_came_after_a_row_that_changed_no_start(clinic: Clinic) -> None:
    """An extension is a row and no news; the page that came after it must still hear of time."""
    clinic.clock.set((NINE - NOTICE - 60) * 1000)
    async with watching(clinic, clinic.follow_up):
        hold = await clinic.hold("2027-03-23T09:00:00Z")
        (await hold.act("extend")).is_ok()
        async with watching(clinic, clinic.follow_up) as late:
            clinic.clock.set((NINE - NOTICE) * 1000 + 1)
            await late.until(lambda: NINE not in late.open)
            await shows_truth(clinic, [late])


async def test_time_is_told_to_a_page_that_came_after_a_booking_of_another_kind(clinic: Clinic) -> None:
    """Jonas works on Sundays from 01:00; an examination fits no start of it that the plain length would not take."""
    async with watching(clinic, None, calendar=clinic.jonas) as early:
        hold = await clinic.hold("2027-03-23T08:00:00Z", clinician=clinic.jonas)
        (await hold.confirm()).is_ok()
        await shows_truth(clinic, [early])
        async with watching(clinic, clinic.examination, calendar=clinic.jonas) as late:
            for _ in range(12):
                clinic.clock.advance(1200)
                await shows_truth(clinic, [early, late])
            assert (early.again, late.again) == (0, 0)


async def test_resume_tells_what_time_did_since_the_row_was_written(clinic: Clinic) -> None:
    await clinic.hold("2027-03-23T09:00:00Z")
    async with watching(clinic, clinic.follow_up) as page:
        pass
    clinic.clock.set((NINE - NOTICE) * 1000 + 1)
    truth = await get_view(clinic, page)
    assert NINE not in truth[0]
    async with watching(clinic, clinic.follow_up, keeping=page) as back:
        await back.until(lambda: back.view == truth)
        # The hold of the page's own row ended meanwhile: that is a row, told before what time did.
        assert [frame["op"] for frame in back.frames] == ["resumed", "slots", "slots"]
        assert back.frames[-1]["prev"] == back.frames[-1]["seq"]
        assert NINE in back.frames[-1]["gone"]


@pytest.mark.parametrize("notice", ["0", "86400"])
async def test_other_notices(template: Template, tmp_path: Path, notice: str) -> None:
    async with (
        template.running(tmp_path / "clinic", minimum_notice_seconds=notice) as clinic,
        watching(clinic, clinic.follow_up) as page,
    ):
        for _ in range(8):
            clinic.clock.advance(3300)
            await shows_truth(clinic, [page])
        assert page.again == 0
