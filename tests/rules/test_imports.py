"""The rule of direction: what each file may import and reach for. One case a file, read from its syntax."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.relative_to(ROOT) for top in ("actors", "server") for path in (ROOT / top).rglob("*.py"))
each_file = pytest.mark.parametrize("file", FILES, ids=str)

# Files that decide and never do: the "P" of the design.
PURE_ACTORS = {
    "availability",
    "evolve",
    "hub",
    "ledger",
    "messages",
    "openness",
    "publish",
    "refusals",
    "rules",
    "signalling",
    "state",
}
PURE_SERVER = {"server/live/protocol.py", "server/notify/ical.py", "server/storage/codec.py"}
IMPURE_MODULES = {
    "aiohttp",
    "aiosqlite",
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "selectors",
    "shutil",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}

# What the runtime may know of the rest: time, and that an expected no is an answer. Nothing of clinics.
RUNTIME_MAY_KNOW = {
    "actors.clock.Clock",
    "actors.clock.Timer",
    "actors.refusals.OutcomeUnknown",
    "actors.refusals.Refusal",
    "actors.refusals.Unavailable",
}

# Within the server the use cases stand in the middle: whoever is served by them is not known to them.
SERVER_NEVER = {
    "server/storage": {"server.api", "server.booking", "server.live", "server.pages"},
    "server/booking": {"server.api", "server.pages"},
    "server/pages": {"server.api"},
    "server/api": {"server.pages"},
}

PORTS_OF_CHANCE_AND_TIME = {"actors/clock.py", "actors/ids.py"}
SOURCES = {
    "asyncio.sleep",
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "os.getrandom",
    "os.urandom",
    "random",
    "secrets",
    "time.sleep",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
}
# (file, source): why this one place may read chance or time by itself.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("server/demo/clinic.py", "random"): "a seeded story: the same demo clinic every time",
}

SQL = re.compile(
    r"\bSELECT\s.*\bFROM\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\b|\bREPLACE\s+INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b"
    r"|\b(CREATE|ALTER|DROP)\s+(TABLE|INDEX|TRIGGER|VIEW|UNIQUE)\b|\bPRAGMA\s+\w|\bBEGIN\s+IMMEDIATE\b|^(COMMIT|ROLLBACK)\b",
    re.DOTALL,
)

MUTABLE_MAKERS = {
    "Counter",
    "OrderedDict",
    "WeakKeyDictionary",
    "WeakSet",
    "WeakValueDictionary",
    "bytearray",
    "count",
    "defaultdict",
    "deque",
    "dict",
    "list",
    "set",
}
MUTATORS = {"add", "append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*|__\w+__")
OPENERS = {
    "ClientSession",
    "Thread",
    "connect",
    "create_connection",
    "create_server",
    "create_task",
    "getenv",
    "mkdir",
    "new_event_loop",
    "open",
    "read_bytes",
    "read_text",
    "run",
    "socket",
    "write_bytes",
    "write_text",
}


@each_file
def test_imports_point_inward(file: Path) -> None:
    wrong = [name for name in _imports(file) if not _may_import(file, name)]
    assert not wrong, f"{file} may not import {', '.join(wrong)}"


@each_file
def test_pure_files_only_decide(file: Path) -> None:
    if not _is_pure(file):
        return
    tree = _tree(file)
    waiting = ast.Await | ast.AsyncFor | ast.AsyncWith | ast.AsyncFunctionDef
    waits = [node for node in ast.walk(tree) if isinstance(node, waiting)]
    opens = [call for call in _calls(ast.walk(tree)) if _name(call.func) in ("open", "input")]
    assert not _lines([*waits, *opens]), f"{file} is pure: it neither waits nor reads"
    impure = [name for name in _imports(file) if name.split(".")[0] in IMPURE_MODULES]
    assert not impure, f"{file} is pure: it may not import {', '.join(impure)}"


@each_file
def test_time_and_chance_come_through_their_ports(file: Path) -> None:
    if str(file) in PORTS_OF_CHANCE_AND_TIME:
        return
    found = {source for source in _sources(file) if (str(file), source) not in EXCEPTIONS}
    assert not found, f"{file} reads {', '.join(sorted(found))} itself: take a Clock or Ids"


@each_file
def test_sql_stands_in_the_storage_only(file: Path) -> None:
    if file.is_relative_to("server/storage"):
        return
    strings = [node for node in _strings(_tree(file)) if SQL.search(str(node.value))]
    assert not _lines(strings), f"{file} speaks SQL"
    drivers = {"sqlite3", "aiosqlite"} & {name.split(".")[0] for name in _imports(file)}
    assert not drivers, f"{file} opens the database by itself"


@each_file
def test_no_module_keeps_state(file: Path) -> None:
    tree = _tree(file)
    kept = [name for name, value in _assignments(tree) if _is_mutable(value) and not CONSTANT.fullmatch(name)]
    assert not kept, f"{file} keeps state at module level: {', '.join(kept)}"
    constants = {name for name, value in _assignments(tree) if _is_mutable(value)}
    changed = [node for node in ast.walk(tree) if _changes(node, constants)]
    assert not _lines(changed), f"{file} changes a constant, or declares a global"


@each_file
def test_importing_opens_nothing(file: Path) -> None:
    evaluated = list(_at_import(_tree(file)))
    opens = [call for call in _calls(evaluated) if _name(call.func) in OPENERS]
    reads = [node for node in evaluated if isinstance(node, ast.Attribute) and node.attr == "environ"]
    assert not _lines([*opens, *reads]), f"{file} opens or reads something when it is imported"


def test_every_exception_is_still_needed() -> None:
    unused = [
        (file, source)
        for file, source in EXCEPTIONS
        if (ROOT / file).exists() and source not in _sources(Path(file))
    ]
    assert not unused


def _may_import(file: Path, name: str) -> bool:
    top = name.split(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if file.parts[0] == "server":
        return _server_may_import(file, name)
    if top != "actors":
        return False
    own_package = ".".join(file.parts[:2])
    if len(file.parts) == 2:
        return _is_port(name)
    if own_package == "actors.runtime":
        return name in RUNTIME_MAY_KNOW or _within(name, own_package)
    return _is_port(name) or _within(name, "actors.runtime") or _within(name, own_package)


def _server_may_import(file: Path, name: str) -> bool:
    never = next((names for folder, names in SERVER_NEVER.items() if file.is_relative_to(folder)), set())
    if any(_within(name, package) for package in never):
        return False
    top = name.split(".")[0]
    return top in ("actors", "server") or top in _declared()


def _is_port(name: str) -> bool:
    """A module directly in actors/, or a name in one."""
    parts = name.split(".")
    return len(parts) >= 2 and (ROOT / "actors" / f"{parts[1]}.py").exists()


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _is_pure(file: Path) -> bool:
    if file.parts[0] == "server":
        return str(file) in PURE_SERVER
    return file.stem in PURE_ACTORS and not file.is_relative_to("actors/runtime")


@cache
def _declared() -> frozenset[str]:
    """Import names of what pyproject.toml declares as needed at run time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = (re.split(r"[^\w-]", dependency)[0] for dependency in project["dependencies"])
    return frozenset(name.replace("-", "_").lower() for name in names)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text(), str(file))


def _imports(file: Path) -> list[str]:
    """Every imported name in full: `from a.b import c` is a.b.c. Imports for types or in functions count."""
    names: list[str] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(file.parts[: -node.level]) + "." if node.level else ""
            names += [f"{package}{node.module or ''}.{alias.name}".replace("..", ".") for alias in node.names]
    return names


def _sources(file: Path) -> set[str]:
    """The sources of time and chance that a file reaches; `asyncio.sleep(0)` only yields."""
    tree = _tree(file)
    yields = {
        id(call.func)
        for call in _calls(ast.walk(tree))
        if _name(call.func) == "sleep" and [getattr(each, "value", None) for each in call.args] == [0]
    }
    reached = {
        ".".join(_dotted(node).split(".")[-2:])
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and id(node) not in yields
    }
    imported = _imports(file)
    return SOURCES & {*reached, *imported, *(name.split(".")[0] for name in imported)}


def _dotted(node: ast.expr) -> str:
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else _name(node)


def _name(node: ast.expr) -> str:
    """The last part of a name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Every string that is no docstring."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((_name(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield _name(node.target), node.value


def _is_mutable(value: ast.expr) -> bool:
    literal = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    return isinstance(value, literal) or (isinstance(value, ast.Call) and _name(value.func) in MUTABLE_MAKERS)


def _changes(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Global():
            return True
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            return name in names
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
            return name in names and method in MUTATORS
    return False


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that is evaluated when the module is imported: all but bodies of functions."""
    waiting: list[ast.AST] = [node for node in tree.body if not _is_main_guard(node)]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, node.args]
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    return (node for node in nodes if isinstance(node, ast.Call))


def _lines(nodes: Iterable[ast.AST]) -> list[int]:
    return sorted(getattr(node, "lineno", 0) for node in nodes)
