"""Addresses to listen on: reading them, opening them, saying them. Floor 1."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from typing import Final

from switchboard.errors import EsrError

BACKLOG: Final = 4096


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080` or `:8080` as host and port. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:8080")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5
    if not (colon and is_port and text.isprintable()):
        raise ValueError("it must be HOST:PORT, such as 127.0.0.1:8080")
    if int(port) > 65_535:
        raise ValueError("a port is a number from 0 (any free one) to 65535")
    return host or "127.0.0.1", int(port)


def listen(text: str) -> socket.socket:
    """A listening socket for HOST:PORT. Raises EsrError."""
    try:
        host, port = parse_listen(text)
        host.encode("idna")  # what cannot be a name must not get as far as a socket
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, ValueError) as error:
        raise EsrError(f"cannot listen on {text!r:.100}: {_reason(error)}") from error


def address_of(listener: socket.socket) -> str:
    """`HOST:PORT`, an IPv6 host in brackets."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def _reason(error: OSError | ValueError) -> str:
    """Without what Python says besides. A name that is not known has a number of another kind."""
    if isinstance(error, socket.gaierror) or not isinstance(error, OSError) or not error.errno:
        return getattr(error, "strerror", None) or str(error)
    return os.strerror(error.errno)
