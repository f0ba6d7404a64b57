"""Size, docstrings and leftovers: what a reviewer would otherwise have to say each time."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FUNCTION = 60  # lines of body without the docstring
LONGEST_FILE = 400  # the hard look: above it a file holds more than one thing

FOLDERS = [ROOT / top for top in ("actors", "server", "tests")]
PYTHON = sorted(path.relative_to(ROOT) for folder in FOLDERS for path in folder.rglob("*.py"))
SOURCE = [file for file in PYTHON if file.parts[0] != "tests"]
TESTS = [file for file in PYTHON if file.parts[0] == "tests"]
TEXT_SUFFIXES = {".cfg", ".css", ".html", ".ini", ".js", ".lock", ".md", ".po", ".pot", ".py", ".sql", ".svg"}
TEXT_SUFFIXES |= {".json", ".toml", ".txt", ".xml", ".yaml", ".yml", ""}
NOT_OURS = {"__pycache__", "build", "dist", "var"}

MAY_PRINT = {"__main__", "cli"}  # the command line: its output is what it is for
# Browsers and raw limits are measured against real time; in virtual time a sleep costs nothing.
MAY_SLEEP = (Path("tests/bench"), Path("tests/browser"), Path("tests/simulation"))

# Written in pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE = re.compile(r"(?<![\w.}>-])/(" + r"work|tmp|root|home/\w+)(?=/|$|[\s'\"`)])", re.MULTILINE)
REGISTRY = re.compile(r"pypi" + r"\.org|python" + r"hosted|(index" + r"-url|find" + r"-links)[= ]+[\w/]+")


def _text_files() -> list[Path]:
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        made = NOT_OURS & set(parts) or any(part.endswith(".egg-info") for part in parts)
        ours = not hidden and not made and path.name != ".env"
        if ours and path.is_file() and path.suffix in TEXT_SUFFIXES:
            found.append(path.relative_to(ROOT))
    return sorted(found)


@pytest.mark.parametrize("file", PYTHON, ids=str)
def test_no_function_is_long(file: Path) -> None:
    long = {name: lines for name, lines in _functions(file) if lines > LONGEST_FUNCTION}
    assert not long, f"{file} has functions of more than {LONGEST_FUNCTION} lines: {long}"


@pytest.mark.parametrize("file", SOURCE, ids=str)
def test_no_file_is_long(file: Path) -> None:
    lines = len((ROOT / file).read_text().splitlines())
    assert lines <= LONGEST_FILE, f"{file} has {lines} lines: split it by noun"


@pytest.mark.parametrize("file", SOURCE, ids=str)
def test_what_is_public_says_what_the_caller_must_know(file: Path) -> None:
    tree = _tree(file)
    bare = [node.name for node in _public(tree) if not ast.get_docstring(node)]
    if tree.body and not ast.get_docstring(tree):
        bare.insert(0, "the module itself")
    assert not bare, f"{file}: no docstring on {', '.join(bare)}"


@pytest.mark.parametrize("file", [file for file in SOURCE if file.stem not in MAY_PRINT], ids=str)
def test_only_the_command_line_prints(file: Path) -> None:
    lines = [node.lineno for node in _calls(file) if _dotted(node.func) in ("print", "pprint")]
    assert not lines, f"{file} prints at {lines}"


@pytest.mark.parametrize("file", TESTS, ids=str)
def test_tests_move_the_clock_and_never_sleep(file: Path) -> None:
    sleeps = [node.lineno for node in _calls(file) if _sleeps(node, file)]
    assert not sleeps, f"{file} sleeps at {sleeps}: move the clock, or wait for what must happen"


@pytest.mark.parametrize("file", TESTS, ids=str)
def test_every_test_is_collected(file: Path) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    collected = [*map(Path, options["testpaths"]), Path("tests/bench")]
    if file.name.startswith("test_"):
        assert any(folder in file.parents for folder in collected), f"{file} is in no folder of testpaths"


@pytest.mark.parametrize("file", _text_files(), ids=str)
def test_nothing_is_left_unfinished_or_tied_to_a_machine(file: Path) -> None:
    text = (ROOT / file).read_text()
    found = [match.group() for rule in (UNFINISHED, MACHINE, REGISTRY) for match in rule.finditer(text)]
    assert not found, f"{file} contains {found}"


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text(), str(file))


def _functions(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Classes and functions of the module itself; a method that fulfils a port needs no second docstring."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node


def _calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(_tree(file)) if isinstance(node, ast.Call))


def _sleeps(call: ast.Call, file: Path) -> bool:
    name = _dotted(call.func)
    if name == "time.sleep":
        return file.parts[:2] != ("tests", "bench")
    if name not in ("asyncio.sleep", "sleep") or any(folder in file.parents for folder in MAY_SLEEP):
        return False
    return [getattr(argument, "value", None) for argument in call.args] != [0]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
