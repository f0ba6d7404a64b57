"""The same answers, worked out the slow way: aware datetimes, no caches, nothing shared with the code under test."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from actors.calendar.availability import Window
from actors.journal import Record

FIRST_OF_A_REPEATED_HOUR = 0  # `fold`; in a gap it means the offset before the gap


def instant(zone: str, day: date, minute: int) -> datetime:
    """A wall-clock minute in UTC; 1440 is midnight of the next date."""
    if minute == 1440:
        day, minute = day + timedelta(days=1), 0
    wall = datetime.combine(day, time(minute // 60, minute % 60, fold=FIRST_OF_A_REPEATED_HOUR))
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def slots(
    zone: str, windows: Iterable[Window], day: date, minutes: int | None, default: int
) -> list[tuple[int, int, int]]:
    """Start, end and buffer of every slot that the windows make on a local date."""
    found = []
    for window in windows:
        if not window.active or window.weekday != day.weekday():
            continue
        if (window.valid_from and day < window.valid_from) or (window.valid_until and day > window.valid_until):
            continue
        length = timedelta(minutes=minutes or window.slot_minutes or default)
        at, end = instant(zone, day, window.start_minute), instant(zone, day, window.end_minute)
        while at + length <= end:
            found.append((seconds(at), seconds(at + length), window.buffer_minutes * 60))
            at += length + timedelta(minutes=window.buffer_minutes)
    return sorted(found)


def local_date(zone: str, at: int) -> date:
    """The local date of an instant."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).date()


def seconds(at: datetime) -> int:
    """Unix seconds."""
    return round(at.timestamp())


def open_set(
    clinician: Record,
    windows: Iterable[Window],
    appointments: Iterable[Record],
    minutes: int | None,
    notice_seconds: int,
    horizon_days: int,
    now_ms: int,
) -> dict[int, str]:
    """`open` or `held` for every start that the public may see."""
    zone, windows = clinician["timezone"], list(windows)
    live = [one for one in appointments if _lives(one, now_ms)]
    first = local_date(zone, now_ms // 1000)
    found = {}
    for offset in range(-1, horizon_days + 1):
        day = first + timedelta(days=offset)
        for start, end, buffer in slots(zone, windows, day, minutes, clinician["slot_minutes"]):
            near = now_ms + notice_seconds * 1000 > start * 1000
            if near or (local_date(zone, start) - first).days > horizon_days:
                continue
            met = {one["status"] for one in live if start < one["end"] + buffer and one["start"] < end + buffer}
            if "confirmed" not in met:
                found[start] = "held" if met else "open"
    return found


def _lives(appointment: Record, now_ms: int) -> bool:
    if appointment["status"] == "held":
        return bool(now_ms < appointment["expires_at"] * 1000)
    return bool(appointment["status"] == "confirmed")
