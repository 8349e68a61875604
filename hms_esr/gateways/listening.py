"""Where a gateway listens: the address read, the port reserved, one socket for each worker.

The supervisor holds the port with a socket that never listens, so that the port stays ours while
no worker lives, and so that nobody answers on it then. Each worker has a listening socket of its
own (SO_REUSEPORT): the kernel spreads connections over them, and a dead worker's is simply gone.
"""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from hms_esr.gateways.errors import GatewayError
from switchboard.rules import LIVE, SANDBOX, Rules

LOCALHOST = "localhost"
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Address:
    """An IP literal of this machine and a port; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return ip_address(self.host).is_loopback

    @property
    def is_everywhere(self) -> bool:
        """True for 0.0.0.0 and ::, which are every address of this machine."""
        return ip_address(self.host).is_unspecified


def parse_address(text: str, option: str, example: str) -> Address:
    """`127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080`. Raises GatewayError.

    option: where it was written, such as `--listen`.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65_535:
        raise GatewayError(f"{option} {text!r:.80} must be HOST:PORT, such as {example}")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if is_bracketed != (":" in host):
        raise GatewayError(f"{option} {text!r:.80}: an IPv6 address needs brackets, as in [::1]:80")
    host = host.strip("[]") or "127.0.0.1"
    if host == LOCALHOST:
        host = "127.0.0.1"  # nobody is asked
    try:
        return Address(str(ip_address(host)), int(port))
    except ValueError:
        raise GatewayError(
            f"{option} {text!r:.80}: {host!r:.80} is no IP address; write one of this machine's "
            f"own, as in {example}"
        ) from None


def reserve(address: Address, option: str) -> socket.socket:
    """A socket that holds the port without listening. Raises GatewayError when it is taken."""
    holder = _socket(address)
    try:
        _bind_alone(holder, address)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        holder.close()
        reason = error.strerror or str(error)
        raise GatewayError(f"{option} cannot listen on {address}: {reason}") from error
    return holder


def _bind_alone(holder: socket.socket, address: Address) -> None:
    """Bind where nobody else is bound, whether he listens yet or not.

    With SO_REUSEPORT from the start, a second gateway would quietly share the port of the first,
    and half of the requests would go by other rules. With SO_REUSEADDR it would too, as long as the
    first does not listen yet; without it, connections of yesterday's gateway are in the way.
    """
    try:
        holder.bind((address.host, address.port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address.host, address.port))


def check_no_overlap(listen: Address, control: Address) -> None:
    """Raise GatewayError when the control API would share the port of the gateway."""
    is_same = listen.host == control.host or listen.is_everywhere or control.is_everywhere
    if is_same and listen.port == control.port:
        raise GatewayError(f"--listen and --control are both {control}: give each its own port")


def address_of(holder: socket.socket) -> Address:
    """Where a socket really is, also when any free port was asked for."""
    host, port = holder.getsockname()[:2]
    return Address(str(host), int(port))


def join(address: Address) -> socket.socket:
    """A socket for one worker, beside the others of the same port; it does not listen yet."""
    joined = _socket(address)
    try:
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        joined.bind((address.host, address.port))
    except OSError as error:
        joined.close()
        raise GatewayError(
            f"a worker cannot listen on {address}: {error.strerror or error}"
        ) from error
    return joined


def _socket(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


def check_no_loop(rules: Rules, ours: Iterable[tuple[str, Address]]) -> None:
    """Raise GatewayError when a rule leads back to an address of our own.

    ours: (what it is, where). The control address counts: no request may get there by a route.
    """
    own = tuple(ours)
    for mode in (SANDBOX, LIVE):
        for host, port in sorted(rules.endpoints(mode)):
            for name, address in own:
                if port == address.port and _is_same_host(host, address):
                    raise GatewayError(
                        f"{rules.source} leads to {Address(host, port)}, which is {name}: "
                        "a destination must be another server"
                    )


def _is_same_host(host: str, address: Address) -> bool:
    literal = ip_address(host)
    literal = getattr(literal, "ipv4_mapped", None) or literal
    if address.is_everywhere:
        return literal.is_loopback or literal.is_unspecified or _is_ours(str(literal))
    return literal.is_unspecified or str(literal) == address.host


def _is_ours(host: str) -> bool:
    """Whether this machine has the address; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return True
    return False
