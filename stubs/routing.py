"""Which route a request belongs to: a stub's, else a learned one; and which are near when none is.

Paths are matched as they were sent. Splitting comes before decoding, so that `%2F` inside an
identifier stays inside it, and a learned template is looked up in the form that was recorded.
Floor 1, pure. Read next: `route_tree.py`, which is why a thousand routes cost what one does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from stubs.learned import LearnedAnswers
from stubs.route_tree import NO_PARAMS, Found, RouteEntry, RouteTree
from stubs.service import Service, StubRoute

NEAREST: Final = 5
_LONGEST_COMPARED: Final = 200


class RouteTable:
    """Every route of the sandbox."""

    def __init__(self, services: Iterable[Service], learned: LearnedAnswers) -> None:
        self._learned = learned
        self._learned_entries: dict[int, RouteEntry] = {}
        self._trees: dict[str, RouteTree] = {}
        self._names: dict[str, list[str]] = {}
        for service in services:
            self._trees[service.name] = RouteTree(service.routes)
            self._names[service.name] = sorted(_name(r.method, r.template) for r in service.routes)
        # An entry that stands for all further routes has no method, and no name worth a hint.
        self._learned_names = sorted({_name(r.method, r.template) for r in learned if r.method})
        self._has_learned = any(True for _ in learned)

    def find(self, service: str, method: str, path: str) -> Sequence[Found]:
        """Routes that take this method and path, the best first; each has the braces' values.

        Which of them it is depends on what else they ask for (`StubRoute.accepts`). HEAD is
        answered where GET would be.
        """
        tree = self._trees.get(family_of(service))
        found = () if tree is None else tree.find(method, path)
        if not found and method == "HEAD" and tree is not None:
            found = tree.find("GET", path)
        return found

    def find_learned(self, service: str, method: str, path: str) -> Found | None:
        """What was learned of it from a trace."""
        if not self._has_learned:
            return None
        route = self._learned.find(service, method, path)
        if route is None and method == "HEAD":
            route = self._learned.find(service, "GET", path)
        if route is None:
            route = self._learned.find_other(service)
        return None if route is None else (self._entry_of(route), NO_PARAMS)

    def owner(self, method: str, path: str) -> str | None:
        """The first service that has a route for it: for callers who name no service at all."""
        return next((name for name in self._trees if self.find(name, method, path)), None)

    def nearest(self, service: str, method: str, path: str) -> list[str]:
        """Routes that begin most like this one, for people; of equals those of the same method."""
        wanted = _name(method, path[:_LONGEST_COMPARED])
        own = nearest_names(self._names.get(family_of(service), ()), wanted)
        names = dict.fromkeys([*own, *nearest_names(self._learned_names, wanted)])

        def distance(name: str) -> tuple[int, bool]:
            return -_shared_length(name, wanted), not name.endswith(f" {method}")

        return [_for_people(name) for name in sorted(names, key=distance)][:NEAREST]

    def _entry_of(self, route: StubRoute) -> RouteEntry:
        """One entry for each learned route, which lives as long as the table."""
        entry = self._learned_entries.get(id(route))
        if entry is None:
            entry = self._learned_entries[id(route)] = RouteEntry(route, 0)
        return entry


def nearest_names(names: Sequence[str], wanted: str, count: int = NEAREST) -> list[str]:
    """Up to `count` of the sorted names that begin most like `wanted`, the likest first.

    Names that share the longest beginning are neighbours in a sorted list. So a scanner that asks
    for thousands of absent paths costs a look-up each, however many routes there are.
    """
    at = bisect_left(names, wanted)
    around = names[max(0, at - count) : at + count]
    return sorted(around, key=lambda name: -_shared_length(name, wanted))[:count]


def family_of(service: str) -> str:
    """The stub that answers for it: `svc` for `svc-profile`."""
    return service.partition("-")[0]


def _shared_length(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _name(method: str, path: str) -> str:
    """Path first, so that sorting brings like paths together."""
    return f"{path} {method}"


def _for_people(name: str) -> str:
    path, _, method = name.rpartition(" ")
    return f"{method} {path}"
