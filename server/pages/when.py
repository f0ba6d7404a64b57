"""Dates and times in words, through Babel. Every page takes them from here, so that they read alike everywhere."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_location, get_timezone_name

LONGEST_ABBREVIATION = 5  # GMT, BST, CEST; anything longer is a sentence, and an offset says more


class Formats:
    """The words of one locale for instants (Unix seconds) seen in a zone (IANA name)."""

    def __init__(self, locale: str = "en_GB") -> None:
        self.locale = Locale.parse(locale)

    def clock(self, start: int, timezone: str) -> str:
        """11:20"""
        return format_time(local(start, timezone), "short", locale=self.locale)

    def date_long(self, day: date, today: date | None = None) -> str:
        """Tuesday 24 November; with the year when `today` lies in another one."""
        return self._skeleton("yMMMMEEEEd" if today and today.year != day.year else "MMMMEEEEd", day)

    def date_short(self, day: date) -> str:
        """Tue 24 Nov"""
        return self._skeleton("MMMEd", day)

    def date_plain(self, day: date) -> str:
        """24 November"""
        return self._skeleton("MMMMd", day)

    def weekday(self, day: date) -> str:
        """Tuesday"""
        return format_date(day, "cccc", locale=self.locale)

    def weekday_short(self, day: date) -> str:
        """Tue"""
        return format_date(day, "ccc", locale=self.locale)

    def month_year(self, day: date) -> str:
        """November 2026"""
        return self._skeleton("yMMMM", day)

    def date_of(self, start: int, timezone: str) -> date:
        """The local date of an instant."""
        return local_date(start, timezone)

    def at_long(self, start: int, timezone: str) -> tuple[str, str]:
        """The day in full and the time, for sentences: ("Tuesday 24 November", "11:20")."""
        return self.date_long(local_date(start, timezone)), self.clock(start, timezone)

    def city(self, timezone: str) -> str:
        """London"""
        return get_timezone_location(ZoneInfo(timezone), locale=self.locale, return_city=True)

    def zone(self, timezone: str, start: int) -> str:
        """GMT, BST, CET, or an offset where the locale has no short name for the zone at that instant."""
        moment = local(start, timezone)
        name = get_timezone_name(moment, width="short", locale=self.locale)
        return name if name.isalpha() and len(name) <= LONGEST_ABBREVIATION else offset(moment)

    def _skeleton(self, skeleton: str, day: date) -> str:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return format_skeleton(skeleton, moment, locale=self.locale).replace(",", "")


def local(start: int, timezone: str) -> datetime:
    """An instant as wall-clock time of a zone."""
    return datetime.fromtimestamp(start, _zone(timezone))


def local_date(start: int, timezone: str) -> date:
    """The local date of an instant."""
    return local(start, timezone).date()


def fold(start: int, timezone: str) -> int:
    """0 for an hour that happens once; 1 for the first and 2 for the second pass of a repeated one."""
    moment = local(start, timezone)
    if moment.fold:
        return 2
    return 0 if moment.utcoffset() == moment.replace(fold=1).utcoffset() else 1


def offset(moment: datetime) -> str:
    """GMT+5:30"""
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
