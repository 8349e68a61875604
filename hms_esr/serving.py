"""The address of `--serve`: read, judged and bound before a run begins."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from switchboard.errors import EsrError

DEFAULT_SERVE = "127.0.0.1:8420"
LOCALHOST = "localhost"
_PORT = re.compile(r"[0-9]{1,5}")


class ServeError(EsrError):
    """The address of `--serve` cannot be used."""


@dataclass(frozen=True, slots=True)
class ServeAddress:
    """Where to listen. `token` is None on loopback."""

    host: str
    port: int
    token: str | None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_serve(text: str, env: Mapping[str, str]) -> ServeAddress:
    """`HOST:PORT`, `:PORT` or `PORT`. Raises ServeError; anything but loopback needs ESR_TOKEN."""
    host, _, port_text = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (_PORT.fullmatch(port_text) and int(port_text) <= 65_535):
        raise ServeError(f"--serve {text!r}: the port must be 0 to 65535, as in {DEFAULT_SERVE}")
    if host != LOCALHOST and not _is_address(host):
        raise ServeError(
            f"--serve {text!r}: {host!r} is no IP address; write one of this machine's own, "
            f"as in {DEFAULT_SERVE}"
        )
    token = env.get("ESR_TOKEN") or None
    if not is_loopback(host) and token is None:
        raise ServeError(
            f"--serve {text!r} listens beyond this machine: set ESR_TOKEN to a secret that callers "
            f"must present, or listen on {DEFAULT_SERVE}"
        )
    return ServeAddress(host, int(port_text), token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, an IP address or localhost."""
    return host == LOCALHOST or ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def url_of(listener: socket.socket) -> str:
    """Where `listener` really listens, also when any free port was asked for."""
    host, port = listener.getsockname()[:2]
    return ServeAddress(host, port, None).url


def bind(address: ServeAddress) -> socket.socket:
    """A listening socket. Raises ServeError when the address is taken or not ours."""
    host = "127.0.0.1" if address.host == LOCALHOST else address.host  # nobody is asked
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, address.port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ServeError(f"--serve cannot listen on {address.url}: {reason}") from error
    return listener
