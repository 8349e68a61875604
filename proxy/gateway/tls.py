"""TLS on both sides: which name a client asked for, and whom a destination must prove to be.

Floor 1. A destination is believed by the one authority file that its route names and by nothing
else, so that TLS to anybody but the sandbox cannot be completed. No client certificate is ever
shown upstream. Read next: `dialler.py`, `client_wire.py`.
"""

from __future__ import annotations

import ssl
from weakref import WeakKeyDictionary

from switchboard.decide import Ask, Forward, Refuse, parse_authority, refuse
from switchboard.edit_request import host_of_destination
from switchboard.hosts import literal_address, parse_host

TlsObject = ssl.SSLObject | ssl.SSLSocket


class AskedNames:
    """The server names that clients asked for in their handshakes (SNI)."""

    def __init__(self) -> None:
        self._names: WeakKeyDictionary[object, str | None] = WeakKeyDictionary()

    def listen_on(self, context: ssl.SSLContext) -> None:
        """Remember the name of every handshake on this context."""
        context.sni_callback = self._remember

    def _remember(self, tls: TlsObject, name: str | None, context: ssl.SSLContext) -> None:
        self._names[tls] = name

    def of(self, tls: object) -> str | None:
        """The name that was asked for on this connection, or None."""
        return self._names.get(tls)


def why_mismatch(asked_name: str | None, host: str) -> Refuse | None:
    """A refusal when the name in TLS and the Host are not the same (domain fronting).

    host: as `parse_host` gives it.
    """
    if asked_name is None:
        if literal_address(host) is not None and host != "localhost":
            return None  # an address cannot be a server name
        return refuse("host-mismatch", "TLS named no server")
    try:
        is_same = parse_host(asked_name) == host
    except ValueError:
        is_same = False
    return None if is_same else refuse("host-mismatch")


def build_upstream_context(ca_file: str) -> ssl.SSLContext:
    """Trusts this file and nothing else. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def server_name_of(ask: Ask, forward: Forward) -> str:
    """What a destination's certificate must say."""
    to = forward.to
    if to.server_name is not None:
        return to.server_name
    if to.host_header is None:
        return to.address
    where = parse_authority(host_of_destination(ask, forward), to.scheme)
    return to.address if isinstance(where, Refuse) else where[0]
