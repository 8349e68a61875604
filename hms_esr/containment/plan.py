"""What the supervisor asks of the warden: one value, written once, read once.

Floor 3, standard library only, like everything that the warden imports: it starts in a fresh
interpreter and must be quick. Read next: `warden.py`, `contain.py`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from switchboard.errors import EsrError

DOOR: Final = "198.18.0.1"
"""Where the doors are inside: an address on `lo` alone, of the range for benchmarks (RFC 2544).

No loopback address, because Go and browsers have rules of their own for 127.0.0.0/8.
"""
RESOLVER: Final = "127.0.0.1"
PROXY_PORT: Final = 3128
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
DNS_PORT: Final = 53

Kind = Literal["web", "proxy", "dns-tcp", "dns-udp"]
Way = Literal["user namespace", "root"]


class ContainError(EsrError):
    """The command was not started, because it could not have been contained."""

    exit_code = 97


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that is made inside and served from outside."""

    kind: Kind
    host: str
    port: int

    @property
    def type(self) -> socket.SocketKind:
        return socket.SOCK_DGRAM if self.kind == "dns-udp" else socket.SOCK_STREAM


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before there is a jail."""

    way: Way
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    """The working directory."""
    listenings: tuple[Listening, ...]
    canaries: tuple[tuple[str, int], ...]
    """Addresses of which none may be reached from inside."""
    denied_hosts: tuple[str, ...]
    """Names that must lead to the door, or nowhere."""
    own: str
    """The supervisor's folder: hidden inside, a small one of the jail's own stands there."""
    covered: tuple[str, ...]
    """Folders that are empty inside."""
    sockets: tuple[str, ...]
    """Unix sockets of this machine that lead nowhere inside."""
    hidden: tuple[str, ...]
    """Files that are empty inside: the keys that the interlock is signed with."""

    def to_bytes(self) -> bytes:
        """JSON in ASCII: names that are no UTF-8 are kept as they are."""
        return json.dumps(asdict(self)).encode("ascii")


def parse_plan(data: bytes) -> Plan:
    """The plan that `to_bytes` wrote."""
    value: dict[str, Any] = json.loads(data)
    return Plan(
        **{
            **value,
            "command": tuple(value["command"]),
            "listenings": tuple(Listening(**each) for each in value["listenings"]),
            "canaries": tuple((host, port) for host, port in value["canaries"]),
            "denied_hosts": tuple(value["denied_hosts"]),
            "covered": tuple(value["covered"]),
            "sockets": tuple(value["sockets"]),
            "hidden": tuple(value["hidden"]),
        }
    )


def choose_listenings(ports: frozenset[int], *, has_proxy: bool) -> tuple[Listening, ...]:
    """The sockets of a jail.   ports: those that rules name, beside 80 and 443."""
    web = sorted({HTTP_PORT, HTTPS_PORT} | (ports - {PROXY_PORT, DNS_PORT}))
    return (
        Listening("dns-udp", RESOLVER, DNS_PORT),
        Listening("dns-tcp", RESOLVER, DNS_PORT),
        *((Listening("proxy", DOOR, PROXY_PORT),) if has_proxy else ()),
        *(Listening("web", DOOR, port) for port in web),
    )
