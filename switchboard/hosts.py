"""Host names and addresses, read strictly: a host that could be read in two ways is refused.

Floor 0; nothing here asks a resolver. A resolver or a C library reads `2130706433`, `0x7f.1` and
`127.1` as addresses, so such a name could pass one check and dial something else: here only the
plain dotted form of an IPv4 address and the bracketed form of an IPv6 address are addresses.
Read next: `base_url.py` and `guard.py`.
"""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: Final = IPv4Address("127.0.0.1")

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DOTTED: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

PRIVATE: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# Addresses at which a cloud hands out its machine's own credentials.
_METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
# IPv6 ranges that carry an IPv4 address inside, by which a check of the outside is evaded.
_CARRIERS: Final = tuple(map(IPv6Network, ("::/96", "64:ff9b::/32", "2002::/16", "2001::/32")))


class DisguisedHostError(ValueError):
    """A host that is not an address to us, but may be one to whoever dials it."""


def parse_host(text: str) -> str:
    """The host in one canonical spelling: lower case, no trailing dot, no brackets.

    Raises ValueError with one sentence; DisguisedHostError for a number that is no plain address.
    """
    if not text:
        raise ValueError("the host is missing")
    if not text.isascii():
        raise ValueError("the host has non-ASCII characters; write its punycode form (xn--...)")
    host = text.lower().removesuffix(".")
    if host.startswith("["):
        return _parse_ipv6(host)
    if _DOTTED.fullmatch(host):
        return _parse_ipv4(host)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise DisguisedHostError(
            f"{_shown(host)} is a number that some programs read as an address; "
            "write the address in its plain form, such as 127.0.0.1"
        )
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        hint = "; an IPv6 address stands in [brackets]" if host.count(":") > 1 else ""
        raise ValueError(f"{_shown(host)} is not a host name{hint}")
    return host


def literal_address(host: str) -> Address | None:
    """The address a parsed host stands for without asking anybody, or None for a DNS name.

    `localhost` and `*.localhost` are 127.0.0.1 by definition (RFC 6761); an IPv4-mapped loopback
    counts as its IPv4 address.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return LOOPBACK
    try:
        return plain_address(ip_address(host))
    except ValueError:
        return None


def plain_address(address: Address) -> Address:
    """The IPv4 loopback behind its IPv4-mapped form; any other address as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None and mapped.is_loopback else address


def why_never(address: Address) -> str | None:
    """Why nothing may ever be sent to this address, or None; loopback is always fine."""
    if plain_address(address).is_loopback:
        return None
    if address in _METADATA:
        return "it is a cloud metadata address"
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return "it names no machine"
    if address.is_multicast:
        return "it is a multicast address"
    if address.is_link_local:
        return "it is a link-local address"
    if isinstance(address, IPv6Address):
        return _why_never_ipv6(address)
    return "it is a reserved address" if address.is_reserved else None


def is_private(address: Address) -> bool:
    """True in the ranges that no public network routes."""
    return any(address in network for network in PRIVATE)


def parse_pattern(text: str) -> str:
    """A host pattern: `*`, `svc.*`, `*.hms.example` or a whole host name."""
    if text == "*" or "*" not in text:
        return text if text == "*" else parse_host(text)
    low = text.lower() if text.isascii() else ""
    fixed = low[2:] if low.startswith("*.") else low.removesuffix(".*")
    if not all(_LABEL.fullmatch(label) for label in fixed.split(".")):
        raise ValueError(
            f'{_shown(text)} is not a host pattern: "*", "svc.*", "*.hms.example" or a whole host'
        )
    return low


def matches(pattern: str, host: str) -> bool:
    """True when the pattern takes the host; only `*` takes a request that names no host."""
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    if pattern.endswith(".*"):
        return host.startswith(pattern[:-1]) and len(host) >= len(pattern)
    return host == pattern


def host_of(authority: str) -> str:
    """The parsed host of a recorded `host:port`; raises ValueError when it is not one."""
    rest = authority.rpartition("@")[2]
    if rest.startswith("["):
        host, bracket, port = rest.partition("]")
        host += bracket
    else:
        host, colon, port = rest.partition(":")
        port = colon + port
    if port and not (port[0] == ":" and port[1:].isascii() and (port[1:] + "0").isdigit()):
        raise ValueError("the port must be a number")
    return parse_host(host)


def _parse_ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        raise DisguisedHostError(
            f"{host} is not a plain IPv4 address: four numbers of 0 to 255 without leading zeros"
        ) from None


def _parse_ipv6(host: str) -> str:
    inside = host[1:-1]
    if not host.endswith("]") or "%" in inside:
        raise ValueError(f"{_shown(host)} is not an IPv6 address in brackets without a zone")
    try:
        return str(plain_address(IPv6Address(inside)))
    except AddressValueError:
        raise ValueError(f"{_shown(host)} is not an IPv6 address") from None


def _why_never_ipv6(address: IPv6Address) -> str | None:
    if address.ipv4_mapped is not None or any(address in network for network in _CARRIERS):
        return "it hides an IPv4 address; write that address itself"
    return "it is a site-local address" if address.is_site_local else None


def _shown(text: str) -> str:
    """Hostile text made fit for one line of a message."""
    return ascii(text[:80])[1:-1]
