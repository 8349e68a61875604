"""Where the admin API is: who may call it, and which requests are ordinary ones all the same.

On the port on which services are stubbed, `/__esr` is the admin API only for somebody who plainly
means the gateway itself: addressed by number or as localhost, on this machine or with the token,
not sent by a run, not sent by a page in a browser, not passed on by a proxy. Whatever else is asked
under that path is an ordinary request to a stubbed service. Deny is the default.

Floor 1, pure. Read next: `app.py`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from switchboard.hosts import host_of, plain_address

PREFIX: Final = "/__esr"
ABSOLUTE_FORM: Final = "esr.absolute_form"
"""The transport sets this in an ASGI scope when the target was sent as a whole URL: whom such a
request is for says the URL, and neither its path nor its Host header."""

_RAW_PREFIX: Final = PREFIX.encode()
_PASSED_ON: Final = (b"forwarded", b"via", b"x-real-ip")

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Door:
    """What protects one listening address.

    token: what callers must present, whoever they are; None lets in this machine only.
    is_loopback: whether only this machine can reach the address. Any other needs a token.
    """

    token: str | None = field(default=None, repr=False)
    is_loopback: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not let in, for whoever listens on an address of the admin API's own."""

    status: int
    title: str
    detail: str


_NO_TOKEN: Final = Refusal(
    401, "Token needed", "send Authorization: Bearer with the ESR_TOKEN of this gateway"
)
_NO_KEY: Final = Refusal(
    403, "Not from here", "this address is open to others and no ESR_TOKEN was set: nobody gets in"
)
_NOT_HERE: Final = Refusal(403, "Not from here", "without an ESR_TOKEN only this machine may call")
_OTHER_HOST: Final = Refusal(421, "Another host", "call this API by an IP address or localhost")
_OF_A_RUN: Final = Refusal(
    403, "Not from a run", "a request with an x-esr- header is a replayed one"
)
_OF_A_PAGE: Final = Refusal(403, "Not from a page", "pages in a browser have no business here")
_PROXIED: Final = Refusal(
    403, "Not through a proxy", "call this API directly, or with an ESR_TOKEN"
)


def is_admin_call(
    raw_path: bytes,
    headers: Headers,
    peer: str | None,
    door: Door,
    *,
    is_absolute_form: bool = False,
) -> bool:
    """Whether a request on the port of the stubbed services is one to the admin API.

    raw_path: as it was sent, percent-encoded.   peer: the address of the other end of the
    connection.   is_absolute_form: the target was a whole URL (see `ABSOLUTE_FORM`).
    """
    if not raw_path.startswith(_RAW_PREFIX):
        return False  # nearly every request; the rest may take its time
    return is_admin_path(raw_path) and (
        not is_absolute_form and why_refused(headers, peer, door, by_name=False) is None
    )


def is_admin_path(raw_path: bytes) -> bool:
    """Whether a path, as it was sent, is under `/__esr`. No other spelling of it is."""
    return raw_path == _RAW_PREFIX or raw_path.startswith(_RAW_PREFIX + b"/")


def why_refused(
    headers: Headers, peer: str | None, door: Door, *, by_name: bool = True
) -> Refusal | None:
    """Why a call of the admin API is not let in, or None when it is.

    by_name: whether a caller with the right token may call this machine by a name, as it may where
    the admin API has an address of its own.
    """
    pairs = tuple(headers)
    hosts = [value for name, value in pairs if name == b"host"]
    refusal = _why_sent_wrong(pairs)
    if refusal is not None:
        return refusal
    if door.token is not None:
        if not _has_token(pairs, door.token):
            return _NO_TOKEN
    else:
        refusal = _why_not_here(pairs, peer, door)
        if refusal is not None:
            return refusal
        by_name = False
    if len(hosts) != 1 or not (by_name or is_address(hosts[0])):
        return _OTHER_HOST
    return None


def is_address(authority: bytes) -> bool:
    """Whether a Host header names a machine in a way that no name server decides."""
    try:
        text = authority.decode("ascii")
        host = host_of(text)
        return "@" not in text and (host == "localhost" or bool(ip_address(host)))
    except ValueError:
        return False


def _why_sent_wrong(pairs: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
    """What a caller of the gateway itself never sends: the tags of a run, the marks of a page."""
    for name, value in pairs:
        if name.startswith(b"x-esr-"):
            return _OF_A_RUN
        if name == b"origin" or (name == b"sec-fetch-site" and value.strip().lower() != b"none"):
            return _OF_A_PAGE
    return None


def _why_not_here(
    pairs: Iterable[tuple[bytes, bytes]], peer: str | None, door: Door
) -> Refusal | None:
    if not door.is_loopback:
        return _NO_KEY
    if not is_loopback(peer):
        return _NOT_HERE
    # Behind a proxy on this machine everybody seems to be on this machine.
    is_passed_on = any(name in _PASSED_ON or name.startswith(b"x-forwarded-") for name, _ in pairs)
    return _PROXIED if is_passed_on else None


def is_loopback(peer: str | None) -> bool:
    """Whether the other end of a connection is on this machine."""
    try:
        return peer is not None and plain_address(ip_address(peer)).is_loopback
    except ValueError:
        return False


def _has_token(pairs: Iterable[tuple[bytes, bytes]], token: str) -> bool:
    presented = [value for name, value in pairs if name == b"authorization"]
    expected = f"Bearer {token}".encode(errors="surrogateescape")
    return len(presented) == 1 and hmac.compare_digest(presented[0], expected)
