"""What a demo clinic prints: where to go, and keys derived from the secret key, so that every start prints the same."""

from server.access import Scope, key_text
from server.booking.links import Links
from server.engine import Engine
from server.storage.queries import Wanted

DEMO_SCOPES: tuple[Scope, ...] = ("admin", "staff")
# More than the demo ever has before itself; what was booked later is somebody's own.
MOST_UPCOMING = 500


def demo_key(links: Links, scope: Scope) -> tuple[str, str]:
    """Id and secret of the demo's key of a scope."""
    return links.keyed("demo-key-id", scope)[:20], links.keyed("demo-key", scope)


async def printed(engine: Engine) -> list[str]:
    """The lines for the terminal; keys and a patient's page only where they are the demo's own."""
    booking = engine.booking
    base = booking.links.base_url
    clinic = await booking.catalogue.clinic()
    made_ms = await _made_at_ms(engine)
    name = clinic.name if clinic else "No clinic yet"
    lines = [f"{name}: {'demo' if made_ms is not None else 'not the demo clinic, nothing was added'}"]
    lines.append(f"  book a time    {base}/book")
    if clinic is not None:
        lines += [f"    {one.full_name:<42} {base}/book/{one.id}" for one in clinic.clinicians]
    if made_ms is None:
        return lines
    lines += await _personal_link(engine, made_ms)
    for scope in DEMO_SCOPES:
        lines.append(f"  API key {scope:<6} {key_text(*demo_key(booking.links, scope))}")
    return lines


async def _made_at_ms(engine: Engine) -> int | None:
    """When the demo was written; None for every other database, and for a demo whose secret key is another."""
    rows = [await engine.storage.queries.key(demo_key(engine.booking.links, scope)[0]) for scope in DEMO_SCOPES]
    times = [int(row["created_at_ms"]) for row in rows if row is not None]
    return max(times) if len(times) == len(DEMO_SCOPES) else None


async def _personal_link(engine: Engine, made_ms: int) -> list[str]:
    """One patient's own page, to be looked at without booking first: of the visit that stays upcoming longest."""
    now = engine.clock.now_ms() // 1000
    wanted = Wanted(status=("confirmed",), now=now, join_closes_after=0, start_from=now, limit=MOST_UPCOMING)
    rows = [row for row in await engine.storage.queries.appointments(wanted) if row["created_at_ms"] <= made_ms]
    if not rows:
        return []
    found = await engine.booking.reading.appointment(rows[-1]["id"])
    return [f"  a patient's page {engine.booking.links.manage(found)}"]
