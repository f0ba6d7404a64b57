"""Settings: their defaults, where they come from, and what each mistake is called."""

import logging
from dataclasses import fields
from pathlib import Path

import pytest

from actors.ids import SeededIds
from server.config import (
    SETTINGS,
    Config,
    ConfigError,
    is_loopback,
    key_file,
    load,
    read_env_file,
    secret_key,
)

LONG = "0123456789abcdef0123456789abcdef"


def mistake(**settings: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load({f"HOLDFAST_{name.upper()}": value for name, value in settings.items()})
    return caught.value


def config_at(folder: Path) -> Config:
    return load({"HOLDFAST_DATABASE": str(folder / "clinic.db")})


def test_defaults_are_those_of_the_contract() -> None:
    config = load({})
    assert config.database == Path("var/holdfast.db")
    assert (config.host, config.port) == ("127.0.0.1", 8080)
    assert (config.hold_seconds, config.hold_extension_seconds, config.hold_extensions) == (900, 300, 10)
    assert (config.join_opens_before_seconds, config.join_closes_after_seconds) == (600, 3600)
    assert (config.minimum_notice_seconds, config.horizon_days) == (1800, 60)
    assert config.cancel_notice_seconds == 0
    assert config.rate_limits is True
    assert config.trusted_proxies == ()
    assert config.secret_key is None
    assert config.base_url is None


def test_every_setting_has_help_and_a_place_in_the_config() -> None:
    assert all(setting.help and setting.name.startswith("HOLDFAST_") for setting in SETTINGS)
    assert {setting.attribute for setting in SETTINGS} == {
        field.name for field in fields(Config) if field.name not in ("locked", "unknown")
    }


def test_what_is_set_wins_and_is_locked() -> None:
    config = load({"HOLDFAST_HOLD_SECONDS": " 3 ", "HOLDFAST_PORT": "", "PATH": "/bin"})
    assert (config.hold_seconds, config.port) == (3, 8080)
    assert config.locked == {"HOLDFAST_HOLD_SECONDS"}


def test_a_name_that_is_none_of_ours_is_pointed_out() -> None:
    config = load({"HOLDFAST_HOLD_SECOND": "3", "HOLDFAST_PORT": "0"})
    assert config.unknown == ("HOLDFAST_HOLD_SECOND",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "8080.0"),
        ("port", "٨٠"),
        ("hold_seconds", "0"),
        ("hold_seconds", "15m"),
        ("hold_seconds", "9" * 5000),
        ("horizon_days", "0"),
        ("rate_limits", "yes"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "10.0.0.1,proxy"),
        ("base_url", "clinic.example"),
        ("base_url", "ftp://clinic.example"),
        ("base_url", "https://clinic.example/booking"),
        ("base_url", "https://clinic.example?x"),
        ("base_url", "https://me@clinic.example"),
        ("base_url", "https://clinic.example:99999"),
        ("base_url", "https://"),
        ("host", "a b"),
        ("host", "http://a"),
        ("database", "/"),
    ],
)
def test_a_mistake_names_the_setting_and_its_value(name: str, value: str) -> None:
    error = mistake(**{name: value})
    assert (error.name, error.value) == (f"HOLDFAST_{name.upper()}", value)
    assert str(error).startswith(f"HOLDFAST_{name.upper()}={value}: ")


def test_a_mistake_in_the_secret_does_not_show_it() -> None:
    error = mistake(secret_key="too-short-to-be-safe")
    assert "too-short" not in str(error)
    assert "32 characters" in str(error)


def test_the_secret_is_not_in_the_text_of_the_config() -> None:
    assert LONG not in repr(load({"HOLDFAST_SECRET_KEY": LONG}))


def test_a_base_url_has_one_spelling() -> None:
    for value in ("https://Clinic.Example", "https://clinic.example/", "https://clinic.example:443"):
        config = load({"HOLDFAST_BASE_URL": value})
        assert config.base_url == "https://clinic.example"
        assert config.is_https
    assert load({"HOLDFAST_BASE_URL": "http://[::1]:8080/"}).base_url == "http://[::1]:8080"


def test_without_a_base_url_links_use_host_and_bound_port() -> None:
    assert load({}).public_url(4711) == "http://127.0.0.1:4711"
    assert load({"HOLDFAST_HOST": "::1"}).public_url(4711) == "http://[::1]:4711"
    assert load({"HOLDFAST_BASE_URL": "https://a.example"}).public_url(4711) == "https://a.example"
    assert not load({}).is_https


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_limits_may_be_off_on_loopback(host: str) -> None:
    assert load({"HOLDFAST_RATE_LIMITS": "off", "HOLDFAST_HOST": host}).rate_limits is False
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "clinic.example"])
def test_limits_may_not_be_off_where_others_can_connect(host: str) -> None:
    error = mistake(rate_limits="off", host=host)
    assert error.name == "HOLDFAST_RATE_LIMITS"
    assert host in error.reason


def test_proxies_are_addresses_and_networks() -> None:
    proxies = load({"HOLDFAST_TRUSTED_PROXIES": "10.0.0.1, fd00::/8,"}).trusted_proxies
    assert [str(network) for network in proxies] == ["10.0.0.1/32", "fd00::/8"]


def test_a_file_gives_what_the_environment_does_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# ours\n\nHOLDFAST_PORT=1\n HOLDFAST_HOLD_SECONDS = '7' \nHOLDFAST_BASE_URL=http://a?=b\nOTHER=x\n"
    )
    assert read_env_file(file)["HOLDFAST_BASE_URL"] == "http://a?=b"
    file.write_text('HOLDFAST_PORT=1\nHOLDFAST_HOLD_SECONDS="7"\n')
    config = load({"HOLDFAST_PORT": "2"}, file)
    assert (config.port, config.hold_seconds) == (2, 7)
    assert config.locked == {"HOLDFAST_PORT", "HOLDFAST_HOLD_SECONDS"}


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert load({}, tmp_path / ".env") == load({})


@pytest.mark.parametrize("line", ["HOLDFAST_PORT", "=1", "a b=1"])
def test_a_line_that_is_no_setting_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# first\n{line}\n")
    with pytest.raises(ConfigError, match=r"^\.env=line 2: is not KEY=VALUE$"):
        load({}, file)


def test_a_key_that_was_given_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    config = load({"HOLDFAST_SECRET_KEY": LONG, "HOLDFAST_DATABASE": str(tmp_path / "x" / "clinic.db")})
    assert secret_key(config, SeededIds(1)) == LONG.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_on_first_start_and_kept(tmp_path: Path) -> None:
    config = config_at(tmp_path / "var")
    key = secret_key(config, SeededIds(1))
    assert len(key) == 32
    assert secret_key(config, SeededIds(2)) == key
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["clinic.key"]
    assert key_file(config).stat().st_mode & 0o777 == 0o600


def test_of_two_first_starts_at_once_one_makes_the_key(tmp_path: Path) -> None:
    config = config_at(tmp_path)

    class Late(SeededIds):
        """Another process publishes its key while ours is being written."""

        def salt(self) -> bytes:
            if not key_file(config).exists():
                secret_key(config, SeededIds(2))
            return super().salt()

    mine = secret_key(config, Late(1))
    assert mine == secret_key(config, SeededIds(3))
    assert [path.name for path in tmp_path.iterdir()] == ["clinic.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    secret_key(config, SeededIds(1))
    key_file(config).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        secret_key(config, SeededIds(1))


@pytest.mark.parametrize("content", ["", "abcd\n", "not hex at all, but long enough to be a key\n"])
def test_a_file_that_holds_no_key_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    config = config_at(tmp_path)
    key_file(config).touch(mode=0o600)
    key_file(config).write_text(content)
    with pytest.raises(ConfigError) as caught:
        secret_key(config, SeededIds(1))
    assert "hex at all" not in str(caught.value)


def test_a_new_key_for_an_old_database_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_at(tmp_path)
    secret_key(config, SeededIds(1), expected=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
