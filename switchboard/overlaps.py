"""Routes that take the same requests: one that can never match is a fault, the rest are notes.

Floor 0. The first route of the file has a request, so a later one that an earlier one covers
wholly is a mistake, while one that shares some requests with it may well be meant.
Read next: `rules_reader.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from switchboard.decide import is_under
from switchboard.errors import Fault
from switchboard.fault_reader import FaultReader
from switchboard.hosts import matches
from switchboard.rules import Route

MOST_NOTES: Final = 50


def check_overlaps(reader: FaultReader, routes: Sequence[Route]) -> tuple[Fault, ...]:
    """A fault for each route that never matches; gives back notes on those that share requests."""
    notes: list[Fault] = []
    for later in range(len(routes)):
        for earlier in islice(routes, later):
            route = routes[later]
            if _covers_route(earlier, route):
                reader.fault(route.rule, f"never matches: {earlier.rule} takes all of its requests")
                break
            if _share(earlier, route) and len(notes) < MOST_NOTES:
                message = f"shares requests with {earlier.rule}, which has them: it comes first"
                notes.append(Fault(route.rule, route.line, message))
    return tuple(notes)


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


def _covers_route(wide: Route, narrow: Route) -> bool:
    return (
        bool(narrow.hosts)
        and all(any(covers(w, n) for w in wide.hosts) for n in narrow.hosts)
        and (not wide.ports or (bool(narrow.ports) and narrow.ports <= wide.ports))
        and (not wide.path or is_under(narrow.path, wide.path))
        and (not wide.methods or (bool(narrow.methods) and narrow.methods <= wide.methods))
    )


def _share(one: Route, two: Route) -> bool:
    return (
        any(_hosts_meet(a, b) for a in one.hosts for b in two.hosts)
        and (not one.ports or not two.ports or not one.ports.isdisjoint(two.ports))
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
