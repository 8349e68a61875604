"""Latencies that a scenario or a learned table puts in the place of a service's own.

Floor 1, pure. Read next: `latency/reader.py`, `latency/learned_file.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stubs.latency import AnyModel, parse_latency
from stubs.latency.learned_file import Key, choose_latency
from stubs.routing import family_of
from stubs.service import Service, StubRoute
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join

EVERY: Final = "*"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Models by the name of a service, and by service, method and template."""

    services: Mapping[str, AnyModel] = field(default_factory=dict)
    routes: Mapping[Key, AnyModel] = field(default_factory=dict)

    def choose(self, service: str, route: StubRoute) -> AnyModel | None:
        """A route's own goes before its service's, and that before everybody's (`*`)."""
        own = choose_latency(self.routes, service, route.method, route.template)
        if own is not None:
            return own
        return self.services.get(service, self.services.get(EVERY))


def parse_overrides(
    raw: Mapping[str, Any], *, source: str, line_of: LineOf, path: str = ""
) -> Overrides:
    """From latencies by service (`ach`, or `*` for every other) or route (`ach POST /payments`).

    Raises ScenarioError.

    A trace's `svc-profile` means the routes of `svc`, unless those have one of their own.
    """
    reader = FaultReader(line_of)
    services: dict[str, AnyModel] = {}
    routes: dict[Key, AnyModel] = {}
    for name, given in sorted(raw.items(), key=lambda item: "-" in item[0].partition(" ")[0]):
        at = join(path, name)
        service, *rest = name.split(" ")
        if not service or len(rest) not in (0, 2) or (rest and rest[1][:1] != "/"):
            reader.fault(at, "must be a service (ach) or a route (ach POST /payments)")
            continue
        model = parse_latency(given, at, reader)
        if rest:
            routes.setdefault((family_of(service), rest[0], rest[1]), model)
        else:
            services.setdefault(family_of(service), model)
    if reader.faults:
        raise ScenarioError(f"{source} has latencies that cannot be", reader.faults)
    return Overrides(services, routes)


def with_latencies(service: Service, overrides: Overrides) -> Service:
    """The service with these latencies; the very same one when there are none for it."""
    routes = [_with_latency(service.name, route, overrides) for route in service.routes]
    if all(new is old for new, old in zip(routes, service.routes, strict=True)):
        return service
    return replace(service, routes=routes)


def _with_latency(service: str, route: StubRoute, overrides: Overrides) -> StubRoute:
    model = overrides.choose(service, route)
    return route if model is None else replace(route, latency=model)
