"""The composition root below HTTP: database, journal, actors and use cases, started and stopped in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass

from actors.calendar.actor import CalendarActor
from actors.calendar.announce import Audience
from actors.calendar.messages import OfferVisitTypes, Touch
from actors.calendar.publish import SlotsChanged, Topic
from actors.calendar.state import Terms
from actors.clinic.actor import ClinicActor
from actors.clock import Clock, SystemClock
from actors.hub import Hub
from actors.ids import Ids, RandomIds
from actors.journal import Journal
from actors.refusals import Refusal
from actors.runtime import System
from server.booking.booking import Booking
from server.booking.calendars import CALENDAR, CLINIC, Calendars
from server.booking.catalogue import Catalogue
from server.booking.details import Promises
from server.booking.directory import Directory, HoldIndex
from server.booking.drafts import Drafts
from server.booking.holds import Holds
from server.booking.links import Links
from server.booking.once import Once
from server.booking.reading import Reading
from server.booking.reference import References
from server.booking.sessions import BookingSessions
from server.booking.times import TimesBoard
from server.config import Config, secret_key
from server.live.protocol import frame
from server.storage.connection import open_reader, open_writer
from server.storage.credentials import keep_meta
from server.storage.journal import SqliteJournal
from server.storage.lock import owned
from server.storage.maintenance import Maintenance
from server.storage.migrations import migrate
from server.storage.queries import Queries

CALENDAR_RANK, CLINIC_RANK = 2, 1  # ask only downhill: the clinic may ask a calendar, never the other way


@dataclass(frozen=True, slots=True)
class Storage:
    """An open database."""

    journal: Journal
    queries: Queries
    epoch: str
    commits: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Engine:
    """A running clinic without its HTTP side. `secret` signs links, keys of the demo and cookies."""

    config: Config
    clock: Clock
    ids: Ids
    secret: bytes
    storage: Storage
    system: System
    audience: Audience
    booking: Booking


OpenStorage = Callable[[Config, Clock, Ids], AbstractAsyncContextManager[Storage]]


@asynccontextmanager
async def sqlite_storage(config: Config, clock: Clock, ids: Ids) -> AsyncIterator[Storage]:
    """The database file of the settings: locked, migrated and cared for. Raises `DatabaseInUse`, `UnusableDatabase`."""
    config.database.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(owned(config.database))
        writer = await stack.enter_async_context(open_writer(config.database))
        await migrate(writer)
        epoch = await keep_meta(writer, "epoch", ids.new_id())
        reader = await stack.enter_async_context(open_reader(config.database))
        keeper = await stack.enter_async_context(open_writer(config.database))
        journal = await stack.enter_async_context(SqliteJournal(writer, reader))
        await stack.enter_async_context(Maintenance(keeper, journal, clock))
        yield Storage(journal, Queries(reader), epoch, lambda: journal.commits)


def schedule(seconds: float, callback: Callable[[], None]) -> object:
    """The hub's way to the event loop."""
    # In a context of its own: what runs there is nobody's turn.
    loop, context = asyncio.get_running_loop(), Context()
    if seconds > 0:
        return loop.call_later(seconds, callback, context=context)
    return loop.call_soon(callback, context=context)


@asynccontextmanager
async def running(
    config: Config,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    base_url: str | None = None,
    open_storage: OpenStorage = sqlite_storage,
) -> AsyncIterator[Engine]:
    """Start everything below HTTP; past-due holds are expired before this yields, and at its end all is on disk."""
    clock, ids = clock or SystemClock(), ids or RandomIds()
    async with open_storage(config, clock, ids) as storage:
        last_number = await storage.queries.last_number()
        ids.continue_after(last_number)
        # Only now is it sure that the database is ours and that nobody else serves it.
        secret = secret_key(config, ids, expected=last_number > 0)
        system = System(clock, refusals=Refusal)
        hub: Hub[Topic, SlotsChanged] = Hub(schedule, lambda topic, change: frame(change))
        audience = Audience(hub, storage.epoch)
        links = Links(secret, base_url or config.public_url(config.port))
        terms = terms_of(config)
        index = HoldIndex()
        booking = _booking(config, clock, ids, secret, storage, system, audience, links, terms, index)
        system.register(
            CALENDAR, CALENDAR_RANK, lambda key: CalendarActor(key, terms, storage.journal, clock, audience)
        )
        system.register(
            CLINIC,
            CLINIC_RANK,
            lambda key: ClinicActor(
                storage.journal, clock, lambda types: booking.calendars.tell_active(OfferVisitTypes(types))
            ),
        )
        try:
            await _wake_holders(storage, booking.calendars)
            index.load(await storage.queries.open_holds())
            yield Engine(config, clock, ids, secret, storage, system, audience, booking)
        finally:
            await system.stop()
            booking.drafts.close()


def terms_of(config: Config) -> Terms:
    """The clinic's rules as the settings give them."""
    return Terms(
        notice_seconds=config.minimum_notice_seconds,
        horizon_days=config.horizon_days,
        visit_types={},
        hold_seconds=config.hold_seconds,
        extension_seconds=config.hold_extension_seconds,
        extensions=config.hold_extensions,
        cancel_notice_seconds=config.cancel_notice_seconds,
        join_opens_before_seconds=config.join_opens_before_seconds,
        join_closes_after_seconds=config.join_closes_after_seconds,
    )


async def _wake_holders(storage: Storage, calendars: Calendars) -> None:
    """Calendars with open holds come into memory: what is past due ends now, the rest keeps its remaining time."""
    async with asyncio.TaskGroup() as group:
        for clinician, _ in await storage.journal.due():
            group.create_task(calendars.ask(clinician, Touch()))


def _booking(
    config: Config,
    clock: Clock,
    ids: Ids,
    secret: bytes,
    storage: Storage,
    system: System,
    audience: Audience,
    links: Links,
    terms: Terms,
    index: HoldIndex,
) -> Booking:
    queries = storage.queries
    calendars, catalogue, directory = Calendars(system), Catalogue(queries), Directory(queries)
    times = TimesBoard(calendars, queries, audience, clock)
    references = References(secret)
    holds = Holds(calendars, times, directory, index, references, queries, ids, clock, config.rate_limits)
    return Booking(
        catalogue=catalogue,
        times=times,
        holds=holds,
        promises=Promises(holds, queries, ids),
        reading=Reading(queries, catalogue),
        once=Once(queries, clock),
        links=links,
        sessions=BookingSessions(links, ids),
        drafts=Drafts(clock),
        calendars=calendars,
        clock=clock,
        ids=ids,
        terms=terms,
        config=config,
    )


