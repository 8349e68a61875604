"""Answers learned from a tape: for traces that no stub was written for.

The recorded status mix and the recorded waits of each route, drawn by request id, so that two
runs of one seed get the same. Floor 1, pure; docs/stubs.md has the file's format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from stubs.latency import Empirical, LatencyModel, NoDelay, choose_weighted
from stubs.service import Answer, Asked, StubRoute, answer_json, answer_problem
from switchboard.routes import route_template
from switchboard.seeded import unit

OTHER: Final = "(other)"
"""The template of the entry, without a method, that stands for all further routes of a service."""
MAX_COUNT: Final = 2**53
"""A float holds every smaller count exactly."""

_STATUS_DRAW: Final = 3


@dataclass(frozen=True, slots=True)
class LearnedRoute:
    """What was recorded of a route. `weights` are cumulative counts of `statuses`."""

    service: str
    method: str
    template: str
    statuses: tuple[int, ...]
    weights: tuple[int, ...]
    latency: LatencyModel

    def answer(self, asked: Asked) -> Answer:
        """One of the recorded statuses, each as likely as it was."""
        draw = unit(asked.seed, asked.request_id, _STATUS_DRAW)
        return answer_of(self.statuses[choose_weighted(self.weights, draw)], asked)


class LearnedAnswers:
    """All learned routes, found by service, method and template, or without the service."""

    def __init__(self, routes: Iterable[LearnedRoute] = ()) -> None:
        self._exact: dict[tuple[str, str, str], StubRoute] = {}
        self._any: dict[tuple[str, str], StubRoute] = {}
        for route in routes:  # the busiest comes first, and stays
            stub = StubRoute(route.method, route.template, route.answer, route.latency)
            self._exact.setdefault((route.service, route.method, route.template), stub)
            self._any.setdefault((route.method, route.template), stub)

    def __iter__(self) -> Iterator[StubRoute]:
        return iter(self._any.values())

    @classmethod
    def parse(cls, value: object) -> LearnedAnswers:
        """From the object of an answers file. Raises ValueError that names the entry."""
        entries = value.get("routes") if isinstance(value, Mapping) else None
        if not isinstance(entries, list):
            raise ValueError("an answers file is an object with a list `routes`")
        return cls([_parse_route(number, entry) for number, entry in enumerate(entries)])

    def find(self, service: str, method: str, path: str) -> StubRoute | None:
        """The route that the request belongs to. `path` as it was sent, percent-encoded."""
        template = route_template(path)
        return self._exact.get((service, method, template)) or self._any.get((method, template))

    def find_other(self, service: str) -> StubRoute | None:
        """What stands for the routes past a tape's limit."""
        return self._exact.get((service, "", OTHER)) or self._any.get(("", OTHER))


def answer_of(status: int, asked: Asked) -> Answer:
    """A small sandbox answer with that status."""
    if status in (204, 205, 304):
        return Answer(status)
    if status >= 400:
        return answer_problem(status, "Recorded answer", f"{asked.method} fared so in the trace")
    answer = answer_json(status, env="sandbox", recorded=True)
    if 300 <= status < 400:
        # Relative, so that whoever follows it stays in the sandbox.
        return Answer(status, answer.body, headers=((b"location", b"/"),))
    return answer


def _parse_route(number: int, entry: Any) -> LearnedRoute:
    try:
        if not isinstance(entry, Mapping):
            raise ValueError("must be an object")
        service, method, template = (_text(entry, key) for key in ("service", "method", "template"))
        counts = _parse_statuses(entry.get("statuses"))
        latency = _parse_waits(entry.get("waits_ms"))
    except ValueError as error:
        raise ValueError(f"routes[{number}]: {error}") from error
    statuses = tuple(sorted(counts))
    weights = tuple(accumulate(counts[status] for status in statuses))
    return LearnedRoute(service, method, template, statuses, weights, latency)


def _text(entry: Mapping[str, Any], key: str) -> str:
    text = entry.get(key)
    if not isinstance(text, str):
        raise ValueError(f"`{key}` must be a text")
    return text


def _parse_statuses(value: object) -> Counter[int]:
    """How often each status is answered; what no server can send as a final answer counts as 200.

    A route without any count answers 200.
    """
    if not isinstance(value, Mapping):
        raise ValueError("`statuses` must be an object of counts by status")
    counts: Counter[int] = Counter()
    for code, count in value.items():
        if not (isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10):
            raise ValueError(f"`statuses` has the key {code!r:.40}, which is no status")
        if type(count) is not int or not 0 <= count < MAX_COUNT:
            raise ValueError(f"`statuses` must have a whole count for {code}, 0 or more")
        status = int(code)
        if count:
            counts[status if 200 <= status <= 599 else 200] += count
    return counts or Counter({200: 1})


def _parse_waits(value: object) -> LatencyModel:
    if value is None:
        return NoDelay()
    if not isinstance(value, list) or not all(type(wait) in (int, float) for wait in value):
        raise ValueError("`waits_ms` must be null or a list of milliseconds")
    try:
        return Empirical(tuple(map(float, value)))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`waits_ms`: {error}") from error
