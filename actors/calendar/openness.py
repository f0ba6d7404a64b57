"""Which starts are open, held or taken at a moment. Questions only; nothing here changes a calendar."""

from collections.abc import Iterable, Iterator
from datetime import date

from actors.calendar.availability import DAY_SECONDS, Slot, Window, Zone, days
from actors.calendar.state import Appointment, Calendar, Status

OPEN, HELD, TAKEN, GONE = "open", "held", "taken", "gone"
ALTERNATIVES = 3
# Alternatives are looked for this many days to both sides of the wanted day before the whole horizon is searched.
NEAR_DAYS = 2


def today(state: Calendar, now_ms: int) -> date:
    """The calendar's local date."""
    return state.zone.day_of(now_ms // 1000)


def last_day(state: Calendar, now_ms: int) -> date:
    """The last local date that can be booked: today + horizon."""
    return date.fromordinal(today(state, now_ms).toordinal() + state.terms.horizon_days)


def in_reach(state: Calendar, start: int, now_ms: int) -> bool:
    """Whether a start lies between now and the horizon, a day more or less: what is outside need not be computed."""
    now = now_ms // 1000
    return now - DAY_SECONDS <= start <= now + (state.terms.horizon_days + 2) * DAY_SECONDS


def slot_at(state: Calendar, start: int, visit_type: str | None) -> Slot | None:
    """The grid's slot with exactly that start."""
    return state.grid(state.zone.day_of(start), visit_type).get(start)


def time_allows(state: Calendar, start: int, now_ms: int, notice_seconds: int | None = None) -> bool:
    """`now + minimum notice <= start` and local date within the horizon."""
    notice = state.terms.notice_seconds if notice_seconds is None else notice_seconds
    if now_ms + notice * 1000 > start * 1000:
        return False
    return state.zone.day_of(start) <= last_day(state, now_ms)


def standing(state: Calendar, slot: Slot, now_ms: int, ignoring: str | None = None) -> str:
    """`open`, `held` or `taken`, leaving notice and horizon aside."""
    found = OPEN
    for other in state.conflicts(slot, now_ms, ignoring):
        if other.status is not Status.HELD:
            return TAKEN
        found = HELD
    return found


def standings(
    state: Calendar, visit_type: str | None, first: date, last: date, now_ms: int, ignoring: str | None = None
) -> Iterator[tuple[Slot, str]]:
    """Every slot of some days that time still allows, with its standing, in order; as if `ignoring` did not live."""
    soonest = now_ms + state.terms.notice_seconds * 1000
    first, last = max(first, today(state, now_ms)), min(last, last_day(state, now_ms))
    for day in days(first, last):
        for slot in state.grid(day, visit_type).values():
            if slot.start * 1000 >= soonest:
                yield slot, standing(state, slot, now_ms, ignoring)


def public_state(state: Calendar, start: int, visit_type: str | None, now_ms: int) -> str:
    """`open`, `held` or `gone`, as the public sees one start."""
    slot = slot_at(state, start, visit_type)
    if slot is None or not time_allows(state, start, now_ms):
        return GONE
    found = standing(state, slot, now_ms)
    return GONE if found == TAKEN else found


def is_open(state: Calendar, start: int, visit_type: str | None, now_ms: int, ignoring: str | None = None) -> bool:
    """Whether a hold of that start would be granted now."""
    slot = slot_at(state, start, visit_type)
    if slot is None or not time_allows(state, start, now_ms):
        return False
    return next(iter(state.conflicts(slot, now_ms, ignoring)), None) is None


def is_outside_hours(state: Calendar, appointment: Appointment) -> bool:
    """Whether a live appointment stands where no active window covers it now (it stays all the same)."""
    if not appointment.is_live:
        return False
    return not covered(state.zone, state.windows.values(), appointment.start, appointment.end)


def covered(zone: Zone, windows: Iterable[Window], start: int, end: int) -> bool:
    """Whether one active window contains the interval."""
    day = zone.day_of(start)
    before = date.fromordinal(day.toordinal() - 1)  # a gap before midnight moves an evening's last start to `day`
    edges = (zone.edges(window, one) for window in windows for one in (day, before) if window.in_force(one))
    return any(first <= start and end <= last for first, last in edges)


def alternatives(state: Calendar, start: int, visit_type: str | None, now_ms: int) -> tuple[int, ...]:
    """Up to three open starts, nearest first, the earlier first on a tie."""
    wanted = start if in_reach(state, start, now_ms) else now_ms // 1000
    day = state.zone.day_of(wanted).toordinal()
    first, last = today(state, now_ms).toordinal(), last_day(state, now_ms).toordinal()
    reach = NEAR_DAYS
    while True:
        low, high = max(first, day - reach), min(last, day + reach)
        found = _nearest(state, start, visit_type, now_ms, low, high)
        # Starts on days not looked at are at least `reach` days (less a zone's change) away.
        safe = (reach - 1) * 86_400
        is_whole = low <= first and high >= last
        if is_whole or (len(found) == ALTERNATIVES and abs(found[-1] - start) <= safe):
            return tuple(found)
        reach *= 4


def next_open(state: Calendar, now_ms: int) -> int | None:
    """The first open start of any visit type that is offered, or of the plain length where none is."""
    first, last = today(state, now_ms), last_day(state, now_ms)
    firsts: list[int] = []
    for visit_type in state.terms.visit_types or (None,):
        found = standings(state, visit_type, first, last, now_ms)
        start = next((slot.start for slot, how in found if how == OPEN), None)
        if start is not None:
            firsts.append(start)
    return min(firsts, default=None)


def _nearest(state: Calendar, start: int, visit_type: str | None, now_ms: int, low: int, high: int) -> list[int]:
    if low > high:
        return []
    found = standings(state, visit_type, date.fromordinal(low), date.fromordinal(high), now_ms)
    opens = [slot.start for slot, how in found if how == OPEN and slot.start != start]
    opens.sort(key=lambda other: (abs(other - start), other))
    return opens[:ALTERNATIVES]
