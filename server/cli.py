"""The command line: `holdfast COMMAND`, `python -m server COMMAND`. An error is one clear line and a non-zero exit."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from actors.clock import SystemClock
from actors.ids import RandomIds
from actors.refusals import Invalid
from server import logs, setup
from server.access import SCOPES
from server.config import Config, ConfigError, load
from server.demo.clinic import fill_if_empty
from server.demo.links import printed
from server.engine import Engine
from server.fields import Email, Identifier, Name, Phone, Zone, instant_text
from server.serve import serve
from server.storage.credentials import AlreadyThere
from server.storage.lock import DatabaseInUse
from server.storage.migrations import UnusableDatabase


class CommandFailed(Exception):
    """A command that could not do its work; the text is the one line that is shown."""


EXPECTED = (ConfigError, CommandFailed, setup.NoDatabase, DatabaseInUse, UnusableDatabase, AlreadyThere)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _InitWords(BaseModel):
    """What `init` takes, checked like a request."""

    model_config = ConfigDict(strict=True)

    clinic: Name
    timezone: Zone
    admin: Email
    phone: Phone | Literal[""]


class _PartnerWord(BaseModel):
    partner: Identifier


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        config = load(os.environ, Path(".env"))
        command: Callable[[argparse.Namespace, Config], None] = chosen.command
        command(chosen, config)
    except EXPECTED as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted")
    except OSError as error:
        return _fail(f"{error.strerror or error} ({config.host}:{config.port}, {config.database})")
    return 0


def _fail(line: str) -> int:
    print(f"holdfast: {' '.join(line.split())}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="holdfast", description="A real-time appointment server for clinics.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="run the server")
    serving.add_argument("--demo", action="store_true", help="fill an empty database with a demo clinic")
    serving.set_defaults(command=_serve)
    init = commands.add_parser("init", help="create the clinic and its first administrator")
    init.add_argument("--clinic", required=True, metavar="NAME", help="the clinic's name")
    init.add_argument("--timezone", required=True, metavar="ZONE", help="an IANA zone, such as Europe/London")
    init.add_argument("--admin", required=True, metavar="EMAIL", help="the first administrator's e-mail address")
    init.add_argument("--phone", default="", metavar="NUMBER", help="the number that every page shows")
    init.set_defaults(command=_init)
    key = commands.add_parser("key", help="API keys; works while the server runs")
    _key_commands(key)
    return parser


def _key_commands(key: argparse.ArgumentParser) -> None:
    commands = key.add_subparsers(required=True, metavar="ACTION")
    create = commands.add_parser("create", help="make a key and print it this once")
    create.add_argument("--scope", required=True, choices=SCOPES, help="what the key may do")
    create.add_argument("--partner", metavar="ID", help="whose bookings a partner key may see")
    create.set_defaults(command=_create_key)
    listing = commands.add_parser("list", help="print ID SCOPE STATE CREATED of every key")
    listing.set_defaults(command=_list_keys)
    revoke = commands.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id", metavar="ID", help="the key's id")
    revoke.set_defaults(command=_revoke_key)


def _serve(chosen: argparse.Namespace, config: Config) -> None:
    logs.setup()

    async def announce(engine: Engine, url: str) -> None:
        if chosen.demo:
            print("\n".join(await printed(engine)))
        print(f"listening on {url}", flush=True)

    async def run() -> None:
        if chosen.demo:
            await fill_if_empty(config, say)
        await serve(config, announce)

    for name in config.unknown:
        say(f"unknown setting {name} is ignored")
    asyncio.run(run())


def say(line: str) -> None:
    """Progress of long work, for the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def _init(chosen: argparse.Namespace, config: Config) -> None:
    try:
        words = _InitWords(clinic=chosen.clinic, timezone=chosen.timezone, admin=chosen.admin, phone=chosen.phone)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise CommandFailed(f"--{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}") from None
    wanted = setup.NewClinic(
        name=words.clinic, timezone=words.timezone, admin=words.admin, phone=words.phone
    )
    try:
        link = asyncio.run(setup.init(config, wanted, RandomIds(), SystemClock()))
    except Invalid:
        raise CommandFailed(f"{config.database} has a clinic already; nothing was changed") from None
    print(link)


def _create_key(chosen: argparse.Namespace, config: Config) -> None:
    if (chosen.scope == "partner") != (chosen.partner is not None):
        raise CommandFailed("--partner ID belongs to --scope partner, and to no other scope")
    if chosen.partner is not None:
        try:
            _PartnerWord(partner=chosen.partner)
        except ValidationError:
            raise CommandFailed("--partner: must be an id of at most 64 characters") from None
    key, text = asyncio.run(setup.create_key(config, chosen.scope, chosen.partner, RandomIds(), SystemClock()))
    print(f"id {key}\nkey {text}")


def _list_keys(chosen: argparse.Namespace, config: Config) -> None:
    for row in asyncio.run(setup.keys(config)):
        state = "revoked" if row["revoked_at_ms"] is not None else "active"
        print(row["id"], row["scope"], state, instant_text(row["created_at_ms"] // 1000))


def _revoke_key(chosen: argparse.Namespace, config: Config) -> None:
    if not asyncio.run(setup.end_key(config, chosen.id, SystemClock())):
        raise CommandFailed("there is no key of that id; nothing was changed")
    print(f"revoked {chosen.id}")
