"""Where a recorded request went: hosts and routes, numbered as they first appear.

Both are bounded, since a hostile log can name any number of either: past the limits a host's
requests are skipped and a route's share an "(other)".
Read next: `switchboard/routes.py` (how a path gets its name), `replay/tape.py` (where it lands).
"""

from __future__ import annotations

import re
from typing import Final

from replay.building.heads import MAX_TARGET
from replay.tape import Route, make_route
from switchboard.credentials import safe_target
from switchboard.event import EventError
from switchboard.routes import route_template, service_label, service_of

MAX_ROUTES: Final = 2_000
MAX_OTHER_ROUTES: Final = 500
MAX_HOSTS: Final = 4_096
MAX_PART_ROUTES: Final = 60_000
"""What a part of a trace may hold: a number of 16 bits each."""
OTHER: Final = "(other)"
DEFAULT: Final = "default"

RouteKey = tuple[str, str, str]
"""Service, method and template."""

_HELD: Final = 16_384
_HELD_LENGTH: Final = 200
_IDS: Final = re.compile(r"/(?:[0-9]+|(?!xox)[A-Za-z]{1,8}-(?:[A-Za-z]{1,8}-)?[0-9]{4,12})(?![^/])")
"""Segments that are ids beyond doubt: `48219730`, `C-48219730`, `APP-C-48219730`. Whatever fits
here is not looked at for credentials again, so it must not fit any (`xoxb-…` is one)."""


class Places:
    """Hosts and routes of one trace."""

    def __init__(self, max_routes: int = MAX_ROUTES) -> None:
        """max_routes: a part of a trace may hold more than a tape; who puts parts together counts
        again."""
        self.is_full = False
        """A host or a route did not get a place of its own."""
        self._max_routes = max_routes
        self._hosts: dict[str, int] = {}
        self._routes: dict[tuple[str, str, str], int] = {}
        self._host_cache: dict[str, tuple[int, str]] = {}
        self._path_cache: dict[tuple[str, str, str], int] = {}
        self._queries: set[str] = set()
        self._labels: dict[str, str] = {}

    def locate(
        self, authority: str, service: str | None, method: str, target: str
    ) -> tuple[int, int, str]:
        """Host number, route number, and the target without credentials.

        target: visible ASCII, without a fragment. Raises EventError when it has no place.
        """
        host, label = self._host_cache.get(authority) or self._new_host(authority)
        if service is not None:
            label = self._labels.get(service) or self._new_label(service)
        if len(target) > MAX_TARGET:
            raise EventError("url too long")
        path, mark, query = target.partition("?")
        # Paths that differ only in ids share an entry. Most have none, or one at their end: such a
        # key is found only where it is what the pattern would have made of the path.
        head, _, last = path.rpartition("/")
        key = (label, method, f"{head}/{{id}}" if last.isdigit() else path)
        route = self._path_cache.get(key)
        if route is None:
            key = (label, method, _IDS.sub("/{id}", path))
            route = self._path_cache.get(key)
        if route is not None and (not mark or query in self._queries):  # known to be harmless
            return host, route, target
        safe = safe_target(target)
        if safe == target and len(query) <= _HELD_LENGTH:
            if len(self._queries) >= _HELD:
                self._queries.clear()
            self._queries.add(query)
        if len(safe) > MAX_TARGET:  # what replaces a secret may be longer than it was
            raise EventError("url too long")
        return host, self._new_path(key, path) if route is None else route, safe

    def hosts(self) -> tuple[str, ...]:
        return tuple(self._hosts)

    def routes(self) -> tuple[Route, ...]:
        return tuple(named(*key) for key in self._routes)

    def route_keys(self) -> tuple[RouteKey, ...]:
        """Service, method and template of each route."""
        return tuple(self._routes)

    def add_host(self, authority: str) -> int:
        """The number of a host, which is a new one if need be. Raises EventError."""
        return (self._host_cache.get(authority) or self._new_host(authority))[0]

    def add_route(self, key: RouteKey) -> int:
        """The number of a route, which is a new one if need be."""
        return self._number(*key)

    def _new_host(self, authority: str) -> tuple[int, str]:
        if len(self._hosts) >= MAX_HOSTS:
            self.is_full = True
            raise EventError("too many hosts")
        found = self._host_cache[authority] = (len(self._hosts), service_of(authority))
        self._hosts[authority] = found[0]
        return found

    def _new_label(self, service: str) -> str:
        if len(self._labels) >= _HELD:
            self._labels.clear()
        label = self._labels[service] = service_label(service)
        return label

    def _new_path(self, key: tuple[str, str, str], path: str) -> int:
        service, method, digits = key
        route = self._number(service, method, route_template(path))
        # Only a path without credentials is remembered: a hit needs no second look.
        if len(digits) <= _HELD_LENGTH and safe_target(path) == path:
            if len(self._path_cache) >= _HELD:
                self._path_cache.clear()
            self._path_cache[key] = route
        return route

    def _number(self, service: str, method: str, template: str) -> int:
        """Past the limit requests share a route, of their own service where that is possible."""
        key = (service, method, template)
        known = self._routes.get(key)
        if known is not None:
            return known
        if len(self._routes) >= self._max_routes:
            self.is_full = True
            key = (service, "", OTHER)
        if len(self._routes) >= self._max_routes + MAX_OTHER_ROUTES and key not in self._routes:
            key = (DEFAULT, "", OTHER)
        return self._routes.setdefault(key, len(self._routes))


def service_tag(authority: str, route: Route) -> str:
    """The service that a request was recorded for; of its host where its route says none."""
    service = service_of(authority) if route.service == DEFAULT else route.service
    return service_label(service)


def named(service: str, method: str, template: str) -> Route:
    if method:
        return make_route(service, method, template)
    return Route(OTHER if service == DEFAULT else f"{service} {OTHER}", service, "", OTHER)
