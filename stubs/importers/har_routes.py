"""Recorded requests put together to routes: one for a templated path, and what is special in it.

Floor 1, pure. `/items/42` and `/items/43` are one route, which answers for every further item; each
of the two also has a route of its own, so that it is answered as it was. One that was answered in
several ways goes through them in order, each session by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from stubs.importers.definition import Draft
from stubs.importers.paths import exact_path, sort_key, template_path
from stubs.importers.report import Item, NotTakenError
from stubs.importers.waits import percentile_latency
from switchboard.credentials import REPLACED
from switchboard.routes import route_template

MAX_SEQUENCE: Final = 50
MAX_VARIANTS: Final = 100
"""Paths and queries of one route that are answered by themselves."""
MAX_FIELDS: Final = 30

Route = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request and how it was answered. target: path and query, without secrets."""

    method: str
    target: str
    answer: Route
    wait_ms: float | None
    item: Item


@dataclass(slots=True)
class _Group:
    draft: Draft
    template: str
    all: list[Recorded] = field(default_factory=list)


class RecordedRoutes:
    """Everything that was recorded, by service, method and templated path."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], _Group] = {}

    def add(self, draft: Draft, recorded: Recorded) -> None:
        template = route_template(recorded.target)
        key = (draft.name, recorded.method, template)
        self._groups.setdefault(key, _Group(draft, template)).all.append(recorded)

    def write(self) -> None:
        """Add the routes to their services, the vaguest first."""
        for group in sorted(self._groups.values(), key=_vagueness):
            try:
                _write_general(group)
            except NotTakenError as error:
                for recorded in group.all:
                    recorded.item.refuse(str(error))
                continue
            _write_variants(group)


def _vagueness(group: _Group) -> tuple[int, int]:
    try:
        return sort_key(template_path(group.template))
    except NotTakenError:
        return (0, 0)  # whoever writes it says so


def _write_general(group: _Group) -> None:
    """The route that answers for every path of the template, as the first one was answered."""
    first = [each for each in group.all if each.target == group.all[0].target]
    waits = [each.wait_ms for each in group.all if each.wait_ms is not None]
    route = {"method": first[0].method, **template_path(group.template)}
    group.draft.add({**route, "latency": percentile_latency(waits), **_said(first)})


def _write_variants(group: _Group) -> None:
    """A route for each path and query that was answered unlike the first."""
    by_target: dict[str, list[Recorded]] = {}
    for each in group.all:
        by_target.setdefault(each.target, []).append(each)
    if len({repr(_said(found)) for found in by_target.values()}) < 2:
        for each in group.all:
            if "?" in each.target:
                each.item.approximate("answered so for every query")
        return
    for number, found in enumerate(by_target.values()):
        for each in found:
            try:
                if number >= MAX_VARIANTS:
                    raise NotTakenError(f"{MAX_VARIANTS} of its kind are kept already")
                if each is found[0]:
                    group.draft.add(_variant(group, found))
            except NotTakenError as error:
                each.item.approximate(f"answered like others of its route: {error}")


def _variant(group: _Group, found: Sequence[Recorded]) -> Route:
    path, _, query = found[0].target.partition("?")
    waits = [each.wait_ms for each in found if each.wait_ms is not None]
    route: Route = {"method": found[0].method, **exact_path(path)}
    wanted = _query(query)
    if wanted:
        route["when"] = {"query": wanted}
    return {**route, "latency": percentile_latency(waits), **_said(found)}


def _query(query: str) -> dict[str, str]:
    """The fields that were asked for; a secret could not be asked for again."""
    fields = dict(parse_qsl(query, keep_blank_values=True)[:MAX_FIELDS])
    return {name: value for name, value in fields.items() if value != REPLACED and len(name) < 100}


def _said(found: Sequence[Recorded]) -> Route:
    """The answer, or the answers in turn."""
    answers: list[Route] = []
    for each in found:
        if answers and {**answers[-1], "times": 1} == {**each.answer, "times": 1}:
            answers[-1]["times"] = answers[-1].get("times", 1) + 1
        elif len(answers) < MAX_SEQUENCE:
            answers.append(dict(each.answer))
        else:
            each.item.approximate(f"of answers in turn only {MAX_SEQUENCE} are kept")
    if len(answers) == 1:
        return {"answer": {key: value for key, value in answers[0].items() if key != "times"}}
    for each in found:
        each.item.approximate("one of several answers, which each session gets in recorded order")
    return {"key": "session", "answers": answers}
