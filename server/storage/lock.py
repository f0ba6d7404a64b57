"""One process owns a database: a lock on a file beside it, dropped by the kernel however the process ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


class DatabaseInUse(Exception):
    """Another process owns the database; `pid` is that process, where it could be read."""

    def __init__(self, path: str, pid: int | None) -> None:
        super().__init__(f"{path} is in use by process {pid or 'unknown'}")
        self.path, self.pid = path, pid


@contextmanager
def owned(path: str | os.PathLike[str]) -> Iterator[None]:
    """Own the database for the length of the block, or raise `DatabaseInUse` at once.

    Every spelling of the path leads to the same lock. The lock file stays behind: to remove it would let two
    processes lock two files of the same name.
    """
    real = os.path.realpath(path)
    descriptor = os.open(f"{real}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse(real, _read_pid(descriptor)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _read_pid(descriptor: int) -> int | None:
    written = os.pread(descriptor, 32, 0).strip()
    return int(written) if written.isdigit() else None
