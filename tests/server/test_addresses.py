"""Who a request comes from: only trusted proxies are believed."""

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server import config
from server.addresses import Addresses, block_of

PROXIES = config.load({"HOLDFAST_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"}).trusted_proxies


class Wire(asyncio.Transport):
    """A connection that only knows its other end."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer})


def request_from(peer: object, *forwarded: str, proto: str = "") -> web.Request:
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    if proto:
        headers["X-Forwarded-Proto"] = proto
    return make_mocked_request("GET", "/", headers=headers, transport=Wire(peer))


def test_without_proxies_it_is_the_peer() -> None:
    assert Addresses().client(request_from(("198.51.100.7", 4000), "203.0.113.9")) == "198.51.100.7"


def test_a_peer_that_is_no_trusted_proxy_cannot_name_another() -> None:
    assert Addresses(PROXIES).client(request_from(("198.51.100.7", 4000), "203.0.113.9")) == "198.51.100.7"


def test_a_trusted_proxy_names_the_client() -> None:
    assert Addresses(PROXIES).client(request_from(("10.0.0.1", 4000), "203.0.113.9")) == "203.0.113.9"


def test_the_header_is_read_from_the_right_to_the_first_that_is_not_trusted() -> None:
    forged = request_from(("10.0.0.1", 4000), "192.0.2.1, 203.0.113.9", "fd00::5, 10.9.9.9")
    assert Addresses(PROXIES).client(forged) == "203.0.113.9"


def test_when_all_are_trusted_the_leftmost_is_the_client() -> None:
    assert Addresses(PROXIES).client(request_from(("10.0.0.1", 4000), "10.0.0.3, 10.0.0.2")) == "10.0.0.3"


@pytest.mark.parametrize("junk", ["", "unknown", "203.0.113.9:80", "\xff", ",", "1.2.3"])
def test_an_entry_that_is_no_address_ends_the_chain(junk: str) -> None:
    assert Addresses(PROXIES).client(request_from(("10.0.0.1", 4000), f"{junk}, 10.0.0.2")) == "10.0.0.2"
    assert Addresses(PROXIES).client(request_from(("10.0.0.1", 4000), junk)) == "10.0.0.1"


@pytest.mark.parametrize("peer", [None, "", "/run/socket", ()])
def test_a_peer_without_an_address_is_unknown(peer: object) -> None:
    assert Addresses(PROXIES).client(request_from(peer, "203.0.113.9")) == "unknown"


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:22ff:aaaa::1", "2001:db8:1:2200::/56"),
        ("2001:db8:1:2200::2", "2001:db8:1:2200::/56"),
        ("2001:db8:1:2300::2", "2001:db8:1:2300::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::1", "::/56"),
        ("unknown", "unknown"),
        ("a:b", "a:b"),
    ],
)
def test_ipv4_counts_by_address_and_ipv6_by_household(address: str, block: str) -> None:
    assert block_of(address) == block


def test_a_forwarding_header_from_elsewhere_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    addresses = Addresses(PROXIES)
    for _ in range(3):
        addresses.watch(request_from(("198.51.100.7", 4000), proto="https"))
        addresses.watch(request_from(("198.51.100.7", 4000), "203.0.113.9"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "203.0.113.9" not in caplog.text


def test_a_trusted_proxy_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    addresses = Addresses(PROXIES)
    addresses.watch(request_from(("10.0.0.1", 4000), "203.0.113.9", proto="https"))
    addresses.watch(request_from(("198.51.100.7", 4000)))
    assert caplog.records == []
