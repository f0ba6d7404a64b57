"""All use cases of one deployment in one hand, for pages and API."""

from dataclasses import dataclass

from actors.calendar.state import Terms
from actors.clock import Clock
from actors.ids import Ids
from server.booking.calendars import Calendars
from server.booking.catalogue import Catalogue
from server.booking.details import Promises
from server.booking.drafts import Drafts
from server.booking.holds import Holds
from server.booking.links import Links
from server.booking.once import Once
from server.booking.reading import Reading
from server.booking.sessions import BookingSessions
from server.booking.times import TimesBoard
from server.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """The use cases; `terms` are the clinic's, without visit types."""

    catalogue: Catalogue
    times: TimesBoard
    holds: Holds
    promises: Promises
    reading: Reading
    once: Once
    links: Links
    sessions: BookingSessions
    drafts: Drafts
    calendars: Calendars
    clock: Clock
    ids: Ids
    terms: Terms
    config: Config
