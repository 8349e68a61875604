"""What a Hoverfly pair asks of a request, as a route's method, path and `when`. Floor 1, pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.importers.answers import parse_json
from stubs.importers.conditions import Conditions
from stubs.importers.definition import choose_key
from stubs.importers.fields import list_in, mapping_in, mapping_of, refuse_unknown, scalar_text
from stubs.importers.paths import exact_path
from stubs.importers.report import Item, NotTakenError
from stubs.importers.text_match import (
    TextMatch,
    all_of,
    anything,
    check_pattern,
    equals,
    found_in,
    glob,
    negate,
)
from switchboard.fault_reader import shown

_REQUEST: Final = frozenset(
    {"path", "method", "destination", "scheme", "body", "headers", "query", "requiresState",
     "deprecatedQuery"}
)  # fmt: skip
_TEXTS: Final[Mapping[str, Callable[[str], TextMatch]]] = {
    "exact": equals,
    "": equals,
    "glob": glob,
    "regex": found_in,
    "negate": lambda text: negate(equals(text)),
}
_MATCHER: Final = frozenset({"matcher", "value", "config", "doMatch"})


def read_destination(request: Mapping[str, Any], item: Item) -> str:
    """The host that the pair is for; "" for every one."""
    for raw in list_in(request, "destination"):
        name, value = _matcher(raw)
        if name == "glob" and value == "*":
            continue
        if name not in ("exact", "", "glob") or not isinstance(value, str) or "*" in value:
            raise NotTakenError("its destination is a pattern, and a service has names")
        return value
    item.approximate("it has no destination of its own, and belongs to the file's service")
    return ""


def read_request(request: Mapping[str, Any], item: Item) -> tuple[dict[str, Any], int]:
    """Method, path and `when` of the route, and how many fields it looks at."""
    refuse_unknown(request, _REQUEST, "the request")
    if list_in(request, "deprecatedQuery"):
        raise NotTakenError("a query as one text (deprecatedQuery) has no counterpart here")
    conditions = Conditions()
    method, path = _method(request), _path(request)
    for part, key in (("query", "query"), ("headers", "headers")):
        for name, raw in mapping_in(request, key).items():
            conditions.add(part, name, _all(raw, f"{key} {shown(name)}"))
    for raw in list_in(request, "body"):
        _read_body(raw, conditions)
    for key, value in mapping_in(request, "requiresState").items():
        conditions.add_state(choose_key(key), scalar_text(value, f"the state {shown(key)}"))
    if request.get("scheme"):
        item.approximate("its scheme is not looked at")
    route = {"method": method, **path}
    if conditions.is_any:
        route["when"] = conditions.to_mapping()
    looked_at = sum(bool(request.get(key)) for key in ("method", "path", "destination"))
    return route, looked_at + conditions.count


def _matcher(raw: object) -> tuple[str, Any]:
    """The name and the value of a matcher that stands alone."""
    matcher = mapping_of(raw, "a matcher")
    refuse_unknown(matcher, _MATCHER, "a matcher")
    name = matcher.get("matcher", "exact")
    if not isinstance(name, str):
        raise NotTakenError("the name of a matcher must be text")
    if matcher.get("doMatch") is not None and name.lower() != "jsonpath":
        raise NotTakenError(f"a chain behind the matcher {shown(name)} has no counterpart here")
    return name.lower(), matcher.get("value")


def _method(request: Mapping[str, Any]) -> str:
    matchers = list_in(request, "method")
    if not matchers:
        return "ANY"
    name, value = _matcher(matchers[0])
    text = scalar_text(value, "a method").upper()
    if name == "glob" and text == "*":
        return "ANY"
    if len(matchers) > 1 or name not in ("exact", "") or not re.fullmatch("[A-Z]{1,20}", text):
        raise NotTakenError("its method is more than one word")
    return text


def _path(request: Mapping[str, Any]) -> dict[str, Any]:
    matchers = list_in(request, "path")
    if not matchers:
        return {"path_regex": "/.*"}
    found = [_matcher(raw) for raw in matchers]
    if len(found) == 1 and found[0][0] in ("exact", ""):
        return exact_path(scalar_text(found[0][1], "a path"))
    return {"path_regex": check_pattern(all_of([_text(*each) for each in found]).pattern)}


def _all(raw: object, what: str) -> TextMatch:
    """Every matcher of a list; an empty list asks only that it is there."""
    if not isinstance(raw, list):
        raise NotTakenError(f"the matchers of {what} must be a list")
    return all_of([_text(*_matcher(each)) for each in raw]) if raw else anything()


def _text(name: str, value: Any) -> TextMatch:
    build = _TEXTS.get(name)
    if build is None:
        raise NotTakenError(f"the matcher {shown(name)} has no counterpart here")
    return build(scalar_text(value, "the value of a matcher"))


def _read_body(raw: object, conditions: Conditions) -> None:
    name, value = _matcher(raw)
    if name in ("json", "jsonpartial"):
        conditions.set_json(_json(value), is_part=name == "jsonpartial")
    elif name == "jsonpath":
        _read_json_path(mapping_of(raw, "a matcher"), conditions)
    elif name == "form":
        for key, matchers in mapping_of(value, "a form").items():
            conditions.add("form", key, _all(matchers, f"the form's {shown(key)}"))
    else:
        conditions.add_body(_text(name, value))


def _read_json_path(matcher: Mapping[str, Any], conditions: Conditions) -> None:
    path = scalar_text(matcher.get("value"), "a JSON path")
    inner = matcher.get("doMatch")
    match = anything() if inner is None else _text(*_matcher(inner))
    conditions.add_json(path, match)


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        raise NotTakenError("the JSON of a matcher cannot be read") from None
