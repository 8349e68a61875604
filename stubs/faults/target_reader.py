"""Reading whom a fault touches: `ach`, or a mapping with a route, a method, a tenant, a header.

Floor 1, pure. Read next: `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.faults.parameters import header_pairs, text
from stubs.faults.target import EVERYTHING, Target, check_route
from switchboard.fault_reader import FaultReader, join, kind_of


def parse_target(raw: Mapping[str, object], path: str, reader: FaultReader) -> Target:
    """The target of a fault's mapping. What is wrong goes to the reader; everything stands in."""
    at = join(path, "target")
    if "target" not in raw:
        reader.fault(path, 'target is missing: a service such as ach, or "*" for every one')
        return Target()
    value = raw["target"]
    if isinstance(value, str):
        return Target(_checked(_service, value, at, reader) or EVERYTHING)
    if not isinstance(value, Mapping) or not value:
        hint = "a service such as ach, or a mapping such as {service: ach, route: POST /payments}"
        reader.fault(at, f"must be {hint}, not {kind_of(value)}")
        return Target()
    reader.mapping(value, at, tuple(_READ))
    given = {
        field: _checked(read, value[word], join(at, word), reader)
        for word, (field, read) in _READ.items()
        if word in value
    }
    return Target(**{field: value for field, value in given.items() if value is not None})


def _checked(read: Callable[[object], Any], value: object, path: str, reader: FaultReader) -> Any:
    try:
        return read(value)
    except ValueError as error:
        reader.fault(path, str(error))
        return None


def _service(value: object) -> str:
    return Target(value.strip() if isinstance(value, str) else "").service


def _route(value: object) -> str:
    check_route(text(value))
    return text(value)


def _method(value: object) -> str | None:
    return Target(method=text(value)).method


_READ: Final[Mapping[str, tuple[str, Callable[[object], Any]]]] = {
    "service": ("service", _service),
    "route": ("route", _route),
    "method": ("method", _method),
    "tenant": ("tenant", text),
    "header": ("headers", header_pairs),
}
