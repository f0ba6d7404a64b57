"""What must be true of a database whenever nothing is under way, and of a server's memory beside it."""

import json
import sqlite3
from typing import Any

from actors.calendar.actor import CalendarActor
from actors.calendar.state import calendar_from, window_from
from actors.runtime import System
from actors.runtime.life import State
from actors.tables import TABLES
from server.engine import Engine
from server.live.session import Live
from server.storage import loading
from tests.simulation.fold import Ledger, claim
from tests.simulation.people import SECRET

LIVE = ("held", "confirmed")
PRIVATE = ("patients", "texts")
OVERLAPS = (
    'SELECT a.id, b.id FROM appointments a JOIN appointments b ON a.clinician = b.clinician AND a.id < b.id'
    ' AND a.start < b."end" AND b.start < a."end"'
    " WHERE a.status IN ('held', 'confirmed') AND b.status IN ('held', 'confirmed') AND NOT a.overlap AND NOT b.overlap"
)


def check_database(disk: sqlite3.Connection, ledgers: dict[str, Ledger]) -> None:
    """The log told again is the tables; nobody sits on another; personal words stand where they may."""
    overlaps = [tuple(row) for row in disk.execute(OVERLAPS)]
    claim(not overlaps, "two at once:", overlaps)
    streams = {row["stream"]: row for row in disk.execute("SELECT * FROM streams")}
    rows = {row["id"]: row for row in disk.execute("SELECT * FROM appointments")}
    claims = {row["appointment"]: row["live"] for row in disk.execute("SELECT * FROM claims")}
    told = {name: seats[-1] for ledger in ledgers.values() for name, seats in ledger.seats.items()}
    claim(rows.keys() == told.keys() == claims.keys(), "rows without a log:", rows.keys() ^ told.keys())
    for name, seat in told.items():
        row = rows[name]
        for column in ("version", "status", "start", "end", "extensions", "cause", "expires_at"):
            claim(row[column] == getattr(seat, column), name, column, row[column], "but the log says", seat)
        claim(claims[name] == (seat.status in LIVE), name, seat.status, "has a claim that is", claims[name])
    for calendar, ledger in ledgers.items():
        claim(streams[calendar]["head"] == ledger.head, calendar, "has another head than its log")
        claim(streams[calendar]["hash"] == ledger._hash, calendar, "has another hash than its log")
        where = "clinician = ? AND removed_at_ms IS NULL"
        rows = disk.execute(f"SELECT * FROM windows WHERE {where}", (calendar,))
        windows = {row["id"]: window_from(row) for row in rows}
        claim(windows == ledger.then[-1].windows, calendar, "has other hours than its log")
    _check_words(disk)


def check_memory(disk: sqlite3.Connection, engine: Engine) -> None:
    """Every calendar that rests in memory is what would be loaded now, to the last field."""
    for address, cell in _cells(engine.system).items():
        actor: Any = cell._behaviour
        if not isinstance(actor, CalendarActor) or cell.state is not State.RUNNING or cell.stepping:
            continue
        statement, parameters = loading.load_statement(address.key, 0)
        loaded = loading.loaded(address.key, disk.execute(statement, parameters).fetchall())
        stored, known = calendar_from(address.key, actor._terms, loaded.rows), actor._state
        claim((actor._head, actor._hash) == (loaded.head, loaded.hash), address, "has another head")
        claim(stored.terms.shaping() == known.terms.shaping(), address, known.terms, "but stored", stored.terms)
        claim(stored.windows == known.windows, address, "has other windows in memory")
        rows = {name: row for name, row in known.window_rows.items() if name in known.windows}
        claim(stored.window_rows == rows, address, stored.window_rows, "in memory:", rows)
        live = {name: one.record() for name, one in known.live.items()}
        claim(live.keys() <= stored.live.keys(), address, "has more in memory:", live.keys() - stored.live.keys())
        for name, one in stored.live.items():
            claim(one.record() == live.get(name), address, one.record(), "in memory:", live.get(name))
        claim(known.next_expiry() == stored.next_expiry(), address, "wakes at another time")
        claim(engine.audience.heads[address.key] == loaded.head, address, "shows another head")


def check_bounds(engine: Engine, live: Live, people: int) -> None:
    """No queue is longer than those who may stand in it."""
    for address, cell in _cells(engine.system).items():
        claim(len(cell.mailbox) <= 4 * people, address, "has too much mail:", len(cell.mailbox))
        if isinstance(cell._behaviour, CalendarActor):
            heap = cell._behaviour._state.expiries
            claim(len(heap) <= 500, address, "remembers", len(heap), "expiries")
    claim(engine.system.dropped == 0, "messages were dropped")
    claim(engine.audience.hub.failures == 0, "subscribers raised")
    claim(len(engine.audience.hub._pump_line) <= 64, "frames pile up")
    claim(live.count <= 4 * people, "sockets pile up:", live.count)


def check_rest(engine: Engine, live: Live) -> None:
    """Nobody watches and nobody asks: nothing is kept for them."""
    claim(live.count == 0 and not live._addresses, "sockets are left")
    claim(not engine.audience.hub._topics, "topics are left:", list(engine.audience.hub._topics))
    claim(not engine.booking.once._locks._locks, "locks of keys are left")
    claim(not engine.booking.holds._sessions._locks, "locks of sessions are left")
    claim(not engine.booking.holds._under_way, "attempts of addresses are left")
    claim(not engine.system.failing(), "calendars are read-only")
    for cell in _cells(engine.system).values():
        claim(not cell.mailbox, cell.address, "has mail that nobody reads")


def _check_words(disk: sqlite3.Connection) -> None:
    """Personal words and tokens are in no table but their own, and not in the log or remembered answers."""
    for table in [*TABLES, "log", "idempotency", "streams", "meta"]:
        for row in disk.execute(f"SELECT * FROM {table}") if table not in PRIVATE else ():
            text = " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)
            claim(SECRET not in text, table, "tells of a person:", text)
    for (answer,) in disk.execute("SELECT answer FROM idempotency"):
        claim("token" not in json.loads(answer), "a remembered answer holds a token")


def _cells(system: System) -> dict[Any, Any]:
    return system._cells
