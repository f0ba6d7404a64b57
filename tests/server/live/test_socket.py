"""The guarded write: one write a frame, and the end of a peer that does not read."""

import asyncio
import socket
from typing import Any

from actors.manual_clock import ManualClock
from server.live.socket import MOST_ANSWERED_BYTES, MOST_PENDING_BYTES, SEND_BUFFER_BYTES, STALLED_MS, WatcherSocket

FRAME = b"\x81\x02{}"


class Pipe(asyncio.Transport):
    """A transport whose peer reads when the test says so."""

    def __init__(self, raw: socket.socket | None = None) -> None:
        super().__init__({"socket": raw} if raw else {})
        self.writes: list[bytes] = []
        self.pending = 0
        self.is_stuck = self.is_aborted = False

    def write(self, data: Any) -> None:
        assert not self.is_closing()
        self.writes.append(bytes(data))
        if self.is_stuck:
            self.pending += len(data)

    def get_write_buffer_size(self) -> int:
        return self.pending

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def test_frame_is_one_write() -> None:
    pipe = Pipe()
    watcher = WatcherSocket(pipe, ManualClock(0))
    watcher(FRAME)
    watcher(FRAME)
    assert pipe.writes == [FRAME, FRAME]


def test_more_than_64_kib_pending_is_the_end() -> None:
    pipe = Pipe()
    watcher = WatcherSocket(pipe, ManualClock(0))
    pipe.is_stuck = True
    watcher(bytes(MOST_PENDING_BYTES))
    assert not pipe.is_aborted
    watcher(FRAME)
    assert pipe.is_aborted
    watcher(FRAME)
    assert len(pipe.writes) == 2


def test_stalled_for_five_seconds_is_the_end() -> None:
    pipe, clock = Pipe(), ManualClock(0)
    watcher = WatcherSocket(pipe, clock)
    pipe.is_stuck = True
    watcher(FRAME)
    clock.set(STALLED_MS - 1)
    watcher(FRAME)
    assert not pipe.is_aborted
    clock.set(STALLED_MS)
    assert pipe.is_aborted


def test_who_reads_in_time_stays() -> None:
    pipe, clock = Pipe(), ManualClock(0)
    watcher = WatcherSocket(pipe, clock)
    for round_ms in range(0, 4 * STALLED_MS, STALLED_MS):
        pipe.is_stuck = True
        watcher(FRAME)
        clock.set(round_ms + STALLED_MS - 1)
        pipe.is_stuck, pipe.pending = False, 0
        clock.set(round_ms + STALLED_MS)
    assert not pipe.is_aborted


def test_snapshot_that_was_asked_for_is_no_sign_of_slowness() -> None:
    pipe, clock = Pipe(), ManualClock(0)
    watcher = WatcherSocket(pipe, clock)
    pipe.is_stuck = True
    for _ in range(4):
        watcher.answer(bytes(MOST_PENDING_BYTES))
    assert not pipe.is_aborted
    watcher(bytes(MOST_PENDING_BYTES))
    assert not pipe.is_aborted
    watcher(FRAME)
    assert pipe.is_aborted


def test_who_asks_on_and_on_without_reading_is_gone() -> None:
    pipe = Pipe()
    watcher = WatcherSocket(pipe, ManualClock(0))
    pipe.is_stuck = True
    for _ in range(2 * MOST_ANSWERED_BYTES // MOST_PENDING_BYTES):
        watcher.answer(bytes(MOST_PENDING_BYTES))
    assert pipe.is_aborted
    assert pipe.pending <= MOST_ANSWERED_BYTES + MOST_PENDING_BYTES


def test_who_reads_slowly_but_reads_stays() -> None:
    pipe, clock = Pipe(), ManualClock(0)
    watcher = WatcherSocket(pipe, clock)
    pipe.is_stuck = True
    watcher(bytes(1000))
    for _ in range(5):
        pipe.pending -= 100
        watcher(bytes(50))
        clock.advance(STALLED_MS / 1000)
        assert not pipe.is_aborted
    clock.advance(STALLED_MS / 1000)
    assert pipe.is_aborted


def test_session_that_is_over_leaves_no_timer() -> None:
    pipe, clock = Pipe(), ManualClock(0)
    watcher = WatcherSocket(pipe, clock)
    pipe.is_stuck = True
    watcher(FRAME)
    watcher.close()
    watcher.close()
    clock.set(10 * STALLED_MS)
    assert not pipe.is_aborted


def test_kernel_keeps_little_for_a_peer_that_does_not_read() -> None:
    with socket.socket() as raw:
        WatcherSocket(Pipe(raw), ManualClock(0))
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES  # Linux doubles it
