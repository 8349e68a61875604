"""Braces in a file that are not meant as a template never become one, wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.importers.answers import escape_text
from tests.stubs.importers.imported import Example

BRACES = "{{ request.body }}{% for a in b %}{# x #}"


def strings(value: Any) -> list[str]:
    """Every text under the answers of a definition, and what it sets."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


WIREMOCK = {
    "name": BRACES,
    "scenarioName": "s",
    "newScenarioState": BRACES,
    "request": {"urlPath": "/x"},
    "response": {"body": BRACES, "headers": {"X-A": BRACES, "Content-Type": BRACES}},
}
HOVERFLY = {
    "request": {"path": [{"value": "/x"}]},
    "response": {"body": BRACES, "headers": {"X-A": [BRACES], "Content-Type": [BRACES]},
                 "transitionsState": {"s": BRACES}},
}  # fmt: skip
MOUNTEBANK = {
    "predicates": [{"equals": {"path": "/x"}}],
    "responses": [{"is": {"headers": {"X-A": BRACES, "Content-Type": BRACES}, "body": BRACES}}],
}
HAR = {
    "request": {"method": "GET", "url": "http://a.example/x"},
    "response": {"status": 200, "headers": [{"name": "X-A", "value": BRACES}],
                 "content": {"text": BRACES, "mimeType": BRACES}},
}  # fmt: skip
OPENAPI = {"/x": {"get": {"operationId": BRACES, "responses": {"200": {
    "headers": {"X-A": {"schema": {"example": BRACES}}},
    "content": {"text/plain": {"example": BRACES}}}}}}}  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"mappings": [WIREMOCK]}, id="wiremock"),
        pytest.param({"data": {"pairs": [HOVERFLY]}}, id="hoverfly"),
        pytest.param(
            {"imposters": [{"port": 1, "protocol": "http", "stubs": [MOUNTEBANK]}]}, id="mountebank"
        ),
        pytest.param({"log": {"entries": [HAR]}}, id="har"),
        pytest.param({"openapi": "3.1.0", "paths": OPENAPI}, id="openapi"),
    ],
)
def test_braces_are_said_as_they_stand(value: Any) -> None:
    found = Example(value)
    (route,) = found.imported.services[0]["routes"]
    said = strings([route["answer"], route.get("sets", {})])
    assert escape_text(BRACES) in said
    assert not [text for text in said if text == BRACES]
    answer = found.ask("GET", "/x", body=b"secret")
    assert (answer.status, answer.body, answer.headers[b"x-a"]) == (
        200, BRACES.encode(), BRACES.encode(),
    )  # fmt: skip


def test_braces_in_json_are_said_as_they_stand() -> None:
    response = {"jsonBody": {"a": [BRACES]}}
    found = Example({"mappings": [{"request": {"urlPath": "/x"}, "response": response}]})
    assert found.ask("GET", "/x").json == {"a": [BRACES]}
