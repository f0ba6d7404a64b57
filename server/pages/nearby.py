"""Looks for open times around one that was lost."""

from datetime import timedelta

from actors.calendar.state import Appointment
from actors.refusals import NotFound, Unavailable
from server.booking.booking import Booking
from server.pages.when import local_date

# A visitor wants a time close to the lost one; the page of times shows the rest.
DAYS_BEFORE, DAYS_AFTER = 7, 14


async def look_around(booking: Booking, lost: Appointment, now_ms: int) -> tuple[int, ...]:
    """Open starts of the same kind of visit, a week before until two weeks after; the lost one too, if open."""
    day, today = local_date(lost.start, lost.timezone), local_date(now_ms // 1000, lost.timezone)
    first = max(today, day - timedelta(days=DAYS_BEFORE))
    last = max(first, day + timedelta(days=DAYS_AFTER))
    try:
        found = await booking.times.read(lost.clinician, lost.visit_type, first, last)
    except (NotFound, Unavailable):
        return ()  # the kind of visit is no longer offered, or nobody can say now
    return tuple(time.start for time in found.times if time.state == "open")
