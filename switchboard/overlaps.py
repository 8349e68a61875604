"""Routes that take the same requests: one that can never match is a fault, the rest are notes.

Floor 0. The first route of the file has a request, so a later one that an earlier one covers
wholly is a mistake, while one that shares some requests with it may well be meant.
Read next: `rules_reader.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from switchboard.decide import is_under
from switchboard.errors import Fault
from switchboard.fault_reader import FaultReader
from switchboard.hosts import matches
from switchboard.rules import Route

MOST_NOTES: Final = 50
BELOW: Final = "environment."
"""How the rules of the environment's own routes begin; they come last."""


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The hosts of a route, whole ones apart: most are, and they are compared at once."""

    whole: frozenset[str]
    open: tuple[str, ...]

    def meet(self, other: _Hosts) -> bool:
        """True when some host is taken by both."""
        return (
            not self.whole.isdisjoint(other.whole)
            or any(matches(pattern, host) for pattern in self.open for host in other.whole)
            or any(matches(pattern, host) for pattern in other.open for host in self.whole)
            or any(_hosts_meet(a, b) for a in self.open for b in other.open)
        )

    def cover(self, other: _Hosts) -> bool:
        """True when every host of the other is taken."""
        return all(
            any(covers(wide, narrow) for wide in self.open)
            for narrow in (*(other.whole - self.whole), *other.open)
        )


def check_overlaps(reader: FaultReader, routes: Sequence[Route]) -> tuple[Fault, ...]:
    """A fault for each route that never matches; gives back notes on those that share requests."""
    notes: list[Fault] = []
    hosts = [_hosts_of(route) for route in routes]
    for later, route in enumerate(routes):
        if route.rule.startswith(BELOW):
            break  # what the file's own routes leave over is what a layer below is for
        for earlier in range(later):
            if not hosts[earlier].meet(hosts[later]):
                continue
            first = routes[earlier]
            if hosts[earlier].cover(hosts[later]) and _covers_rest(first, route):
                reader.fault(route.rule, f"never matches: {first.rule} takes all of its requests")
                break
            if _share_rest(first, route) and len(notes) < MOST_NOTES:
                message = f"shares requests with {first.rule}, which has them: it comes first"
                notes.append(Fault(route.rule, route.line, message))
    return tuple(notes)


def _hosts_of(route: Route) -> _Hosts:
    whole = frozenset(host for host in route.hosts if "*" not in host)
    return _Hosts(whole, tuple(host for host in route.hosts if "*" in host))


def covers(wide: str, narrow: str) -> bool:
    """True when every host that the narrow pattern takes is taken by the wide one too."""
    if wide in ("*", narrow):
        return True
    if "*" not in narrow:
        return matches(wide, narrow)
    if wide.startswith("*.") and narrow.startswith("*."):
        return narrow.endswith(wide[1:])
    if wide.endswith(".*") and narrow.endswith(".*"):
        return narrow.startswith(wide[:-1])
    return False


def _covers_rest(wide: Route, narrow: Route) -> bool:
    """True when ports, path and methods leave nothing over."""
    return (
        (not wide.ports or (bool(narrow.ports) and narrow.ports <= wide.ports))
        and (not wide.path or is_under(narrow.path, wide.path))
        and (not wide.methods or (bool(narrow.methods) and narrow.methods <= wide.methods))
    )


def _share_rest(one: Route, two: Route) -> bool:
    return (
        (not one.ports or not two.ports or not one.ports.isdisjoint(two.ports))
        and (
            not one.path
            or not two.path
            or is_under(one.path, two.path)
            or is_under(two.path, one.path)
        )
        and (not one.methods or not two.methods or not one.methods.isdisjoint(two.methods))
    )


def _hosts_meet(a: str, b: str) -> bool:
    """True when some host is taken by both patterns."""
    if covers(a, b) or covers(b, a):
        return True
    # `svc.*` and `*.hms.example` meet in svc.hms.example.
    return _is_open_both_ways(a, b) or _is_open_both_ways(b, a)


def _is_open_both_ways(a: str, b: str) -> bool:
    return a.endswith(".*") and b.startswith("*.")
