"""Under which name a request is asked about: CONNECT, SNI and Host must all say the same.

Pure. Where two of them disagree, one passes the check and another reaches the server (domain
fronting), so a disagreement is refused. Read next: `gate.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from switchboard.base_url import authority_of
from switchboard.decide import Refuse, parse_authority, refuse
from switchboard.hosts import literal_address, parse_host


@dataclass(frozen=True, slots=True)
class Names:
    """Every name that a request carries."""

    scheme: str
    hosts: tuple[str, ...]
    """Host headers, the `:authority`, an absolute target's authority: as they came."""
    tunnel: tuple[str, int] | None = None
    """What CONNECT or SOCKS asked for."""
    original: tuple[str, int] | None = None
    """Where a redirected connection was going."""
    is_tls: bool = False
    sni: str | None = None


def agreed_authority(names: Names) -> str | Refuse:
    """The one authority that all names agree on, or a refusal."""
    if not names.hosts:
        return refuse("no-host")
    found = [parse_authority(text, names.scheme) for text in names.hosts]
    for each in found:
        if isinstance(each, Refuse):
            return each
    hosts = {each[0] for each in found if not isinstance(each, Refuse)}
    ports = {each[1] for each in found if not isinstance(each, Refuse)}
    if len(hosts) > 1 or len(ports) > 1:
        return refuse("host-mismatch", "the request names more than one host")
    host, port = hosts.pop(), ports.pop()
    bound = _bound_port(names, host)
    if isinstance(bound, Refuse):
        return bound
    if bound is not None and bound != port and any(map(has_port, names.hosts)):
        return refuse("host-mismatch", "the Host header names another port than the connection")
    fault = _refuse_sni(names, host)
    return fault or authority_of(names.scheme, host, bound or port)


def _bound_port(names: Names, host: str) -> int | Refuse | None:
    """The port that the connection itself was asked for, or None when only the Host names one."""
    if names.tunnel is None:
        return names.original[1] if names.original is not None else None
    asked = parse_authority(authority_of("https", *names.tunnel), "https")
    if isinstance(asked, Refuse):
        return asked
    if asked[0] != host:
        return refuse("host-mismatch", "the tunnel was asked for under another name")
    return asked[1]


def _refuse_sni(names: Names, host: str) -> Refuse | None:
    """Why the name in TLS does not fit, or None."""
    if not names.is_tls:
        return None
    if names.sni is None:
        is_named = names.tunnel is not None
        return None if is_named or _is_original(names, host) else refuse("host-mismatch", "no SNI")
    try:
        sni = parse_host(names.sni)
    except ValueError:
        return refuse("host-mismatch", "the SNI is no host name")
    return None if sni == host else refuse("host-mismatch", "the SNI is another name than the Host")


def _is_original(names: Names, host: str) -> bool:
    """True when a redirected client asks by address for the very address it dialled."""
    return names.original is not None and str(literal_address(host)) == names.original[0]


def has_port(authority: str) -> bool:
    """True when an authority names its port."""
    return ":" in authority.rpartition("]")[2]
