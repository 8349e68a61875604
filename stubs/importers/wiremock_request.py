"""What a WireMock mapping asks of a request, as a route's method, path and `when`.

Floor 1, pure. A condition that cannot be said refuses the mapping: left out, it would answer
requests that it was never meant for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from stubs.importers.answers import parse_json
from stubs.importers.conditions import Conditions
from stubs.importers.fields import (
    list_in,
    mapping_in,
    mapping_of,
    refuse_unknown,
    scalar_text,
    text_in,
)
from stubs.importers.paths import exact_path, template_path
from stubs.importers.report import Item, NotTakenError
from stubs.importers.text_match import (
    TextMatch,
    all_of,
    any_of,
    anything,
    check_pattern,
    contains,
    equals,
    full_match,
    negate,
)
from switchboard.fault_reader import shown

_REQUEST: Final = frozenset(
    {"method", "url", "urlPattern", "urlPath", "urlPathPattern", "urlPathTemplate",
     "pathParameters", "headers", "queryParameters", "cookies", "formParameters", "bodyPatterns",
     "basicAuthCredentials", "host", "port", "scheme", "clientIp"}
)  # fmt: skip
_URLS: Final = ("url", "urlPattern", "urlPath", "urlPathPattern", "urlPathTemplate")
_PARTS: Final = {"headers": "headers", "queryParameters": "query", "cookies": "cookies",
                 "formParameters": "form", "pathParameters": "path"}  # fmt: skip
_UNKNOWN: Final = ("equalToXml", "matchesXPath", "binaryEqualTo", "before", "after",
                   "equalToDateTime", "hasExactly", "includes")  # fmt: skip
_PLACEHOLDER: Final = re.compile(r"\$\{(?:json|xml)-unit")


def read_host(request: Mapping[str, Any]) -> str:
    """The host that the mapping is for; "" for every one."""
    host = request.get("host")
    if isinstance(host, Mapping) and set(host) == {"equalTo"}:
        return text_in(host, "equalTo")
    if host is not None:
        raise NotTakenError("its host is a pattern, and a service has names")
    return ""


def read_request(request: Mapping[str, Any], item: Item) -> dict[str, Any]:
    """Method, path and `when` of the route. Raises NotTakenError."""
    refuse_unknown(request, _REQUEST, "the request")
    conditions = Conditions()
    route = {"method": _method(request), **_path(request, conditions, item)}
    for key, part in _PARTS.items():
        for name, raw in mapping_in(request, key).items():
            match = read_pattern(raw, item)
            conditions.add(part, name, match)
    if "basicAuthCredentials" in request:
        item.approximate("of the Basic credentials only that there are some is checked")
        conditions.add("headers", "authorization", full_match("Basic .*"))
    for raw in list_in(request, "bodyPatterns"):
        _read_body(mapping_of(raw, "a body pattern"), conditions, item)
    for key in ("port", "scheme", "clientIp"):
        if key in request:
            item.approximate(f"its {key} is not looked at")
    if conditions.is_any:
        route["when"] = conditions.to_mapping()
    return route


def _method(request: Mapping[str, Any]) -> str:
    method = text_in(request, "method", "ANY").upper()
    if not re.fullmatch("[A-Z]{1,20}", method):
        raise NotTakenError("its method is no word")
    return method


def _path(request: Mapping[str, Any], conditions: Conditions, item: Item) -> dict[str, Any]:
    given = [key for key in _URLS if request.get(key) is not None]
    if not given:
        item.approximate("it is for every path")
        return {"path_regex": "/.*"}
    if len(given) > 1:
        raise NotTakenError(f"it has {' and '.join(given)}, of which there can be one")
    text = text_in(request, given[0])
    if given[0] == "urlPathTemplate":
        return template_path(text)
    if given[0] == "urlPathPattern":
        return {"path_regex": check_pattern(text)}
    if given[0] == "urlPattern":
        return _url_pattern(text, conditions, item)
    path, mark, query = text.partition("?")
    if mark and given[0] == "url":
        _exact_query(query, conditions, item)
    elif mark:
        raise NotTakenError("its path has a `?`, and paths have none")
    elif given[0] == "url":
        item.approximate("it is answered with any query, not only without one")
    return exact_path(path)


def _exact_query(query: str, conditions: Conditions, item: Item) -> None:
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)[:100]
    if len({name for name, _ in pairs}) < len(pairs):
        raise NotTakenError("a query parameter is given twice in its url")
    for name, value in pairs:
        conditions.add("query", name, equals(value))
    item.approximate("its query parameters may come in any order, and with others")


def _url_pattern(text: str, conditions: Conditions, item: Item) -> dict[str, Any]:
    """A pattern for path and query; the query's part must be parameters one by one."""
    path, mark, query = text.partition(r"\?")
    for pair in query.split("&") if mark else ():
        name, equal, pattern = pair.partition("=")
        if not equal or not re.fullmatch("[A-Za-z0-9_-]+", name):
            raise NotTakenError("the query in its urlPattern is more than parameters one by one")
        conditions.add("query", name, full_match(pattern))
    item.approximate("its query parameters may come in any order, and with others")
    return {"path_regex": check_pattern(path)}


def read_pattern(raw: object, item: Item) -> TextMatch:
    """A pattern with one operator or more. Raises NotTakenError."""
    pattern = mapping_of(raw, "a pattern")
    ignore_case = pattern.get("caseInsensitive") is True
    matches = []
    for name, value in pattern.items():
        if name == "caseInsensitive":
            continue
        if name == "equalTo":
            text = scalar_text(value, "equalTo")
            matches.append(equals(text, ignore_case=ignore_case))
            continue
        matches.append(_read_operator(name, value, item))
    if not matches:
        raise NotTakenError("a pattern has no operator")
    return all_of(matches)


def _read_operator(name: str, value: Any, item: Item) -> TextMatch:
    simple: Mapping[str, Callable[[str], TextMatch]] = {
        "contains": contains,
        "doesNotContain": lambda text: negate(contains(text)),
        "matches": full_match,
        "doesNotMatch": lambda text: negate(full_match(text)),
    }
    if name in simple:
        return simple[name](scalar_text(value, name))
    if name == "absent":
        return TextMatch("", {"absent": True}) if value is True else anything()
    if name == "not":
        return negate(read_pattern(value, item))
    if name in ("and", "or") and isinstance(value, list) and 0 < len(value) <= 50:
        parts = [read_pattern(each, item) for each in value]
        return all_of(parts) if name == "and" else any_of(parts)
    raise NotTakenError(f"the operator {shown(name)} has no counterpart here")


def _read_body(pattern: Mapping[str, Any], conditions: Conditions, item: Item) -> None:
    if "equalToJson" in pattern:
        _equal_to_json(pattern, conditions, item)
    elif "matchesJsonPath" in pattern:
        _json_path(pattern["matchesJsonPath"], conditions, item)
    elif "matchesJsonSchema" in pattern:
        conditions.set_schema(_json_value(pattern["matchesJsonSchema"]))
    else:
        conditions.add_body(read_pattern(pattern, item))


def _equal_to_json(pattern: Mapping[str, Any], conditions: Conditions, item: Item) -> None:
    value = _json_value(pattern["equalToJson"])
    if _PLACEHOLDER.search(json.dumps(value)):
        raise NotTakenError("the placeholders in its JSON have no counterpart here")
    if pattern.get("ignoreArrayOrder") is True:
        item.approximate("the order of lists in its JSON counts")
    is_part = pattern.get("ignoreExtraElements") is True
    conditions.set_json(value, is_part=is_part)


def _json_value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        raise NotTakenError("the JSON in a pattern cannot be read") from None


def _json_path(raw: Any, conditions: Conditions, item: Item) -> None:
    if isinstance(raw, str):
        conditions.add_json(raw, anything())
        return
    pattern = dict(mapping_of(raw, "`matchesJsonPath`"))
    expression = text_in(pattern, "expression")
    del pattern["expression"]
    conditions.add_json(expression, read_pattern(pattern, item))
