"""The settings: one table, read once at start from the environment and a `.env` file into a `Config`."""

import ipaddress
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from actors.ids import Ids

PREFIX = "HOLDFAST_"
SECRET_LENGTH = 32  # characters; shorter ones can be guessed off line from a single link
DAY = 86_400

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

logger = logging.getLogger(__name__)


class ConfigError(Exception):
    """A setting that cannot be used. The text names it and its value, never a secret."""

    def __init__(self, name: str, value: str, reason: str) -> None:
        super().__init__(name, value, reason)
        self.name, self.value, self.reason = name, value, reason

    def __str__(self) -> str:
        return f"{self.name}={self.value}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its default as it would be written, what it is for, and how it is read."""

    name: str
    default: str
    help: str
    read: Callable[[str], Any]
    secret: bool = False

    @property
    def attribute(self) -> str:
        """The name of the same thing in `Config`."""
        return self.name.removeprefix(PREFIX).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the server was told at start. `locked` are the variables that were set, `unknown` not ours."""

    database: Path
    host: str
    port: int
    secret_key: bytes | None = field(repr=False)
    base_url: str | None
    hold_seconds: int
    hold_extension_seconds: int
    hold_extensions: int
    join_opens_before_seconds: int
    join_closes_after_seconds: int
    minimum_notice_seconds: int
    horizon_days: int
    cancel_notice_seconds: int
    rate_limits: bool
    trusted_proxies: tuple[Network, ...]
    locked: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    @property
    def is_https(self) -> bool:
        """Whether people reach the clinic over https: Secure cookies and HSTS follow from it."""
        return self.base_url is not None and self.base_url.startswith("https://")

    def public_url(self, bound_port: int) -> str:
        """The address used in links, without a slash at the end."""
        if self.base_url is not None:
            return self.base_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{bound_port}"


def load(environ: Mapping[str, str], env_file: Path | None = None) -> Config:
    """Read all settings; the environment wins over the file. Raises `ConfigError` on the first mistake."""
    given = {**(read_env_file(env_file) if env_file else {}), **environ}
    given = {name: value for name, value in given.items() if name.startswith(PREFIX) and value.strip()}
    values = {setting.attribute: _read(setting, given.get(setting.name)) for setting in SETTINGS}
    known = {setting.name for setting in SETTINGS}
    locked, unknown = frozenset(given.keys() & known), tuple(sorted(given.keys() - known))
    config = Config(**values, locked=locked, unknown=unknown)
    _check_rate_limits(config)
    return config


def read_env_file(path: Path) -> dict[str, str]:
    """`KEY=VALUE` lines; empty ones and those beginning with `#` are skipped. A missing file is empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path.name, "...", f"cannot be read: {type(error).__name__}") from None
    values: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip().isidentifier():
            raise ConfigError(path.name, f"line {number}", "is not KEY=VALUE")
        values[name.strip()] = _unquoted(value.strip())
    return values


def secret_key(config: Config, ids: Ids, *, expected: bool = False) -> bytes:
    """The key that signs links: the setting, else the file beside the database, made when there is none.

    `expected`: links were given out before, so that a new key is worth a warning.
    """
    if config.secret_key is not None:
        return config.secret_key
    path = key_file(config)
    try:
        return _read_key(path)
    except FileNotFoundError:
        if expected:
            logger.warning("there was no key at %s: made a new one, older links are dead", path)
        _make_key(path, ids)
        return _read_key(path)


def key_file(config: Config) -> Path:
    """Where the secret key lives when it is not a setting."""
    return config.database.with_suffix(".key")


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server on that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(setting: Setting, value: str | None) -> Any:
    try:
        return setting.read((setting.default if value is None else value).strip())
    except ValueError as error:
        shown = "(hidden)" if setting.secret else value or setting.default
        raise ConfigError(setting.name, shown, str(error)) from None


def _check_rate_limits(config: Config) -> None:
    if not config.rate_limits and not is_loopback(config.host):
        reason = f"only possible on a loopback host, not with {PREFIX}HOST={config.host}"
        raise ConfigError(f"{PREFIX}RATE_LIMITS", "off", reason)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _path(value: str) -> Path:
    path = Path(value)
    if "\0" in value or path.name in ("", "..") or path.is_dir():
        raise ValueError("must be the path of a file")
    return path


def _host(value: str) -> str:
    if any(character.isspace() or character in "/[]@" for character in value):
        raise ValueError("must be a host name or an address")
    return value


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdecimal()) or not least <= int(value[:20]) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return read


def _switch(value: str) -> bool:
    if value not in ("on", "off"):
        raise ValueError("must be on or off")
    return value == "on"


def _secret(value: str) -> bytes | None:
    if value and len(value) < SECRET_LENGTH:
        raise ValueError(f"must have at least {SECRET_LENGTH} characters")
    return value.encode() or None


def _base_url(value: str) -> str | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be like https://clinic.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have nothing after the host")
    port = parts.port  # raises ValueError when it is no port
    standard = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, standard) else f":{port}")


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())


def _read_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{PREFIX}SECRET_KEY", str(path), "others can read this file: chmod 600")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) * 2 < SECRET_LENGTH:
        raise ConfigError(f"{PREFIX}SECRET_KEY", str(path), "this file does not hold a key")
    return key


def _make_key(path: Path, ids: Ids) -> None:
    """Whole or not at all, and never over another's: of two processes that start at once both use one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{ids.new_id()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write((ids.salt() + ids.salt()).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink()


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(f"{PREFIX}DATABASE", "var/holdfast.db", "SQLite file", _path),
    Setting(f"{PREFIX}HOST", "127.0.0.1", "address to listen on", _host),
    Setting(f"{PREFIX}PORT", "8080", "port to listen on; 0 picks a free one", _between(0, 65_535)),
    Setting(
        f"{PREFIX}SECRET_KEY",
        "",
        "signs links and tickets, 32 characters or more; empty: a file beside the database, mode 600, "
        "made on first start",
        _secret,
        secret=True,
    ),
    Setting(
        f"{PREFIX}BASE_URL",
        "",
        "public address used in links; empty: from host and port; https turns on Secure cookies and HSTS",
        _base_url,
    ),
    Setting(f"{PREFIX}HOLD_SECONDS", "900", "how long a slot is held for a patient", _between(1, DAY)),
    Setting(f"{PREFIX}HOLD_EXTENSION_SECONDS", "300", "what one extension adds to a hold", _between(1, DAY)),
    Setting(f"{PREFIX}HOLD_EXTENSIONS", "10", "how often a hold can be extended", _between(0, 1000)),
    Setting(
        f"{PREFIX}JOIN_OPENS_BEFORE_SECONDS",
        "600",
        "joining opens this long before the start",
        _between(0, 7 * DAY),
    ),
    Setting(
        f"{PREFIX}JOIN_CLOSES_AFTER_SECONDS",
        "3600",
        "joining closes this long after the scheduled end",
        _between(0, 7 * DAY),
    ),
    Setting(
        f"{PREFIX}MINIMUM_NOTICE_SECONDS",
        "1800",
        "a slot can be booked until this long before its start",
        _between(0, 365 * DAY),
    ),
    Setting(f"{PREFIX}HORIZON_DAYS", "60", "how many days ahead can be booked", _between(1, 730)),
    Setting(
        f"{PREFIX}CANCEL_NOTICE_SECONDS",
        "0",
        "how long before the start a patient may still cancel or move online",
        _between(0, 365 * DAY),
    ),
    Setting(
        f"{PREFIX}RATE_LIMITS",
        "on",
        "off lifts rate limits, hold caps and the limits on sockets and messages, for load tests on "
        "loopback: refused with a non-loopback host",
        _switch,
    ),
    Setting(
        f"{PREFIX}TRUSTED_PROXIES",
        "",
        "addresses or networks, separated by commas: only these may set X-Forwarded-For and -Proto",
        _networks,
    ),
)
