"""Trying to get out of the jail, from inside, before the command may try: success is an alarm.

Nothing is ever sent to a host that answers: a TCP dial to an address without a route fails in the
kernel, and so does naming a peer to a UDP socket. Read next: `warden.py`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from hms_esr.containment.plan import DOOR

WAIT_S: Final = 2.0
TEST_NET: Final = (("192.0.2.1", 443), ("2001:db8::1", 443))
"""Addresses that are nobody's (RFC 5737, RFC 3849)."""
NO_WAY: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EACCES,
        errno.EPERM,
    }
)


def find_ways_out(canaries: Sequence[tuple[str, int]], denied_hosts: Sequence[str]) -> list[str]:
    """A sentence for each way out, and none where there is none."""
    found = [
        f"{protocol} to {host} port {port} {how}"
        for host, port in (*TEST_NET, *canaries)
        for protocol, how in _dial(host, port)
    ]
    return found + [sentence for host in denied_hosts for sentence in _ask(host)]


def _dial(host: str, port: int) -> Iterator[tuple[str, str]]:
    for name, kind in (("TCP", socket.SOCK_STREAM), ("UDP", socket.SOCK_DGRAM)):
        how = _how_it_ends(host, port, kind)
        if how is not None:
            yield name, how


def _how_it_ends(host: str, port: int, kind: socket.SocketKind) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.socket(family, kind)
    except OSError:
        return None  # there is not even such a socket
    with closing(made) as dialling:
        dialling.settimeout(WAIT_S)
        try:
            dialling.connect((host, port))
        except TimeoutError:
            return "is on its way somewhere"
        except OSError as error:
            # "Connection refused" is an answer: there is somebody to give it.
            return None if error.errno in NO_WAY else f"ends in an answer ({error.strerror})"
    return "gets there"


def _ask(host: str) -> Iterator[str]:
    try:
        answers = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # no answer leads nowhere
    for address in sorted({str(answer[4][0]) for answer in answers} - {DOOR}):
        yield f"{host} is {address}, by an answer that is not the sandbox's"
