"""Setting a clinic up without a browser: the clinic, its first administrator, and API keys."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from actors.clinic.actor import OpenClinic
from actors.clock import Clock
from actors.command import SYSTEM
from actors.ids import Ids
from actors.journal import Record
from actors.refusals import Invalid
from server.access import Scope, key_digest, key_text
from server.config import Config
from server.engine import running
from server.storage.connection import open_writer
from server.storage.credentials import add_key, add_user, list_keys, revoke_key
from server.storage.migrations import inspect

# A first administrator opens the link within days; afterwards a new one can be made on the machine itself.
INVITE_MS = 7 * 24 * 3_600_000


class NoDatabase(Exception):
    """There is no database yet at the path of the settings."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no database at {path}: run init or serve first")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClinic:
    """What `init` is told. Texts were checked by the command line."""

    name: str
    timezone: str
    admin: str
    phone: str = ""
    help_hours: str = ""
    emergency_number: str = ""
    urgent_notice: str = ""


async def init(config: Config, wanted: NewClinic, ids: Ids, clock: Clock) -> str:
    """Create the clinic and its first administrator; answers the one-time link. Raises `Invalid` when there is one."""
    async with running(config, clock=clock, ids=ids) as engine:
        row = {
            "name": wanted.name,
            "timezone": wanted.timezone,
            "phone": wanted.phone,
            "help_hours": wanted.help_hours,
            "emergency_number": wanted.emergency_number,
            "urgent_notice": wanted.urgent_notice,
        }
        try:
            await engine.booking.calendars.ask_clinic(OpenClinic(by=SYSTEM, row=row))
        except Invalid:
            if await engine.storage.queries.has_users():
                raise
            # An earlier try was cut short between the clinic and its administrator: go on from there.
    token = ids.new_id() + ids.new_id()
    async with open_writer(config.database) as writer:
        await add_user(
            writer,
            {
                "id": ids.new_id(),
                "email": wanted.admin,
                "name": wanted.admin.partition("@")[0],
                "role": "admin",
                "clinician": None,
                "state": "invited",
                "invite": hashlib.sha256(token.encode()).digest(),
                "invite_until_ms": clock.now_ms() + INVITE_MS,
                "created_at_ms": clock.now_ms(),
            },
        )
    return f"{config.public_url(config.port)}/sign-in?invitation={token}"


async def create_key(config: Config, scope: Scope, partner: str | None, ids: Ids, clock: Clock) -> tuple[str, str]:
    """Make an API key beside a running server or without one; answers its id and, this once, the key."""
    key, secret = ids.new_id(), ids.new_id() + ids.new_id()
    await keep_key(config, key, secret, scope, partner, clock)
    return key, key_text(key, secret)


async def keep_key(
    config: Config, key: str, secret: str, scope: Scope, partner: str | None, clock: Clock
) -> None:
    """Store a key; of its secret only the digest."""
    _require(config)
    async with open_writer(config.database) as writer:
        _require_schema(config, await inspect(writer))
        values: Record = {
            "id": key,
            "digest": key_digest(secret),
            "scope": scope,
            "partner": partner,
            "created_at_ms": clock.now_ms(),
            "revoked_at_ms": None,
        }
        await add_key(writer, values)


async def end_key(config: Config, key: str, clock: Clock) -> bool:
    """Revoke a key; False when there is none of that id."""
    _require(config)
    async with open_writer(config.database) as writer:
        _require_schema(config, await inspect(writer))
        return await revoke_key(writer, key, clock.now_ms())


async def keys(config: Config) -> list[Record]:
    """All keys without their secrets, oldest first."""
    _require(config)
    async with open_writer(config.database) as writer:
        _require_schema(config, await inspect(writer))
        return await list_keys(writer)


def _require(config: Config) -> None:
    if not config.database.exists():
        raise NoDatabase(config.database)


def _require_schema(config: Config, version: int) -> None:
    if version == 0:
        raise NoDatabase(config.database)
