"""What an OpenAPI operation asks of its requests, as routes that answer 400.

Floor 1, pure. The JSON body is checked by the route itself (`validate`); a parameter that is
missing has a small route of its own, which is tried first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.importers.answers import is_json_type
from stubs.importers.definition import Route
from stubs.importers.fields import list_in, mapping_in, mapping_of, text_in
from stubs.importers.openapi_refs import Document
from stubs.importers.report import Item, NotTakenError
from switchboard.fault_reader import shown
from switchboard.headers import is_token

MAX_CHECKS: Final = 20
_PLACES: Final = {"query": "query", "header": "headers", "cookie": "cookies"}
_WORDS: Final = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
_PATTERNS: Final = {
    "integer": "-?[0-9]{1,18}",
    "number": "-?[0-9]{1,18}([.][0-9]{1,18})?([eE][+-]?[0-9]{1,3})?",
    "boolean": "true|false",
}
_UNCHECKED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})


def check_routes(
    document: Document,
    operation: Mapping[str, Any],
    shared: list[Any],
    route: Mapping[str, Any],
    item: Item,
) -> list[Route]:
    """A route that answers 400 for each parameter that must be there, or be a number."""
    where = {key: route[key] for key in ("method", "path", "path_regex") if key in route}
    checks: list[Route] = []
    for place, name, parameter in _parameters(document, operation, shared, item):
        for when, message in _faults(document, place, name, parameter, item):
            if len(checks) >= MAX_CHECKS:
                item.approximate(f"only {MAX_CHECKS} of its parameters are checked")
                return checks
            checks.append(
                {
                    **where,
                    "name": f"check of {name}"[:80],
                    "when": when,
                    "answer": _problem(message),
                }
            )
    return checks


def _parameters(
    document: Document, operation: Mapping[str, Any], shared: list[Any], item: Item
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Place, name and parameter; the operation's own come before those of its path."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for raw in [*shared, *list_in(operation, "parameters")][:200]:
        parameter = document.resolve(raw, "a parameter")
        place, name = text_in(parameter, "in"), text_in(parameter, "name")
        if place == "path":
            continue  # the template asks for it
        if place not in _PLACES or not name.isprintable() or len(name) > 100:
            item.approximate(f"the parameter {shown(name)} in {shown(place)} is not checked")
            continue
        found[place, name] = parameter
    return [(place, name, parameter) for (place, name), parameter in found.items()]


def _faults(
    document: Document, place: str, name: str, parameter: Mapping[str, Any], item: Item
) -> list[tuple[dict[str, Any], str]]:
    """What may be wrong with a parameter: how to see it, and what to say then."""
    key = _PLACES[place]
    if place == "header":
        if not is_token(name) or name.lower() in _UNCHECKED_HEADERS:
            return []
        name = name.lower()
    faults: list[tuple[dict[str, Any], str]] = []
    if parameter.get("required") is True:
        when: dict[str, Any] = {key: {name: {"absent": True}}}
        faults.append((when, f"the {place} parameter {name} is missing"))
    schema = parameter.get("schema")
    if schema is None:
        return faults
    checked = document.resolve(schema, "a schema")
    pattern, wanted = _pattern(checked)
    if pattern:
        when = {key: {name: {"absent": False, "not": {"matches": pattern}}}}
        faults.append((when, f"the {place} parameter {name} must be {wanted}"))
    elif set(checked) - {"type", "description", "example", "default", "title", "format"}:
        item.approximate(f"of the {place} parameter {name} only that it is there is checked")
    return faults


def _pattern(schema: Mapping[str, Any]) -> tuple[str, str]:
    """A pattern for the values, and how to call them; "" when none is needed."""
    enum, kind = schema.get("enum"), schema.get("type")
    if isinstance(enum, list) and 0 < len(enum) <= 50 and all(isinstance(e, str) for e in enum):
        return "|".join(map(re.escape, enum)), f"one of {shown(', '.join(enum))}"
    if isinstance(kind, str) and kind in _PATTERNS:
        return _PATTERNS[kind], _WORDS[kind]
    return "", ""


@dataclass(frozen=True, slots=True)
class Validation:
    """What a JSON body must be like. is_required: whether there must be one."""

    schema: dict[str, Any]
    is_required: bool


def read_validation(
    document: Document, operation: Mapping[str, Any], item: Item
) -> Validation | None:
    """The check of the body, where it is JSON and nothing else."""
    raw = operation.get("requestBody")
    if raw is None:
        return None
    body = document.resolve(raw, "a request body")
    content = mapping_in(body, "content")
    kind = next((kind for kind in content if is_json_type(kind)), None)
    if kind is None or len(content) > 1:
        item.approximate("its body may be of other types than JSON, and is not checked")
        return None
    schema = mapping_of(content[kind], "a content type").get("schema")
    if schema is None:
        return None
    try:
        found = document.json_schema(schema)
    except NotTakenError as error:
        item.approximate(f"its body is not checked: {error}")
        return None
    return Validation(found, body.get("required") is True) if isinstance(found, dict) else None


def _problem(detail: str) -> dict[str, Any]:
    problem = {"type": "about:blank", "title": "Bad request", "status": 400, "detail": detail}
    return {"status": 400, "content_type": "application/problem+json", "json": problem}
