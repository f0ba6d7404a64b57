"""A durable hold against an aiohttp POST that does nothing, in the same application and the same run."""

import asyncio
import json
import statistics
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.bench.clinic import NOTHING, holds, large_clinic
from tests.bench.report import inconclusive, report

CLIENTS = 64
ROUNDS = 6
REQUESTS = 1_500
MOST_TIMES_A_NO_OP = 1.6
MOST_COMMITS_A_HOLD = 1 / 10


@pytest.mark.timeout(300)
async def test_a_durable_hold_costs_little_more_than_a_request_that_does_nothing(tmp_path: Path) -> None:
    async with large_clinic(tmp_path, calendars=20) as (engine, port, calendars):
        wanted = await holds(engine, calendars)
        await drive(port, list(islice(wanted, 500)))
        nothing, durable, commits = [], [], 0
        for _ in range(ROUNDS):
            cost, statuses = await drive(port, [(NOTHING, '{"start":"2026-12-01T10:00:00Z"}')] * REQUESTS)
            assert statuses == {"200": REQUESTS}
            nothing.append(cost)
            before = engine.storage.commits()
            cost, statuses = await drive(port, list(islice(wanted, REQUESTS)))
            assert statuses == {"201": REQUESTS}
            durable.append(cost)
            commits += engine.storage.commits() - before
    ratio = statistics.median(kept / bare for kept, bare in zip(durable, nothing, strict=True))
    a_hold = commits / (ROUNDS * REQUESTS)
    report(
        "durable hold, 64 clients",
        ratio=round(ratio, 2),
        target=MOST_TIMES_A_NO_OP,
        no_op_us=round(statistics.median(nothing)),
        hold_us=round(statistics.median(durable)),
        commits_a_hold=round(a_hold, 3),
    )
    assert a_hold <= MOST_COMMITS_A_HOLD
    if not inconclusive(nothing):
        assert ratio <= MOST_TIMES_A_NO_OP


async def drive(port: int, requests: list[tuple[str, str]]) -> tuple[float, dict[str, int]]:
    """Send requests from another process; loop CPU in microseconds a request, and the statuses."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("clients.py")),
        "post",
        str(port),
        str(CLIENTS),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(requests).encode())
    process.stdin.close()
    begun = time.thread_time()
    output = await process.stdout.read()
    spent = time.thread_time() - begun
    await process.wait()
    return spent / len(requests) * 1e6, json.loads(output)
