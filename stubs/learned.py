"""Answers learned from a tape: for traces that no stub was written for.

The recorded status mix and the recorded waits of each route, drawn by request id, so that two
runs of one seed get the same. Floor 1, pure; docs/stubs.md has the file's format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import accumulate
from typing import Any, Final

from stubs.latency import Empirical, LatencyModel, NoDelay, choose_weighted
from stubs.service import Answer, Asked, answer_json, answer_problem
from switchboard.routes import route_template
from switchboard.seeded import unit

_STATUS_DRAW: Final = 3
_NEAREST: Final = 3


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

    def __init__(self, routes: tuple[LearnedRoute, ...] = ()) -> None:
        self.routes = routes
        self._exact = {(r.service, r.method, r.template): r for r in reversed(routes)}
        self._any = {(r.method, r.template): r for r in reversed(routes)}

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> LearnedAnswers:
        """From the object of an answers file. Raises ValueError that names the entry."""
        entries = mapping.get("routes")
        if not isinstance(entries, list):
            raise ValueError("an answers file is an object with a list `routes`")
        return cls(tuple(_parse_route(number, entry) for number, entry in enumerate(entries)))

    def find(self, service: str, method: str, path: str) -> LearnedRoute | None:
        """The route that the request belongs to."""
        template = route_template(path)
        return self._exact.get((service, method, template)) or self._any.get((method, template))

    def nearest(self, method: str, path: str) -> list[str]:
        """The routes that look most like this, for people."""
        names = list(dict.fromkeys(f"{r.method} {r.template}" for r in self.routes))
        return get_close_matches(f"{method} {route_template(path)}", names, _NEAREST, 0.0)


def _parse_route(number: int, entry: Any) -> LearnedRoute:
    try:
        counts = {_parse_status(code): int(count) for code, count in entry["statuses"].items()}
        waits_ms = entry["waits_ms"]
        latency = NoDelay() if waits_ms is None else Empirical(tuple(map(float, waits_ms)))
        statuses = tuple(sorted(code for code, count in counts.items() if count > 0)) or (200,)
        weights = tuple(accumulate(max(1, counts.get(code, 1)) for code in statuses))
        texts = (str(entry["service"]), str(entry["method"]), str(entry["template"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"routes[{number}] of the answers file: {error}") from error
    return LearnedRoute(*texts, statuses, weights, latency)


def _parse_status(code: str) -> int:
    """The recorded status; what no server can send as a final answer becomes 200."""
    status = int(code)
    return status if 200 <= status <= 599 else 200


def answer_of(status: int, asked: Asked) -> Answer:
    """A small sandbox answer with that status."""
    if status in (204, 304):
        return Answer(status)
    if status >= 400:
        return answer_problem(status, "Recorded answer", f"{asked.method} fared so in the trace")
    answer = answer_json(status, env="sandbox", recorded=True)
    if 300 <= status < 400:
        # Relative, so that whoever follows it stays in the sandbox.
        return Answer(status, answer.body, headers=((b"location", b"/"),))
    return answer
