"""Lanes: the ways a client takes through a door, each giving a stream of bytes.

A case is written once, as bytes for some host, and goes through every lane it makes sense for.
A lane is a door and how it is asked: plain or TLS, in absolute form, through CONNECT, by SOCKS.
Read next: `cases.py` (what is sent), `doors.py` (what is started).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from tests.leaks.places import CLIENT, PROD_LOOPBACK, PROD_V4
from tests.leaks.wire import ANSWER_S, Answer, Stream, dial

ROUTED_V4: Final = "203.0.113.20"
"""Where a client that asks for a routed name believes that it is: out in the world."""


class DoorRefusedError(Exception):
    """The door refused before the client could say anything."""

    def __init__(self, what: str, answer: Answer | None = None) -> None:
        super().__init__(what)
        self.answer = answer


Dial = Callable[[tuple[str, int], str, int, float], Stream]


@dataclass(frozen=True)
class Lane:
    """One way through a door."""

    name: str
    door: str
    reach: Dial
    """From the door's address to a stream towards a host and a port."""
    is_tls: bool = False
    is_absolute: bool = False
    """Requests name the whole URL."""

    def open(
        self,
        address: tuple[str, int],
        host: str,
        port: int = 0,
        server_name: str | None = None,
        timeout_s: float = ANSWER_S,
    ) -> Stream:
        """A stream on which a request can be sent. Raises DoorRefusedError."""
        try:
            stream = self.reach(address, host, port or (443 if self.is_tls else 80), timeout_s)
            if self.is_tls:
                stream.sock.settimeout(timeout_s)
                stream.wrap(server_name or host)
        except OSError as error:
            raise DoorRefusedError(str(error)) from error
        return stream

    def target(self, host: str, path: str) -> str:
        """What stands in the request line."""
        return f"http://{host}{path}" if self.is_absolute else path


def straight(address: tuple[str, int], host: str, port: int, timeout_s: float) -> Stream:
    """The door is dialled as if it were the host."""
    return dial(address)


def by_connect(address: tuple[str, int], host: str, port: int, timeout_s: float) -> Stream:
    """A tunnel asked for with CONNECT. Raises DoorRefusedError."""
    stream = dial(address)
    name = f"[{host}]" if ":" in host else host
    return connect_on(stream, f"{name}:{port}", timeout_s)


def connect_on(stream: Stream, authority: str, timeout_s: float = ANSWER_S) -> Stream:
    """CONNECT on an open connection. Raises DoorRefusedError."""
    stream.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    answer = stream.answer(timeout_s, is_head=True)
    if answer is None or not 200 <= answer.status < 300:
        raise DoorRefusedError(f"CONNECT {authority}", answer)
    return stream


def by_socks(address: tuple[str, int], host: str, port: int, timeout_s: float) -> Stream:
    """A tunnel asked for by SOCKS5, by name or by address. Raises DoorRefusedError."""
    stream = dial(address)
    stream.send(b"\x05\x01\x00")
    if stream.until(2, timeout_s) != b"\x05\x00":
        raise DoorRefusedError("the greeting")
    stream.send(socks_request(1, host, port))
    head = stream.until(4, timeout_s)
    if len(head) < 4 or head[1] != 0:
        raise DoorRefusedError(f"SOCKS code {head[1:2]!r}")
    stream.until({1: 6, 4: 18}.get(head[3], 0) or stream.until(1)[0] + 2)
    return stream


def socks_request(command: int, host: str, port: int) -> bytes:
    """The request of a SOCKS5 client: 1 connect, 2 bind, 3 UDP associate."""
    try:
        packed = ip_address(host).packed
        where = bytes([1 if len(packed) == 4 else 4]) + packed
    except ValueError:
        name = host.encode("latin-1")
        where = bytes([3, len(name)]) + name
    return bytes([5, command, 0]) + where + struct.pack(">H", port)


def by_redirect(address: tuple[str, int], host: str, port: int, timeout_s: float) -> Stream:
    """The client dials the world itself, and the namespace's firewall turns it to the door."""
    return dial((address_in_world(host), port), CLIENT)


def address_in_world(host: str) -> str:
    """What the client's own resolver would have said."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    if host.endswith(".hms.gov"):
        return PROD_LOOPBACK if host.startswith("www") else PROD_V4
    return ROUTED_V4


LANES: Final = {
    lane.name: lane
    for lane in (
        Lane("gateway", "gateway", straight),
        Lane("gateway-tls", "gateway-tls", straight, is_tls=True),
        Lane("forward", "forward", straight, is_absolute=True),
        Lane("forward-connect", "forward", by_connect),
        Lane("forward-connect-tls", "forward", by_connect, is_tls=True),
        Lane("reverse", "reverse", straight),
        Lane("socks5", "socks5", by_socks),
        Lane("socks5-tls", "socks5", by_socks, is_tls=True),
        Lane("transparent", "transparent", by_redirect),
        Lane("transparent-tls", "transparent", by_redirect, is_tls=True),
        Lane("asgi", "asgi", straight),
        Lane("wsgi", "wsgi", straight),
    )
}

GATEWAYS: Final = ("gateway", "gateway-tls")
TUNNELS: Final = (
    "forward-connect",
    "forward-connect-tls",
    "socks5",
    "socks5-tls",
    "transparent",
    "transparent-tls",
)
PROXIES: Final = ("forward", "reverse", *TUNNELS)
MIDDLEWARES: Final = ("asgi", "wsgi")
HTTP: Final = (*GATEWAYS, *PROXIES)
"""Every lane through which a request goes out."""
ALL: Final = (*HTTP, *MIDDLEWARES)
"""And the middleware, which sees only what comes in."""
EACH: Final = (
    *GATEWAYS,
    "forward",
    "forward-connect-tls",
    "reverse",
    "socks5",
    "transparent-tls",
    *MIDDLEWARES,
)
"""Every door, plain and TLS, for what does not depend on how a tunnel was asked for."""
TLS: Final = tuple(name for name in HTTP if LANES[name].is_tls)


def send_datagram(address: tuple[str, int], payload: bytes, timeout_s: float) -> bytes | None:
    """One datagram, and the one that comes back; None when none does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout_s)
        sock.sendto(payload, address)
        try:
            return sock.recvfrom(65_535)[0]
        except OSError:
            return None
