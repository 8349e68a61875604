"""Rules and other frozen values as plain JSON data and back: how a worker is handed them.

Nothing that could run code crosses the pipe: a value is rebuilt from its own type annotations, so
that a new field of a rule needs no line here. Read next: `job.py`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_NETWORKS = (IPv4Network, IPv6Network)


def to_plain_data(value: Any) -> Any:
    """JSON data of a frozen dataclass made of texts, numbers, tuples, sets and networks."""
    if is_dataclass(value):
        # A field that does not count for equality is a memory of the process, not of the value.
        kept = (each.name for each in fields(value) if each.compare and each.init)
        return {name: to_plain_data(getattr(value, name)) for name in kept}
    if isinstance(value, tuple | list):
        return [to_plain_data(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(to_plain_data(item) for item in value)
    if isinstance(value, _NETWORKS):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a {type(value).__name__} has no plain form")


def from_plain_data(kind: type[T], data: Any) -> T:
    """The inverse of `to_plain_data` for values of this type. Raises TypeError or ValueError."""
    built: T = _build(kind, data)
    return built


def _build(kind: Any, data: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        if not (isinstance(data, Mapping) and data.keys() <= hints.keys()):
            raise TypeError(f"{data!r:.60} is no {kind.__name__}")
        return kind(**{name: _build(hints[name], item) for name, item in data.items()})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of(arguments, data)
    if origin in (Union, types.UnionType):
        return _build_union(arguments, data)
    if origin is tuple:
        return _build_tuple(arguments, data)
    if origin is frozenset:
        return frozenset(_build(arguments[0], item) for item in data)
    if kind in _NETWORKS:
        return ip_network(data)
    if kind in (str, int, bool) and isinstance(data, kind):
        return data
    if kind is float and isinstance(data, int | float):
        return float(data)
    raise TypeError(f"{data!r:.60} is no {kind}")


def _one_of(allowed: tuple[Any, ...], data: Any) -> Any:
    if data in allowed:
        return data
    raise ValueError(f"{data!r:.60} is none of {allowed}")


def _build_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    (first, *others) = (kind for kind in kinds if kind is not type(None))
    if others and not {first, *others} <= set(_NETWORKS):
        raise TypeError(f"one of {kinds} cannot be told from another")
    return _build(first, data)


def _build_tuple(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_build(kinds[0], item) for item in data)
    return tuple(_build(kind, item) for kind, item in zip(kinds, data, strict=True))


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
