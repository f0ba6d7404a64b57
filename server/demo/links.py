"""What a demo clinic prints: where to go, and keys derived from the secret key, so that every start prints the same."""

from server.access import Scope, key_text
from server.booking.links import Links
from server.engine import Engine
from server.storage.queries import Wanted

DEMO_SCOPES: tuple[Scope, ...] = ("admin", "staff")


def demo_key(links: Links, scope: Scope) -> tuple[str, str]:
    """Id and secret of the demo's key of a scope."""
    return links.keyed("demo-key-id", scope)[:20], links.keyed("demo-key", scope)


async def printed(engine: Engine) -> list[str]:
    """The lines for the terminal; keys only where they are the demo's own."""
    booking = engine.booking
    base = booking.links.base_url
    clinic = await booking.catalogue.clinic()
    lines = [f"{clinic.name if clinic else 'No clinic yet'}: demo", f"  book a time    {base}/book"]
    if clinic is not None:
        lines += [f"    {one.full_name:<42} {base}/book/{one.id}" for one in clinic.clinicians]
    lines += await _personal_link(engine)
    for scope in DEMO_SCOPES:
        key, secret = demo_key(booking.links, scope)
        if await engine.storage.queries.key(key) is not None:
            lines.append(f"  API key {scope:<6} {key_text(key, secret)}")
    return lines


async def _personal_link(engine: Engine) -> list[str]:
    """The first patient's own page, so that it can be looked at without booking first."""
    now = engine.clock.now_ms() // 1000
    wanted = Wanted(status=("confirmed",), now=now, join_closes_after=0, start_from=now, limit=1)
    rows = await engine.storage.queries.appointments(wanted)
    if not rows:
        return []
    found = await engine.booking.reading.appointment(rows[0]["id"])
    return [f"  a patient's page {engine.booking.links.manage(found)}"]
