"""The routes of one service, arranged so that a look-up costs the same for one and for thousands.

Paths without braces are in a dict with all that takes them, best first. The others are in a tree
of segments, one for each method. Regular expressions cannot be arranged; they are tried in turn.
Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from stubs.latency import NoDelay, needs_moment, wait_of
from stubs.service import StubRoute

ANY: Final = "ANY"
NO_PARAMS: Final[Mapping[str, str]] = {}


class RouteEntry:
    """A route as the gateway keeps it: with what is worth working out once.

    order: entries are tried in ascending order.   is_instant: its latency is none.
    latency_s: its wait for a draw and a moment, which matters only if `needs_moment`.
    wire: what a transport makes of a fixed answer, kept here by the transport itself.
    """

    __slots__ = (
        "braces",
        "is_instant",
        "latency_s",
        "name",
        "needs_moment",
        "order",
        "route",
        "wire",
    )

    def __init__(self, route: StubRoute, place: int) -> None:
        self.route = route
        self.name = route.name
        self.order = (route.priority, -place)
        self.braces = tuple(part[1:-1] for part in route.template.split("/") if part[:1] == "{")
        self.is_instant = isinstance(route.latency, NoDelay)
        self.latency_s = wait_of(route.latency)
        self.needs_moment = needs_moment(route.latency)
        self.wire: bytes | None = None


Found = tuple[RouteEntry, Mapping[str, str]]


class _Node:
    """Where one beginning of a path leads."""

    __slots__ = ("below", "brace", "here")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.brace: _Node | None = None
        self.here: list[RouteEntry] = []


class _Table:
    """The routes that take one method, those for any method among them."""

    def __init__(self, entries: Sequence[RouteEntry]) -> None:
        self._root = _Node()
        self._patterns = [entry for entry in entries if entry.route.path_pattern is not None]
        self._exact: dict[str, tuple[Found, ...]] = {}
        plain = [entry for entry in entries if entry.route.path_pattern is None]
        for entry in plain:
            self._grow(entry)
        for path in {entry.route.template for entry in plain if not entry.braces}:
            if "%" not in path:
                self._exact[path] = self._search(path)

    def find(self, path: str) -> Sequence[Found]:
        found = self._exact.get(path)
        return self._search(path) if found is None else found

    def _grow(self, entry: RouteEntry) -> None:
        node = self._root
        for part in entry.route.template.split("/"):
            if part[:1] == "{":
                node.brace = node = node.brace or _Node()
            else:
                node = node.below.setdefault(part, _Node())
        node.here.append(entry)

    def _search(self, path: str) -> tuple[Found, ...]:
        segments = path.split("/")
        if "%" in path:
            segments = [unquote(segment) for segment in segments]
        found = [
            (entry, dict(zip(entry.braces, values, strict=True)) if values else NO_PARAMS)
            for node, values in _leaves(self._root, segments)
            for entry in node.here
        ]
        for entry in self._patterns:
            takes = entry.route.path_pattern
            if takes is not None and takes(path):
                found.append((entry, NO_PARAMS))
        if len(found) > 1:
            found.sort(key=_order)
        return tuple(found)


class RouteTree:
    """All routes of a service, by method."""

    def __init__(self, routes: Sequence[StubRoute]) -> None:
        entries = [RouteEntry(route, place) for place, route in enumerate(routes)]
        self.entries: Sequence[RouteEntry] = entries
        methods = {route.method for route in routes}
        self._tables = {
            method: _Table([e for e in entries if e.route.method in (method, ANY)])
            for method in methods - {ANY}
        }
        self._others = _Table([e for e in entries if e.route.method == ANY])

    def find(self, method: str, path: str) -> Sequence[Found]:
        """The routes that take this method and path, the best first."""
        return self._tables.get(method, self._others).find(path)


def _order(found: Found) -> tuple[int, int]:
    return found[0].order


def _leaves(root: _Node, segments: Sequence[str]) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    """Every node that the segments lead to, and what its braces took on the way.

    A word and a brace may both take a segment. No node is reached twice, so a look-up never costs
    more than there are routes.
    """
    reached: list[tuple[_Node, tuple[str, ...]]] = [(root, ())]
    for segment in segments:
        after = []
        for node, values in reached:
            below = node.below.get(segment)
            if below is not None:
                after.append((below, values))
            if node.brace is not None and segment:
                after.append((node.brace, (*values, segment)))
        if not after:
            return iter(())
        reached = after
    return iter(reached)
