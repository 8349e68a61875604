"""The guard: nothing is sent to an address that is neither loopback nor declared as a sandbox.

Floor 0, pure, and asked twice: `check_declared` before anything starts, and `check_address` for
every address a name resolved to, just before it is dialled. Deny is the default: a function here
returns only after a rule said yes, and what cannot be parsed is refused.
Read next: `environment.py` (what can be declared), `hosts.py` (what is never an address).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from switchboard.environment import COMMAND_LINE, Environment, Upstream
from switchboard.errors import GuardError
from switchboard.hosts import (
    Address,
    is_private,
    literal_address,
    matches,
    plain_address,
    why_never,
)

DEFAULT_DENY: Final = "default deny: only loopback needs no declaration"


def check_declared(env: Environment) -> None:
    """Raise GuardError for an upstream that is neither loopback nor declared in its environment."""
    for upstream in env.upstreams:
        address = literal_address(upstream.host)
        if address is not None:
            _check_ip(env, upstream, address, named=False)
        elif not _is_declared(env, upstream.host):
            raise GuardError(
                upstream.host, DEFAULT_DENY, _remedy(env, upstream, "hosts", upstream.host)
            )


def check_address(env: Environment, upstream: Upstream, ip: str) -> None:
    """Raise GuardError unless this address, found for the upstream's host, may be dialled.

    A declared host may resolve to loopback or to a private range; a public address needs its
    network declared. An undeclared host may only be loopback.
    """
    try:
        address = plain_address(ip_address(ip))
    except ValueError:
        raise GuardError(
            upstream.host, "it was resolved to something that is no address", "Check its DNS entry."
        ) from None
    literal = literal_address(upstream.host)
    if literal is not None and address != literal:
        raise GuardError(
            upstream.host,
            f"it is an address, yet {address} was to be dialled for it",
            "Nothing was sent; dial the address that is written.",
        )
    _check_ip(env, upstream, address, named=_is_declared(env, upstream.host))


def _check_ip(env: Environment, upstream: Upstream, address: Address, *, named: bool) -> None:
    """`named`: the host was declared by name, which vouches for private addresses."""
    host = upstream.host if str(address) == upstream.host else f"{upstream.host} ({address})"
    never = why_never(address)
    if never is not None:
        raise GuardError(host, never, "No declaration can allow it; name another address.")
    if address.is_loopback or any(address in network for network in env.allow_networks):
        return
    if named and is_private(address):
        return
    rule = DEFAULT_DENY
    if named:
        rule = "default deny: a declared host may be private, a public address needs its network"
    network = f"{address}/{address.max_prefixlen}"
    raise GuardError(host, rule, _remedy(env, upstream, "networks", network))


def _is_declared(env: Environment, host: str) -> bool:
    return any(matches(pattern, host) for pattern in env.allow_hosts)


def _remedy(env: Environment, upstream: Upstream, key: str, value: str) -> str:
    """What to write, and where, if it really is a sandbox."""
    allow = f'allow:\n    {key}: ["{value}"]'
    if env.source != COMMAND_LINE:
        return f"If it really is a sandbox, declare it in {env.source}:\n  {allow}"
    url = f"{upstream.scheme}://{upstream.authority}{upstream.prefix}"
    return (
        "If it really is a sandbox, declare it in environments/NAME.yml and use --target NAME:\n"
        f"  base_url: {url}\n  {allow}"
    )
