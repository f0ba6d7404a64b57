"""One process owns a database: the second is told who does, and a killed owner leaves nothing in the way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.storage.lock import DatabaseInUse, owned

ROOT = Path(__file__).parents[3]
OWNER = """
import sys
from server.storage.lock import owned
with owned(sys.argv[1]):
    print("owned", flush=True)
    input()
"""


@contextmanager
def another_owner(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "owned\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_at_once_and_told_who_the_first_is(path: Path) -> None:
    with another_owner(path) as process:
        began = time.monotonic()
        with pytest.raises(DatabaseInUse, match=str(process.pid)) as refused, owned(path):
            raise AssertionError("owned twice")
        assert time.monotonic() - began < 1
        assert refused.value.pid == process.pid


def test_every_spelling_of_the_path_is_the_same_database(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    link, folder = tmp_path / "link.db", tmp_path / "folder"
    link.symlink_to(path)
    folder.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    spellings: list[str | Path] = ["holdfast.db", "./inner/../holdfast.db", link, folder / "holdfast.db"]
    with owned(path):
        for spelling in spellings:
            with pytest.raises(DatabaseInUse), owned(spelling):
                raise AssertionError(spelling)


def test_the_lock_is_free_after_its_block(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), owned(path):
        raise ZeroDivisionError
    with owned(path):
        pass


def test_a_killed_owner_is_succeeded_at_once(path: Path) -> None:
    with another_owner(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with owned(path), pytest.raises(DatabaseInUse, match=str(os.getpid())), owned(path):
            raise AssertionError("owned twice")


def test_other_databases_are_not_concerned(tmp_path: Path) -> None:
    with owned(tmp_path / "a.db"), owned(tmp_path / "b.db"):
        pass
