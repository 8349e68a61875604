"""What was learned from a tape, as service definitions: statuses as often as they were, and waits.

Floor 1, pure. A tape holds no answers, only how each request fared: the bodies say nothing but
that they come from the sandbox. Read next: `stubs/learned.py`, which answers so without a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.definition import Draft, Drafts, Imported
from stubs.importers.fields import mapping_in, mapping_of, text_in
from stubs.importers.paths import sort_key, template_path
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from stubs.importers.waits import Latency, quantile_latency

MAX_STATUSES: Final = 12
_OTHER: Final = ("", "(other)")


def import_learned(value: object, name: str, report: LossReport) -> Imported:
    """From the object of an answers file. Raises UnusableFileError."""
    routes = value.get("routes") if isinstance(value, Mapping) else None
    if not isinstance(routes, list):
        raise UnusableFileError("this holds no learned routes")
    drafts = Drafts(name)
    found: list[tuple[tuple[int, int], Draft, dict[str, Any], Item]] = []
    taken: set[tuple[str, str, str]] = set()
    for where, entry in report.each("routes", routes):
        with report.taking(where) as item:
            draft, route = _build(entry, drafts, item)
            key = (draft.name, route["method"], str(route.get("path", route.get("path_regex"))))
            if key in taken:
                raise NotTakenError("a busier route has the same name")
            taken.add(key)
            found.append((sort_key(route), draft, route, item))
    for _, draft, route, item in sorted(found, key=lambda each: each[0]):
        try:
            draft.add(route)
        except NotTakenError as error:
            item.refuse(str(error))
    return Imported(drafts.services())


def _build(entry: object, drafts: Drafts, item: Item) -> tuple[Draft, dict[str, Any]]:
    raw = mapping_of(entry, "a route")
    service, method = text_in(raw, "service"), text_in(raw, "method")
    template = text_in(raw, "template")
    item.what = f"{service} {method} {template}"[:80]
    if method in _OTHER or template in _OTHER:
        raise NotTakenError("it stands for all further routes, which have no path of their own")
    family = service.partition("-")[0]
    draft = drafts.named(family, family, f"learned: {family}")
    if "-" in service:
        item.approximate(f"answered for every {draft.name}-…, not only for this service")
    item.approximate("the bodies of its answers were not recorded")
    route: dict[str, Any] = {"method": method, **template_path(template)}
    route["latency"] = _latency(raw)
    statuses = _statuses(raw, item)
    total = sum(count for _, count in statuses)
    route["chance"] = [
        {"share": round(count / total, 9), "answer": _answer(status)}
        for status, count in statuses[1:]
    ] or None
    route["answer"] = _answer(statuses[0][0])
    return draft, route


def _statuses(raw: Mapping[str, Any], item: Item) -> list[tuple[int, int]]:
    """Status and count, the most frequent first."""
    found: dict[int, int] = {}
    for code, count in mapping_in(raw, "statuses").items():
        if not (code.isascii() and code.isdigit() and len(code) < 4) or type(count) is not int:
            raise NotTakenError("its statuses cannot be read")
        status = int(code) if 200 <= int(code) <= 599 else 200
        found[status] = found.get(status, 0) + max(count, 0)
    listed = sorted(found.items(), key=lambda each: (-each[1], each[0])) or [(200, 1)]
    if sum(count for _, count in listed) == 0:
        return [(listed[0][0], 1)]
    if len(listed) > MAX_STATUSES:
        item.approximate(f"of its statuses the {MAX_STATUSES} most frequent are kept")
    return listed[:MAX_STATUSES]


def _latency(raw: Mapping[str, Any]) -> Latency:
    waits = raw.get("waits_ms")
    if waits is None:
        return None
    if not isinstance(waits, list):
        raise NotTakenError("its waits cannot be read")
    return quantile_latency(waits)


def _answer(status: int) -> dict[str, Any]:
    if status in (204, 205, 304):
        return {"status": status}
    if status >= 400:
        problem = {"type": "about:blank", "title": "Recorded answer", "status": status}
        return {"status": status, "content_type": "application/problem+json", "json": problem}
    answer: dict[str, Any] = {"status": status}
    if status >= 300:
        answer["headers"] = {"location": "/"}
    return {**answer, "json": {"env": "sandbox", "recorded": True}}
