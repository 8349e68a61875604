"""What a mountebank stub answers: `is` responses, their waits and copies. Floor 1, pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from stubs.importers.answers import (
    build_answer,
    bytes_body,
    convert_all,
    decode_base64,
    json_body,
    text_body,
)
from stubs.importers.fields import (
    mapping_in,
    mapping_of,
    number_of,
    refuse_unknown,
    scalar_text,
    status_in,
    text_in,
    whole_in,
)
from stubs.importers.report import Item, NotTakenError
from stubs.importers.templates import json_expression, replace_tokens
from switchboard.fault_reader import shown

MAX_RESPONSES: Final = 50
MAX_REPEAT: Final = 1_000_000

_IS: Final = frozenset({"statusCode", "headers", "body", "_mode"})
_BEHAVIORS: Final = ("wait", "copy", "lookup", "decorate", "shellTransform", "repeat")
_CODE: Final = ("inject", "decorate", "shellTransform")
_FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CONNECTION_RESET_BY_PEER": {"kind": "reset"},
    "RANDOM_DATA_THEN_CLOSE": {"kind": "malformed", "what": "garbage"},
}
_WHOLE: Final = re.compile(r"(\.[*+]|\\[wdS][*+]|\(\.[*+]\))\$?")
"""Patterns that copy all of a value: what a template can say."""


@dataclass(frozen=True, slots=True)
class Responses:
    """What a stub answers in turn. waits_ms: how long each of them takes."""

    answers: tuple[dict[str, Any], ...]
    waits_ms: tuple[float, ...]
    fault: Mapping[str, Any] | None = None


def read_responses(raw: list[Any], default: Mapping[str, Any], item: Item) -> Responses:
    """Every response of a stub. Raises NotTakenError: one that is refused refuses them all."""
    if len(raw) > MAX_RESPONSES:
        raise NotTakenError(f"it has more than {MAX_RESPONSES} responses")
    answers: list[dict[str, Any]] = []
    waits: list[float] = []
    for each in raw or [{"is": {}}]:
        response = mapping_of(each, "a response")
        fault = _fault(response)
        if fault is not None:
            if len(raw) > 1:
                raise NotTakenError("a fault in turn with answers has no counterpart here")
            return Responses(({"status": 200},), (), fault)
        answer, wait_ms, repeat = _read(response, default, item)
        answers.append({**answer, "times": repeat} if len(raw) > 1 and repeat > 1 else answer)
        waits += [wait_ms] * min(repeat, 1_000)
    if len(set(waits)) > 1:
        item.approximate("its waits are drawn for each request, not in turn with the responses")
    return Responses(tuple(answers), tuple(waits) if any(waits) else ())


def _fault(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    name = response.get("fault")
    if name is None:
        return None
    fault = _FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise NotTakenError(f"the fault {shown(name)} has no counterpart here")
    return fault


def _read(
    response: Mapping[str, Any], default: Mapping[str, Any], item: Item
) -> tuple[dict[str, Any], float, int]:
    """The answer, its wait in ms, and how often it is given in turn."""
    if "proxy" in response:
        raise NotTakenError("it forwards to another server (proxy), which no stub does")
    for key in _CODE:
        if key in response:
            raise NotTakenError(f"it runs code ({key}), which no stub does")
    known = frozenset({"is", "behaviors", "_behaviors", "repeat", "_proxyResponseTime", "_links"})
    refuse_unknown(response, known, "the response")
    tokens: dict[str, str] = {}
    wait_ms, repeat = 0.0, whole_in(response, "repeat", 1, 1, MAX_REPEAT)
    for name, value in _behaviors(response):
        if name in _CODE:
            raise NotTakenError(f"it runs code ({name}), which no stub does")
        if name == "wait":
            wait_ms += _wait_ms(value)
        elif name == "repeat":
            repeat = whole_in({"repeat": value}, "repeat", 1, 1, MAX_REPEAT)
        elif name == "copy":
            for each in value if isinstance(value, list) else [value]:
                token, expression = _copy(mapping_of(each, "`copy`"), item)
                tokens[token] = expression
        else:
            raise NotTakenError(f"the behavior {shown(name)} has no counterpart here")
    said = {**default, **mapping_in(response, "is")}
    return _answer(said, tokens, item), wait_ms, repeat


def _behaviors(response: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each, in the newer way of writing or the older one."""
    given = response.get("behaviors", response.get("_behaviors"))
    if given is None:
        return
    for each in given if isinstance(given, list) else [given]:
        behavior = mapping_of(each, "a behavior")
        for name, value in behavior.items():
            if name not in _BEHAVIORS:
                raise NotTakenError(f"the behavior {shown(name)} has no counterpart here")
            yield name, value


def _wait_ms(value: Any) -> float:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 9):
        raise NotTakenError("its wait is a script, which no stub runs")
    return number_of(int(value) if isinstance(value, str) else value, "the wait")


def _copy(raw: Mapping[str, Any], item: Item) -> tuple[str, str]:
    """The token, and the expression that stands for it."""
    token = text_in(raw, "into")
    using = mapping_in(raw, "using")
    method, selector = text_in(using, "method", ""), text_in(using, "selector", "")
    source = raw.get("from")
    if not token or len(token) > 100:
        raise NotTakenError("the token that a copy goes into is empty or too long")
    if source == "body" and method == "jsonpath":
        return token, json_expression(selector)
    if method != "regex" or not _WHOLE.fullmatch(selector):
        raise NotTakenError("a copy of a part of a value has no counterpart here")
    item.approximate("a copied value is taken whole, whatever the pattern of its copy")
    if isinstance(source, Mapping) and len(source) == 1:
        part, name = next(iter(source.items()))
        if part in ("query", "headers", "form") and isinstance(name, str) and "'" not in name:
            quoted = name.lower() if part == "headers" else name
            if re.fullmatch(r"[\w.\[\]-]{1,80}", quoted):
                return token, f"request.{part}['{quoted}'] | default('')"
    if source in ("path", "method", "body"):
        return token, f"request.{source}"
    raise NotTakenError("what its copy copies has no counterpart here")


def _answer(said: Mapping[str, Any], tokens: Mapping[str, str], item: Item) -> dict[str, Any]:
    refuse_unknown(said, _IS, "`is`")

    def convert(text: str) -> str:
        return replace_tokens(text, tokens)

    headers = [
        (name, scalar_text(each, f"the header {shown(name)}"))
        for name, value in mapping_in(said, "headers").items()
        for each in (value if isinstance(value, list) else [value])
    ]
    content_type = next((v for k, v in headers if k.lower() == "content-type"), "")
    body = _body(said, tokens, content_type)
    return build_answer(status_in(said, "statusCode"), headers, body, item, convert)


def _body(said: Mapping[str, Any], tokens: Mapping[str, str], content_type: str) -> dict[str, Any]:
    body = said.get("body")
    if body is None or body == "":
        return {}
    if said.get("_mode") == "binary":
        return bytes_body(decode_base64(text_in(said, "body")), content_type)
    if not isinstance(body, str):
        if not tokens:
            return json_body(body)
        return {"json": convert_all(body, partial(replace_tokens, tokens=tokens))}
    if any(token in body for token in tokens):
        return {"text": replace_tokens(body, tokens)}
    return text_body(body, content_type)
