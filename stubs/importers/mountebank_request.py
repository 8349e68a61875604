"""What a mountebank stub asks of a request: its predicates, as routes with `when`.

Floor 1, pure. Predicates are brought into alternatives of conditions, each of which is a route.
Letter case does not count there unless it is said to; of values that is kept, of paths it is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.importers.conditions import Conditions
from stubs.importers.fields import mapping_of, refuse_unknown, scalar_text, text_in
from stubs.importers.paths import exact_path
from stubs.importers.report import Item, NotTakenError
from stubs.importers.text_match import (
    TextMatch,
    all_of,
    anything,
    check_pattern,
    contains,
    ends_with,
    equals,
    found_in,
    negate,
    starts_with,
)
from switchboard.fault_reader import shown

MAX_ALTERNATIVES: Final = 50
MAX_DEPTH: Final = 8

_PARTS: Final = {"query": "query", "headers": "headers", "form": "form"}
_PARAMETERS: Final = frozenset({"caseSensitive", "keyCaseSensitive", "except", "jsonpath", "xpath"})
_TEXTS: Final[Mapping[str, Callable[..., TextMatch]]] = {
    "equals": equals,
    "deepEquals": equals,
    "contains": contains,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "matches": found_in,
}
ABSENT: Final = TextMatch("", {"absent": True})

Wanted = tuple[str, str, Any]
"""A field of the request (`query`), a name in it or "", and what must be there."""
Alternative = list[Wanted]


def read_predicates(predicates: list[Any], item: Item) -> list[dict[str, Any]]:
    """Method, path and `when` for each alternative. Raises NotTakenError."""
    alternatives = _all(predicates, item, 0)
    return [_route(alternative) for alternative in alternatives]


def _all(predicates: list[Any], item: Item, depth: int) -> list[Alternative]:
    """Every predicate must hold: each alternative of one with each of the others."""
    if depth > MAX_DEPTH:
        raise NotTakenError("its predicates are nested too deeply")
    found: list[Alternative] = [[]]
    for raw in predicates:
        choices = _read(mapping_of(raw, "a predicate"), item, depth)
        if len(found) * len(choices) > MAX_ALTERNATIVES:
            raise NotTakenError("its predicates have too many alternatives")
        found = [[*one, *other] for one in found for other in choices]
    return found


def _read(predicate: Mapping[str, Any], item: Item, depth: int) -> list[Alternative]:
    operators = [key for key in predicate if key not in _PARAMETERS]
    if len(operators) != 1:
        raise NotTakenError("a predicate must have one operator")
    operator, value = operators[0], predicate[operators[0]]
    if operator == "inject":
        raise NotTakenError("a predicate runs code (inject), which no stub does")
    if operator in ("and", "or"):
        if not isinstance(value, list) or not value:
            raise NotTakenError(f"`{operator}` must be a list of predicates")
        if operator == "and":
            return _all(value, item, depth + 1)
        return [each for raw in value for each in _all([raw], item, depth + 1)]
    if operator == "not":
        return _negated(_all([value], item, depth + 1))
    if operator == "exists":
        return [_exists(mapping_of(value, "`exists`"))]
    if operator not in _TEXTS:
        raise NotTakenError(f"the operator {shown(operator)} has no counterpart here")
    return [_compare(operator, mapping_of(value, f"`{operator}`"), predicate, item)]


def _negated(alternatives: list[Alternative]) -> list[Alternative]:
    """Not this one condition; not of several is an alternative for each of them."""
    if len(alternatives) != 1:
        raise NotTakenError("`not` of alternatives has no counterpart here")
    if not alternatives[0]:
        raise NotTakenError("`not` of nothing can never hold")
    negated: list[Alternative] = []
    for field, name, match in alternatives[0]:
        if not isinstance(match, TextMatch):
            raise NotTakenError("`not` of a JSON value has no counterpart here")
        if match == ABSENT:
            negated.append([(field, name, anything())])
        elif match == anything():
            negated.append([(field, name, ABSENT)])
        else:
            negated.append([(field, name, _not(field, match))])
    return negated


def _not(field: str, match: TextMatch) -> TextMatch:
    if field in ("method", "path"):
        return negate(match)
    return TextMatch(negate(match).pattern, {"not": dict(match.operators)})


def _exists(fields: Mapping[str, Any]) -> Alternative:
    wanted: Alternative = []
    for field, value in fields.items():
        names = {"": value} if isinstance(value, bool) else mapping_of(value, f"`{field}`")
        for name, is_there in names.items():
            wanted.append((field, name, anything() if is_there is True else ABSENT))
    return wanted


def _compare(
    operator: str, fields: Mapping[str, Any], predicate: Mapping[str, Any], item: Item
) -> Alternative:
    if predicate.get("xpath") or predicate.get("except"):
        raise NotTakenError("a predicate on XML, or with `except`, has no counterpart here")
    ignore_case = predicate.get("caseSensitive") is not True
    build = _TEXTS[operator]
    wanted: Alternative = []
    for field, value in fields.items():
        if predicate.get("jsonpath") is not None:
            wanted.append(_selected(build, field, value, predicate, ignore_case))
        elif field == "body" and not isinstance(value, str | int | float):
            if operator not in ("equals", "deepEquals"):
                raise NotTakenError(f"`{operator}` on JSON has no counterpart here")
            item.approximate("letter case counts in its JSON, and so does the order of lists")
            wanted.append(("json_whole" if operator == "deepEquals" else "json_part", "", value))
        elif field in _PARTS:
            wanted += _named(operator, field, mapping_of(value, f"`{field}`"), ignore_case, item)
        else:
            wanted.append((field, "", _text(build, value, field, ignore_case, item)))
    return wanted


def _text(
    build: Callable[..., TextMatch], value: Any, field: str, ignore_case: bool, item: Item
) -> TextMatch:
    text = scalar_text(value, f"`{field}`")
    if field == "method":
        return build(text.upper())
    if field == "path" and build is equals:
        if ignore_case and text.lower() != text.upper():
            item.approximate("letter case counts in its path")
        return equals(text)
    return build(text, ignore_case=ignore_case)


def _named(
    operator: str, field: str, values: Mapping[str, Any], ignore_case: bool, item: Item
) -> Alternative:
    if operator == "deepEquals":
        item.approximate(f"further names in its {field} are no reason not to answer")
    wanted: Alternative = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            match = _TEXTS[operator](scalar_text(each, f"`{name}`"), ignore_case=ignore_case)
            wanted.append((field, name, match))
    return wanted


def _selected(
    build: Callable[..., TextMatch],
    field: str,
    value: Any,
    predicate: Mapping[str, Any],
    ignore_case: bool,
) -> Wanted:
    selector = mapping_of(predicate["jsonpath"], "`jsonpath`")
    refuse_unknown(selector, frozenset({"selector"}), "`jsonpath`")
    if field != "body":
        raise NotTakenError("a JSON path looks into the body only")
    text = scalar_text(value, "the value behind a JSON path")
    return "json", text_in(selector, "selector"), build(text, ignore_case=ignore_case)


def _route(wanted: Alternative) -> dict[str, Any]:
    conditions = Conditions()
    methods: list[TextMatch] = []
    paths: list[TextMatch] = []
    for field, name, match in wanted:
        if field == "method":
            methods.append(match)
        elif field == "path":
            paths.append(match)
        elif field in ("json_whole", "json_part"):
            conditions.set_json(match, is_part=field == "json_part")
        elif field == "json":
            conditions.add_json(name, match)
        elif field == "body":
            conditions.add_body(match)
        elif field in _PARTS and name:
            conditions.add(field, name, match)
        else:
            raise NotTakenError(f"its predicates look at {shown(field)}, which stubs do not")
    route = {"method": _method(methods), **_path(paths)}
    if conditions.is_any:
        route["when"] = conditions.to_mapping()
    return route


def _method(matches: list[TextMatch]) -> str:
    matches = [match for match in matches if match != anything()]
    if not matches:
        return "ANY"
    text = matches[0].operators.get("equals")
    if len(matches) > 1 or not isinstance(text, str) or not re.fullmatch("[A-Z]{1,20}", text):
        raise NotTakenError("its method is more than one word")
    return text


def _path(matches: list[TextMatch]) -> dict[str, Any]:
    matches = [match for match in matches if match != anything()]
    if not matches:
        return {"path_regex": "/.*"}
    text = matches[0].operators.get("equals")
    if len(matches) == 1 and isinstance(text, str):
        return exact_path(text)
    return {"path_regex": check_pattern(all_of(matches).pattern)}
