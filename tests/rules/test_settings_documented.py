"""The README tells of every setting, command and endpoint, and of none that does not exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from server.api.routes import ROUTES
from server.config import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()

BASE = "/api/v1"
# (method, path) of endpoints that the README need not name, each with the reason.
UNLISTED: dict[tuple[str, str], str] = {}

COMMAND_FILES = [ROOT / "server/cli.py"]


def test_every_setting_has_a_row_with_its_default() -> None:
    rows = _setting_rows()
    assert set(rows) == {setting.name for setting in SETTINGS}
    wrong = {
        setting.name: rows[setting.name] for setting in SETTINGS if setting.default not in rows[setting.name]
    }
    assert not wrong, "the README tells another default"


def test_every_setting_says_what_it_is_for() -> None:
    assert not [setting.name for setting in SETTINGS if not setting.help.strip()]


def test_every_command_has_a_row() -> None:
    commands = set(_commands())
    assert commands
    told = set(" ".join(_first_cells("Commands")).replace("`", " ").replace("\\|", " ").split())
    assert commands <= told, f"not in the README: {', '.join(sorted(commands - told))}"


def test_the_endpoints_of_the_readme_are_those_of_the_api() -> None:
    registered = set(_routes()) - set(UNLISTED)
    told = set(_told_endpoints())
    assert not registered - told, "registered, but not in the README"
    assert not told - registered, "in the README, but not registered"


def _setting_rows() -> dict[str, str]:
    lines = _section("Settings").splitlines()
    return {found.group(1): line for line in lines if (found := re.match(r"\| `(HOLDFAST_\w+)` \|", line))}


def _section(title: str) -> str:
    _, _, rest = README.partition(f"\n## {title}\n")
    return re.split(r"\n## ", rest)[0]


def _first_cells(title: str) -> list[str]:
    rows = [line for line in _section(title).splitlines() if line.startswith("| `")]
    return [re.split(r"(?<!\\)\|", row)[1] for row in rows]


def _told_endpoints() -> Iterator[tuple[str, str]]:
    for methods, path in re.findall(r"`([A-Z, ]+) (/\S*)`", " ".join(_first_cells("HTTP"))):
        yield from ((method, _plain(path)) for method in methods.split(", "))


def _commands() -> Iterator[str]:
    for path in COMMAND_FILES:
        for call in _calls(path):
            if _name(call.func) == "add_parser" and call.args and (name := _text(call.args[0])):
                yield name


def _routes() -> Iterator[tuple[str, str]]:
    return ((method, _plain(path)) for method, path, *_ in ROUTES)


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def _plain(path: str) -> str:
    """A path without the base and without the names of its parts."""
    return re.sub(r"\{[^}]*\}", "{}", path.removeprefix(BASE))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    """The written part of a string; what an f-string puts in, a base path mostly, is left out."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
