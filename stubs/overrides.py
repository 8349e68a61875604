"""Latencies that a scenario or a learned table puts in the place of a service's own.

Floor 1, pure. Read next: `latency/reader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stubs.latency import AnyModel, parse_latency
from stubs.service import Service, StubRoute
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf


def parse_latencies(
    raw: Mapping[str, Any], *, source: str, line_of: LineOf, path: str = ""
) -> dict[str, AnyModel]:
    """Models by service (`ach`) or route (`ach POST /payments`). Raises ScenarioError."""
    reader = FaultReader(line_of)
    models: dict[str, AnyModel] = {}
    for name, given in raw.items():
        at = f"{path}.{name}" if path else name
        if not is_place(name):
            reader.fault(at, "must be a service (ach) or a route (ach POST /payments)")
            continue
        models[name] = parse_latency(given, at, reader)
    if reader.faults:
        raise ScenarioError(f"{source} has latencies that cannot be", reader.faults)
    return models


def is_place(name: str) -> bool:
    """Whether a name is that of a service or of a route."""
    parts = name.split(" ")
    return bool(parts[0]) and (len(parts) == 1 or (len(parts) == 3 and parts[2][:1] == "/"))


def with_latencies(services: Sequence[Service], models: Mapping[str, AnyModel]) -> list[Service]:
    """The services with these latencies; a route's own goes before its service's."""
    if not models:
        return list(services)
    return [
        replace(service, routes=[_with_latency(service.name, r, models) for r in service.routes])
        for service in services
    ]


def _with_latency(service: str, route: StubRoute, models: Mapping[str, AnyModel]) -> StubRoute:
    model = models.get(f"{service} {route.name}", models.get(service))
    return route if model is None else replace(route, latency=model)  # type: ignore[arg-type]
