"""Publishing to a thousand watchers against a bare loop of `os.write` on the same sockets, and what a watcher costs."""

import asyncio
import gc
import os
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.calendar.publish import SlotsChanged, Topic
from server.engine import Engine
from server.live.protocol import frame
from server.live.socket import WatcherSocket
from tests.bench.clinic import large_clinic
from tests.bench.report import inconclusive, report

WATCHERS = 1_000
ROUNDS = 25
MOST_TIMES_OS_WRITE = 1.5
MOST_KIB_A_WATCHER = 18.0


@pytest.mark.timeout(180)
async def test_publishing_costs_little_more_than_writing_to_the_sockets(tmp_path: Path) -> None:
    async with large_clinic(tmp_path, calendars=1, hours=(540, 1020)) as (engine, port, [calendar]):
        before = resident_kib()
        async with watchers(engine, port, calendar):
            a_watcher = (resident_kib() - before) / WATCHERS
            topic = Topic(calendar, None)
            bare, published = [], []
            for turn in range(ROUNDS):
                change = SlotsChanged(topic, engine.audience.epoch, turn, turn, {1_800_000_000 + turn: "held"})
                bare.append(write_bare(sockets(engine, topic), frame(change)))
                await settled(engine, 0)
                published.append(await publish(engine, [change]))
            epoch = engine.audience.epoch
            burst = [SlotsChanged(topic, epoch, turn, turn, {1_800_000_000 + turn: "held"}) for turn in range(10)]
            deliveries = engine.audience.hub.deliveries
            await publish(engine, burst)
            writes = (engine.audience.hub.deliveries - deliveries) / WATCHERS
    # Each round against the bare writes just before it: the machine moves in between.
    ratio = statistics.median(told / raw for told, raw in zip(published, bare, strict=True))
    report(
        "publish to 1,000 watchers",
        ratio=round(ratio, 2),
        target=MOST_TIMES_OS_WRITE,
        os_write_us=round(statistics.median(bare), 2),
        publish_us=round(statistics.median(published), 2),
        writes_a_watcher_for_ten_changes=writes,
        kib_a_watcher=round(a_watcher, 1),
    )
    assert writes == 1
    assert a_watcher <= MOST_KIB_A_WATCHER
    if not inconclusive(bare):
        assert ratio <= MOST_TIMES_OS_WRITE


@asynccontextmanager
async def watchers(engine: Engine, port: int, calendar: str) -> AsyncIterator[None]:
    """A thousand sockets of another process that watch one calendar and read everything."""
    script = Path(__file__).with_name("clients.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), "watch", str(port), str(WATCHERS), calendar, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        while engine.audience.hub.count(Topic(calendar, None)) < WATCHERS:
            await asyncio.sleep(0.01)
        yield
    finally:
        process.kill()
        await process.wait()


def sockets(engine: Engine, topic: Topic) -> list[int]:
    """The file descriptors of everybody who watches."""
    found = []
    for subscriber in engine.audience.hub._topics[topic].seats:
        assert isinstance(subscriber, WatcherSocket)
        raw: socket.socket = subscriber._transport.get_extra_info("socket")
        found.append(raw.fileno())
    return found


def write_bare(descriptors: list[int], payload: bytes) -> float:
    """CPU microseconds a write of a bare loop."""
    begun = time.thread_time()
    for descriptor in descriptors:
        os.write(descriptor, payload)
    return (time.thread_time() - begun) / len(descriptors) * 1e6


async def publish(engine: Engine, changes: list[SlotsChanged]) -> float:
    """CPU microseconds a watcher from the publication to the last write."""
    hub = engine.audience.hub
    aim = hub.deliveries + WATCHERS
    gc.collect()
    begun = time.thread_time()
    for change in changes:
        hub.publish(change.topic, change)
    while hub.deliveries < aim:
        await asyncio.sleep(0)
    spent = time.thread_time() - begun
    await settled(engine, 0.05)
    return spent / WATCHERS * 1e6


async def settled(engine: Engine, seconds: float) -> None:
    """Let a tick pass, so that the topic is idle again."""
    await asyncio.sleep(seconds)


def resident_kib() -> float:
    """Memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
