"""Doing a thing once: idempotency keys that answer again what they answered, and locks by name."""

from asyncio import Lock
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from actors.clock import Clock
from actors.command import Remember
from actors.journal import Record
from actors.refusals import AlreadyAnswered, Invalid, Unavailable
from server.storage.queries import Queries, StoredAnswer

T = TypeVar("T")

KEPT_MS = 24 * 3_600_000


class Locks:
    """One lock a name, for as long as somebody holds or wants it."""

    def __init__(self) -> None:
        self._locks: dict[object, tuple[Lock, int]] = {}

    @asynccontextmanager
    async def of(self, name: object) -> AsyncIterator[None]:
        """Hold the lock of that name."""
        lock, users = self._locks.get(name, (Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)


class Once:
    """Remembers answers under idempotency keys; of two requests at once the second waits for the first."""

    def __init__(self, queries: Queries, clock: Clock) -> None:
        self._queries = queries
        self._clock = clock
        self._locks = Locks()

    async def run(
        self,
        key: Remember | None,
        do: Callable[[Remember | None], Awaitable[T]],
        replay: Callable[[Record, int], Awaitable[T]],
    ) -> T:
        """`do` it, or `replay(answer, at_ms)` what was answered before. The same key for another request is refused."""
        if key is None:
            return await do(None)
        async with self._locks.of((key.scope, key.key)):
            stored = await self._stored(key)
            if stored is None:
                try:
                    return await do(key)
                except AlreadyAnswered:
                    stored = await self._stored(key)
            if stored is None:
                raise Unavailable
            return await replay(stored.answer, stored.at_ms)

    async def _stored(self, key: Remember) -> StoredAnswer | None:
        stored = await self._queries.remembered(key.scope, key.key)
        if stored is None or self._clock.now_ms() - stored.at_ms > KEPT_MS:
            return None
        if stored.fingerprint != key.fingerprint:
            raise Invalid(faults=(("", "this Idempotency-Key was used for another request"),))
        return stored
