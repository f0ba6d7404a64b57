"""The server as a process of its own, as an operator starts and kills it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 40.0  # for a start on a busy machine


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Nothing of the caller's own settings; names without their prefix."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    given = {"DATABASE": str(folder / "holdfast.db"), "PORT": "0"} | settings
    ours = {f"HOLDFAST_{name.upper()}": value for name, value in given.items()}
    return kept | ours | {"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error"}


async def command(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server",
        *words,
        env=environment(folder, **settings),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


class Served:
    """A server that listens. `lines` are what it printed before the line with its address."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, lines: list[str], log: Path) -> None:
        self.process, self.url, self.lines, self._log = process, url, lines, log

    @property
    def said(self) -> str:
        """Its stderr."""
        return self._log.read_text()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end: the exit code, or minus the signal."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()


async def serve(folder: Path, *words: str, **settings: str) -> Served:
    """Start and wait until it says that it listens."""
    log = folder / "stderr.txt"
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server",
            "serve",
            *words,
            env=environment(folder, **settings),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in process.stdout:
                lines.append(line.decode().rstrip("\n"))
                if lines[-1].startswith("listening on "):
                    return Served(process, lines.pop().removeprefix("listening on "), lines, log)
        raise AssertionError(f"the server ended: {log.read_text()[-2000:]}")
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise


@asynccontextmanager
async def served(folder: Path, *words: str, **settings: str) -> AsyncIterator[Served]:
    """A server for the length of the block; killed at its end if it still runs."""
    server = await serve(folder, *words, **settings)
    try:
        yield server
    finally:
        await server.end(signal.SIGKILL)
