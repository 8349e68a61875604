"""Which route a request belongs to: a stub's, else a learned one; and which are near when none is.

Paths are matched as they were sent. Splitting comes before decoding, so that `%2F` inside an
identifier stays inside it, and a learned template is looked up in the form that was recorded.
Floor 1, pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from stubs.learned import LearnedAnswers
from stubs.service import Service, StubRoute

NEAREST: Final = 5

_NO_PARAMS: Final[Mapping[str, str]] = {}
_LONGEST_COMPARED: Final = 200

Found = tuple[StubRoute, Mapping[str, str]]
Pattern = tuple[str, ...]
"""A template's segments."""


class RouteTable:
    """Every route of the sandbox."""

    def __init__(self, services: Iterable[Service], learned: LearnedAnswers) -> None:
        self._learned = learned
        self._stubs: dict[tuple[str, str, int], list[tuple[StubRoute, Pattern]]] = {}
        self._names: dict[str, list[str]] = {}
        for service in services:
            self._names[service.name] = sorted(_name(r.method, r.template) for r in service.routes)
            for route in service.routes:
                key = (service.name, route.method, route.template.count("/"))
                pattern = tuple(route.template.split("/"))
                self._stubs.setdefault(key, []).append((route, pattern))
        # An entry that stands for all further routes has no method, and no name worth a hint.
        self._learned_names = sorted({_name(r.method, r.template) for r in learned if r.method})

    def find(self, service: str, method: str, path: str) -> Found | None:
        """The route and the values of its braces; HEAD is answered where GET would be."""
        found = self._find(service, method, path)
        if found is None and method == "HEAD":
            found = self._find(service, "GET", path)
        if found is None:
            other = self._learned.find_other(service)
            return None if other is None else (other, _NO_PARAMS)
        return found

    def nearest(self, service: str, method: str, path: str) -> list[str]:
        """Routes that begin most like this one, for people; of equals those of the same method."""
        wanted = _name(method, path[:_LONGEST_COMPARED])
        own = nearest_names(self._names.get(_family(service), ()), wanted)
        names = dict.fromkeys([*own, *nearest_names(self._learned_names, wanted)])

        def distance(name: str) -> tuple[int, bool]:
            return -_shared_length(name, wanted), not name.endswith(f" {method}")

        return [_for_people(name) for name in sorted(names, key=distance)][:NEAREST]

    def _find(self, service: str, method: str, path: str) -> Found | None:
        candidates = self._stubs.get((_family(service), method, path.count("/")))
        if candidates is not None:
            segments = path.split("/")
            if "%" in path:
                segments = [unquote(segment) for segment in segments]
            for route, pattern in candidates:
                params = match_pattern(pattern, segments)
                if params is not None:
                    return route, params
        learned = self._learned.find(service, method, path)
        return None if learned is None else (learned, _NO_PARAMS)


def match_pattern(pattern: Pattern, segments: Sequence[str]) -> Mapping[str, str] | None:
    """The values of the braces when the segments, as many as the pattern's, fit; else None."""
    params: dict[str, str] = {}
    for wanted, given in zip(pattern, segments, strict=True):
        if wanted[:1] == "{" and given:
            params[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return params


def nearest_names(names: Sequence[str], wanted: str, count: int = NEAREST) -> list[str]:
    """Up to `count` of the sorted names that begin most like `wanted`, the likest first.

    Names that share the longest beginning are neighbours in a sorted list. So a scanner that asks
    for thousands of absent paths costs a look-up each, however many routes there are.
    """
    at = bisect_left(names, wanted)
    around = names[max(0, at - count) : at + count]
    return sorted(around, key=lambda name: -_shared_length(name, wanted))[:count]


def _shared_length(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _family(service: str) -> str:
    return service.partition("-")[0]


def _name(method: str, path: str) -> str:
    """Path first, so that sorting brings like paths together."""
    return f"{path} {method}"


def _for_people(name: str) -> str:
    path, _, method = name.rpartition(" ")
    return f"{method} {path}"
