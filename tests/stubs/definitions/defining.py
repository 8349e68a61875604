"""A definition in a few lines of YAML, and requests to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from scenarios.yaml_lines import load_yaml
from stubs.definitions.error import DefinitionError
from stubs.definitions.reader import Logic, parse_definition
from stubs.service import Answer, Asked, Service, StubRoute

EPOCH_MS = 1_772_366_400_000.0
"""2026-03-01, noon, UTC."""


def define(text: str, logic: Logic | None = None) -> Service:
    value, line_of = load_yaml(text, "lib.yml")
    return parse_definition(value, source="lib.yml", line_of=line_of, logic=logic)


def define_route(text: str, *, state: str = "{}", data: str = "{}") -> Service:
    """A service with the one route that is given as a flow mapping, `POST /p/{c}` by default."""
    return define(f"service: lib\nstate: {state}\ndata: {data}\nroutes:\n- {text}\n")


def answering(answer: str, **kwargs: str) -> Service:
    """A service that says `answer` to `POST /p/{c}`."""
    return define_route(f"{{method: POST, path: '/p/{{c}}', answer: {answer}}}", **kwargs)


def when(conditions: str, **kwargs: str) -> Service:
    """A service with one route that takes what meets the conditions."""
    text = f"{{method: POST, path: '/p/{{c}}', when: {conditions}, answer: {{text: yes}}}}"
    return define_route(text, **kwargs)


def asked(
    body: bytes | Any = b"",
    *,
    query: str = "",
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    request_id: int = 7,
    **more: Any,
) -> Asked:
    raw = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    return Asked(
        "lib",
        "POST",
        "/p/C-1",
        query,
        {"c": "C-1"} if params is None else params,
        raw,
        body if isinstance(body, bytes) else orjson.dumps(body),
        request_id,
        seed=1,
        **{"epoch_ms": EPOCH_MS, **more},
    )


def takes(service: Service, request: Asked) -> bool:
    accepts = service.routes[0].accepts
    return accepts is None or accepts(request)


def ask(service: Service, request: Asked | None = None, **more: Any) -> Answer:
    """What the first route that takes the request answers, as the gateway would choose it."""
    request = replace(request or asked(), **more)
    return chosen(service, request).handler(request)


def chosen(service: Service, request: Asked) -> StubRoute:
    at = {id(route): number for number, route in enumerate(service.routes)}
    ordered = sorted(service.routes, key=lambda route: (route.priority, -at[id(route)]))
    of_method = [route for route in ordered if route.method in (request.method, "ANY")]
    return next(r for r in of_method if r.accepts is None or r.accepts(request))


def body_of(answer: Answer) -> Any:
    return orjson.loads(answer.body)


def faults_of(text: str) -> list[tuple[str, int | None, str]]:
    """Every fault of a definition: path, line and message."""
    try:
        define(text)
    except DefinitionError as error:
        return [(fault.path, fault.line, fault.message) for fault in error.faults]
    return []


def fault_of(route: str, **kwargs: str) -> str:
    """The one fault of a service with this route."""
    with pytest.raises(DefinitionError) as caught:
        define_route(route, **kwargs)
    assert len(caught.value.faults) == 1, caught.value
    return str(caught.value.faults[0])
