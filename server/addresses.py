"""Whose request it is by address: the one that trusted proxies name, else the peer of the connection."""

import ipaddress
import logging
from collections.abc import Sequence

from aiohttp import hdrs, web

from server.config import Network

IPV6_BLOCK_BITS = 56  # what a provider gives one household; counting single addresses would count nothing
UNKNOWN = "unknown"  # a peer without an address (a Unix socket): all of them share one account

logger = logging.getLogger(__name__)


class Addresses:
    """Finds the client's address; forwarding headers count only when a trusted proxy sent them."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._warned = False

    def client(self, request: web.Request) -> str:
        """The client's address as text, or `unknown`."""
        peer = _peer(request)
        if not self._trusted or not self._is_trusted(peer):
            return peer
        return self._named_by_proxies(request, peer)

    def block(self, request: web.Request) -> str:
        """What limits count by: an IPv4 address, or the /56 of an IPv6 one."""
        return block_of(self.client(request))

    def watch(self, request: web.Request) -> None:
        """Warn, once, of a forwarding header that nobody trusted has sent: then all clients look like one."""
        headers = request.headers
        forwarded = hdrs.X_FORWARDED_FOR in headers or hdrs.X_FORWARDED_PROTO in headers
        if forwarded and not self._warned and not self._is_trusted(_peer(request)):
            self._warned = True
            logger.warning("a forwarding header came from a proxy not in HOLDFAST_TRUSTED_PROXIES: ignored")

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def _named_by_proxies(self, request: web.Request, peer: str) -> str:
        """Right to left: a trusted proxy vouches for what it added; the first other address is the client."""
        named = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ()))
        client = peer
        for entry in reversed(named.split(",")):
            parsed = _parsed(entry.strip())
            if parsed is None:
                break
            client = str(parsed)
            if not self._is_trusted(client):
                break
        return client


def block_of(address: str) -> str:
    """The block that an address belongs to; a text that is no address is its own block."""
    if ":" not in address:
        return address
    parsed = _parsed(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed or address)
    return str(ipaddress.ip_network((int(parsed) >> 72 << 72, IPV6_BLOCK_BITS)))


def _peer(request: web.Request) -> str:
    peer = request.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else UNKNOWN


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
