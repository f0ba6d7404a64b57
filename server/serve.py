"""Serving: the socket is bound first, so that links know the port; it listens once the engine runs."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from actors.clock import Clock
from actors.ids import Ids
from server.app import create_app
from server.config import Config
from server.engine import Engine, running
from server.protocol import HoldfastRunner
from server.shield import SHIELD
from server.storage.lock import owned

STOP_SECONDS = 5.0  # requests under way may end; a supervisor of processes kills after ten
BACKLOG = 1024  # all pages of a clinic come back at once after a restart

# Allocations between two looks at the youngest objects; the default of 700 is reached by every second request.
COLLECT_AFTER = (20_000, 20, 50)

logger = logging.getLogger(__name__)

@asynccontextmanager
async def serving(
    config: Config, *, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[tuple[Engine, str]]:
    """A server that accepts requests, with its address."""
    listener = _bound(config)
    try:
        url = config.public_url(listener.getsockname()[1])
        async with running(config, clock=clock, ids=ids, base_url=url) as engine:
            app = create_app(engine)
            runner = HoldfastRunner(app, headers=app[SHIELD].headers, shutdown_seconds=STOP_SECONDS)
            await runner.setup()
            try:
                await web.SockSite(runner, listener, backlog=BACKLOG).start()
                yield engine, f"http://{_shown(config.host)}:{listener.getsockname()[1]}"
            finally:
                await runner.cleanup()
    finally:
        listener.close()


async def serve(config: Config, announce: Callable[[Engine, str], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT; everything acknowledged is on disk whenever it ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with serving(config) as (engine, url):
        spare_the_collector()
        await announce(engine, url)
        await stop.wait()
        logger.info("stopping")


def spare_the_collector() -> None:
    """What is alive now lives as long as the process, and requests leave few cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _bound(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError:
        listener.close()
        _name_owner(config)
        raise
    return listener


def _name_owner(config: Config) -> None:
    """Who has the port may well have the database too; then that is what to say. Raises `DatabaseInUse`."""
    with suppress(OSError), owned(config.database):
        pass


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
