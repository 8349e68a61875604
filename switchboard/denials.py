"""Deny wins: what the rules must not say, since a denied network or host says otherwise.

Floor 0. An allow or a destination that touches what is denied, and a route whose hosts are all
denied, is a fault and not a warning. Read next: `rules_reader.py`, which asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from switchboard.fault_reader import FaultReader
from switchboard.hosts import Network, is_private, literal_address, matches, why_never
from switchboard.overlaps import covers
from switchboard.rules import Destination, Rules


def check_denials(
    reader: FaultReader, rules: Rules, allowed: Iterable[tuple[str, Network]]
) -> None:
    """Report all that deny forbids.   allowed: each allowed network with where it was written."""
    _check_allowed(reader, rules, allowed)
    _check_ends(reader, rules)
    _check_denied_routes(reader, rules)


def _check_allowed(
    reader: FaultReader, rules: Rules, allowed: Iterable[tuple[str, Network]]
) -> None:
    """No allow touches what is denied, wherever it was written."""
    for path, network in allowed:
        why = _why_denied(rules, network)
        if why is not None:
            reader.fault(path, f"{network} touches {why}, and deny wins")


def _why_denied(rules: Rules, network: Network) -> str | None:
    """Which rule denies some address of the network, or None."""
    for at, no in enumerate(rules.deny_networks):
        if no.version == network.version and no.overlaps(network):
            return f"deny.networks[{at}] ({no})"
    for at, pattern in enumerate(rules.deny_hosts):
        address = literal_address(pattern) if "*" not in pattern else None
        if address in network if address is not None else matches(pattern, str(network[0])):
            return f"deny.hosts[{at}] ({pattern})"
    return None


def _check_ends(reader: FaultReader, rules: Rules) -> None:
    """Every address that could be dialled is loopback or allowed, and never denied."""
    for route in rules.routes:
        for key, end in (("to", route.to), ("live", route.live)):
            if end is not None:
                why = _why_not_dialled(rules, end)
                if why is not None:
                    reader.fault(f"{route.rule}.{key}", f"{end.address}: {why}")


def _why_not_dialled(rules: Rules, end: Destination) -> str | None:
    address = ip_address(end.address)
    denied = _why_denied(rules, ip_network(address))
    if denied is not None:
        return f"it is denied by {denied}, and deny wins"
    never = why_never(address)
    if never is not None or address.is_loopback:
        return never
    if any(address in network for network in rules.allow_networks):
        return None
    hint = "a private address" if is_private(address) else "a public address"
    return (
        f"{hint} needs to be declared: "
        f'allow: {{networks: ["{address}/{address.max_prefixlen}"]}}, if it really is a sandbox'
    )


def _check_denied_routes(reader: FaultReader, rules: Rules) -> None:
    for route in rules.routes:
        for pattern in route.hosts:
            for index, denied in enumerate(rules.deny_hosts):
                if covers(denied, pattern):
                    message = (
                        f"never matches: deny.hosts[{index}] ({denied}) refuses every such host"
                    )
                    reader.fault(f"{route.rule}.host", message)
