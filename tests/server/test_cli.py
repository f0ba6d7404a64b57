"""The command line within this process: what it prints, and that every mistake is one line and a non-zero exit."""

import logging
import re
import socket
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from server.cli import main
from server.storage.lock import owned

INIT = ("init", "--clinic", "Harbour Clinic", "--timezone", "Europe/London", "--admin", "a@example.org")
COMMANDS = ((), ("serve",), ("init",), ("key",), ("key", "create"), ("key", "list"), ("key", "revoke"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "var" / "holdfast.db"


@pytest.fixture
def run(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with these settings alone: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*words: str, settings: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        given = {"DATABASE": str(database), "PORT": "0"} | dict(settings or {})
        with monkeypatch.context() as patch:
            for name, value in given.items():
                patch.setenv(f"HOLDFAST_{name}", value)
            try:
                code = main(words)
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:  # `serve` sends the log to the stderr of this moment
                root.handlers[:] = handlers
                root.setLevel(level)
                logging.getLogger("aiohttp.access").disabled = False
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def fails(run: Run, *words: str, naming: str, settings: Mapping[str, str] | None = None) -> None:
    """One line that names the matter, on stderr alone, and a non-zero exit."""
    code, out, err = run(*words, settings=settings)
    assert code != 0
    assert out == ""
    assert re.fullmatch(r"holdfast[^\n]*: [^\n]+\n", err), err
    assert naming in err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: {' '.join(('holdfast', *words))}")


@pytest.mark.parametrize(
    ("words", "naming"),
    [
        ((), "COMMAND"),
        (("fly",), "fly"),
        (("key",), "ACTION"),
        (("key", "revoke"), "ID"),
        (("serve", "--dmeo"), "--dmeo"),
        (("init", "--clinic", "X"), "--timezone"),
        (("key", "create", "--scope", "boss"), "boss"),
        (("key", "create", "--scope", "partner"), "--partner"),
        (("key", "create", "--scope", "staff", "--partner", "x"), "--partner"),
        (("key", "create", "--scope", "partner", "--partner", "x" * 65), "--partner"),
        ((*INIT[:4], "Mars/Olympus", *INIT[5:]), "--timezone"),
        ((*INIT[:4], "europe/london", *INIT[5:]), "--timezone"),
        ((*INIT[:6], "nobody"), "--admin"),
        ((*INIT[:6], "a@b\n.example"), "--admin"),
        ((*INIT[:2], "  ", *INIT[3:]), "--clinic"),
        ((*INIT[:2], "x" * 201, *INIT[3:]), "--clinic"),
        ((*INIT, "--phone", "\udcff"), "--phone"),
    ],
    ids=str,
)
def test_mistake_is_one_line(run: Run, words: tuple[str, ...], naming: str, database: Path) -> None:
    fails(run, *words, naming=naming)
    assert not database.exists()


@pytest.mark.parametrize(
    ("settings", "naming"),
    [
        ({"RATE_LIMITS": "off", "HOST": "0.0.0.0"}, "HOLDFAST_RATE_LIMITS"),
        ({"RATE_LIMITS": "of"}, "HOLDFAST_RATE_LIMITS"),
        ({"PORT": "http"}, "HOLDFAST_PORT"),
        ({"HOLD_SECONDS": "15m"}, "HOLDFAST_HOLD_SECONDS"),
        ({"BASE_URL": "clinic.example"}, "HOLDFAST_BASE_URL"),
        ({"SECRET_KEY": "short"}, "HOLDFAST_SECRET_KEY"),
        ({"DATABASE": "."}, "HOLDFAST_DATABASE"),
        ({"HOST": "256.256.256.256"}, "256.256.256.256"),
        ({"HOST": "192.0.2.1"}, "192.0.2.1"),
    ],
    ids=str,
)
def test_setting_that_cannot_be_used_is_one_line(run: Run, settings: dict[str, str], naming: str) -> None:
    fails(run, "serve", naming=naming, settings=settings)


@pytest.mark.parametrize("words", [("key", "list"), ("key", "create", "--scope", "staff"), ("key", "revoke", "x")])
def test_without_a_database_keys_cannot_be_made(run: Run, words: tuple[str, ...], database: Path) -> None:
    fails(run, *words, naming=str(database))
    assert not database.exists()


def test_init_prints_one_link_once(run: Run, database: Path) -> None:
    code, out, err = run(*INIT, settings={"BASE_URL": "https://clinic.example"})
    assert (code, err) == (0, "")
    assert re.fullmatch(r"https://clinic\.example/sign-in\?invitation=[a-z2-9]{40}\n", out)
    before = dump(database)
    assert out.rpartition("=")[2].strip() not in before
    fails(run, *INIT, naming="a clinic already")
    assert dump(database) == before


def test_keys_are_made_listed_and_revoked(run: Run, database: Path) -> None:
    run(*INIT)
    made = {}
    for scope, more in (("admin", ()), ("support", ()), ("staff", ()), ("partner", ("--partner", "insurer"))):
        code, out, err = run("key", "create", "--scope", scope, *more)
        assert (code, err) == (0, "")
        lines = [line.partition(" ") for line in out.splitlines()]
        assert [name for name, _, _ in lines] == ["id", "key"]
        made[scope] = lines[0][2]
        assert lines[1][2].rpartition(".")[2] not in dump(database)
    code, out, _ = run("key", "revoke", made["staff"])
    assert code == 0
    assert run("key", "revoke", made["staff"])[0] == 0
    code, out, err = run("key", "list")
    assert (code, err) == (0, "")
    rows = [line.split(" ") for line in out.splitlines()]
    assert {(row[0], row[1], row[2]) for row in rows} == {
        (key, scope, "revoked" if scope == "staff" else "active") for scope, key in made.items()
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[3]) for row in rows)
    fails(run, "key", "revoke", "nobody", naming="no key")


def test_port_in_use_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        fails(run, "serve", naming=port, settings={"PORT": port})


@pytest.mark.parametrize("words", [("serve",), ("serve", "--demo"), INIT])
def test_database_in_use_names_the_other_process(run: Run, words: tuple[str, ...], database: Path) -> None:
    database.parent.mkdir()
    with owned(database):
        fails(run, *words, naming=f"process {database_owner(database)}")


@pytest.mark.parametrize("words", [("serve",), ("serve", "--demo"), INIT, ("key", "list")])
def test_newer_database_is_left_alone(run: Run, words: tuple[str, ...], database: Path) -> None:
    run(*INIT)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = dump(database)
    fails(run, *words, naming="999")
    assert dump(database) == before


@pytest.mark.parametrize("words", [("serve",), INIT, ("key", "list")])
@pytest.mark.parametrize("content", [b"Dear diary, today\n" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_file_that_is_no_database_is_left_alone(
    run: Run, words: tuple[str, ...], content: bytes, database: Path
) -> None:
    run(*INIT)  # so that its key file is there
    database.write_bytes(content)
    fails(run, *words, naming="database")
    assert database.read_bytes() == content


@pytest.mark.parametrize("words", [("serve",), ("key", "list")])
def test_damaged_database_is_one_line(run: Run, words: tuple[str, ...], database: Path) -> None:
    run(*INIT)
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    database.write_bytes(bytes(content))
    fails(run, *words, naming="holdfast")


def test_interrupt_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("server.setup.keys", interrupted)
    fails(run, "key", "list", naming="interrupted")


def test_env_file_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOLDFAST_HOLD_SECONDS=soon\n")
    fails(run, "serve", naming="HOLDFAST_HOLD_SECONDS")


def dump(database: Path) -> str:
    """Everything that is in the database."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


def database_owner(database: Path) -> str:
    """Who wrote itself into the lock file."""
    return database.with_name(f"{database.name}.lock").read_text().strip()
