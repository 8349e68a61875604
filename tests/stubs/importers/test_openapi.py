"""OpenAPI documents, taken over: believable answers, and requests that are checked."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.importers.report import UnusableFileError
from tests.stubs.importers.imported import Example, example

HOST = "eu.seeds.example"
READER = {"x-reader": "r-1"}


def operation(
    said: Any, *, version: str = "3.1.0", schemas: Any = None, method: str = "get", **more: Any
) -> Example:
    """The only operation of a document: what a response says under `content`, or all of it."""
    response = said if "description" in said else {"description": "", "content": said}
    paths = {"/x": {method: {"responses": {"200": response}, **more}}}
    return Example({"openapi": version, "paths": paths, "components": {"schemas": schemas or {}}})


def of_schema(schema: Any, **more: Any) -> Example:
    return operation({"application/json": {"schema": schema}}, **more)


def test_the_example_is_told_apart_item_by_item() -> None:
    found = example("openapi.yml")
    assert found.report.totals == {"kept": 5, "approximated": 2, "refused": 1}
    assert "only places in the same file" in found.why("paths./elsewhere.get")
    assert "knows no credentials" in found.why("components.securitySchemes.token")


def test_an_answer_is_what_the_schema_says() -> None:
    found = example("openapi.yml")
    first, second = found.ask("GET", "/v1/seeds?kind=herb", host=HOST, headers=READER).json
    for seed in (first, second):
        assert re.fullmatch(r"[0-9a-f-]{36}", seed["id"])
        assert seed["email"].rpartition("@")[2].startswith("example.")
        assert 0.5 <= seed["weight"] < 2
        assert 10 <= seed["count"] <= 20
        assert seed["kind"] in ("tree", "herb")
        assert isinstance(seed["ready"], bool)
    assert first != second


def test_the_same_request_gets_the_same_answer() -> None:
    found = example("openapi.yml")
    said = [
        found.ask("GET", "/v1/seeds/7", host=HOST, headers={"x-esr-request": number}).json
        for number in ("a", "a", "b")
    ]
    assert said[0]["id"] == said[1]["id"] != said[2]["id"]


def test_a_path_without_braces_comes_first() -> None:
    answer = example("openapi.yml").ask("GET", "/v1/seeds/mine", host=HOST)
    assert (answer.body, answer.headers[b"content-type"]) == (b"yours", b"text/plain")


def test_an_example_is_said_as_it_stands() -> None:
    found = example("openapi.yml")
    answer = found.ask("POST", "/v1/seeds", host=HOST, body=b'{"name": "oak", "count": 1}')
    assert (answer.status, answer.json) == (201, {"id": 7, "name": "{{ seven }}"})
    assert answer.headers[b"x-rate"] == b"5"
    assert found.ask("DELETE", "/v1/seeds/7", host=HOST).status == 204


@pytest.mark.parametrize(
    ("query", "headers", "words"),
    [
        ("", READER, "the query parameter kind is missing"),
        ("?kind=oak", READER, "must be one of tree, herb"),
        ("?kind=herb", {}, "the header parameter x-reader is missing"),
        ("?kind=herb&limit=many", READER, "limit must be a whole number"),
    ],
)
def test_parameters_are_checked(query: str, headers: dict[str, str], words: str) -> None:
    answer = example("openapi.yml").ask("GET", f"/v1/seeds{query}", host=HOST, headers=headers)
    assert answer.status == 400
    assert words in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"name": "o", "count": 1}', b'{"name": "oak", "count": 0}', b"[]", b"{",
     b'{"name": "oak", "count": 1, "parent": {"name": "x"}}', b'{"name": 5, "count": 1}'],
)  # fmt: skip
def test_bodies_are_checked(body: bytes) -> None:
    assert example("openapi.yml").ask("POST", "/v1/seeds", host=HOST, body=body).status == 400


def test_a_body_that_may_be_left_out_is_checked_when_it_is_there() -> None:
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    found = operation({"description": ""}, method="post", requestBody=body)
    said = [found.ask("POST", "/x", body=each).status for each in (b"", b"{}", b"[]")]
    assert said == [200, 200, 400]


def test_null_is_what_3_0_says_it_is() -> None:
    body = b'{"name": "oak", "count": 1, "note": null}'
    assert example("openapi.yml").ask("POST", "/v1/seeds", host=HOST, body=body).status == 201


SCHEMAS: list[Any] = [
    pytest.param({"type": "integer"}, id="integer"),
    pytest.param({"type": "integer", "minimum": -5, "maximum": -3}, id="a range"),
    pytest.param({"type": "integer", "exclusiveMinimum": 3, "maximum": 4}, id="an open end"),
    pytest.param({"type": "integer", "minimum": 10, "multipleOf": 7}, id="a step"),
    pytest.param({"type": "integer", "maximum": 0}, id="only a maximum"),
    pytest.param({"type": "number", "minimum": 0.25, "maximum": 0.5}, id="number"),
    pytest.param({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, id="open ends"),
    pytest.param({"type": "boolean"}, id="boolean"),
    pytest.param({"type": "null"}, id="null"),
    pytest.param({"type": ["string", "null"], "maxLength": 3}, id="a short text"),
    pytest.param({"type": "string", "minLength": 12}, id="a long text"),
    pytest.param({"type": "string", "maxLength": 0}, id="no text"),
    pytest.param({"type": "string", "format": "uuid"}, id="uuid"),
    pytest.param({"type": "string", "format": "email"}, id="email"),
    pytest.param({"type": "string", "format": "date"}, id="date"),
    pytest.param({"type": "string", "format": "date-time"}, id="date-time"),
    pytest.param({"type": "string", "format": "ipv4"}, id="ipv4"),
    pytest.param({"enum": ["a", "b"]}, id="enum"),
    pytest.param({"enum": [{"a": 1}, None]}, id="enum of anything"),
    pytest.param({"const": {"a": ["{{ x }}"]}}, id="const"),
    pytest.param({"type": "array", "items": {"type": "integer"}, "minItems": 3}, id="array"),
    pytest.param({"type": "array", "maxItems": 0}, id="an empty array"),
    pytest.param({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}},
                             "required": ["a"]},
                            {"type": "object", "properties": {"b": {"type": "boolean"}},
                             "required": ["b"]}]}, id="allOf"),
    pytest.param({"oneOf": [{"type": "integer"}, {"type": "string"}]}, id="oneOf"),
    pytest.param({"anyOf": [{"type": "boolean"}]}, id="anyOf"),
    pytest.param({"type": "object", "properties": {"email": {"type": "string"},
                                                   "state": {"type": "string", "maxLength": 2},
                                                   "userId": {"type": "string"}},
                  "required": ["email", "state", "userId"]}, id="object"),
    pytest.param(True, id="anything"),
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_is_made_of_a_schema_fits_it(schema: Any) -> None:
    value = of_schema(schema).ask("GET", "/x").json
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)


@given(low=st.integers(-(10**6), 10**6), span=st.integers(0, 10**6), step=st.integers(1, 9))
def test_numbers_stay_within_their_limits(low: int, span: int, step: int) -> None:
    schema = {"type": "integer", "minimum": low, "maximum": low + span}
    value = of_schema(schema).ask("GET", "/x").json
    assert low <= value <= low + span


def test_a_schema_that_refers_to_itself_ends() -> None:
    again = {"$ref": "#/components/schemas/Node"}
    properties = {"next": again, "all": {"type": "array", "items": again}}
    found = of_schema(again, schemas={"Node": {"type": "object", "properties": properties}})
    assert found.ask("GET", "/x").json == {"all": []}


def test_what_must_refer_to_itself_ends_too() -> None:
    node = {"type": "object", "required": ["next"],
            "properties": {"next": {"$ref": "#/components/schemas/Node"}}}  # fmt: skip
    found = of_schema({"$ref": "#/components/schemas/Node"}, schemas={"Node": node})
    assert found.ask("GET", "/x").status == 200
    assert "deeper than the answer" in found.why("paths./x.get")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("https://production.example.com/a.json", "only places in the same file"),
        ("other.yml#/a", "only places in the same file"),
        ("file:///etc/passwd", "only places in the same file"),
        ("#/components/schemas/None", "there is no such place"),
        ("#/components/schemas/Loop", "round in a circle"),
        (5, "only places in the same file"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference: Any, words: str) -> None:
    loop = {"Loop": {"$ref": "#/components/schemas/Loop"}}
    found = of_schema({"$ref": reference}, schemas=loop)
    assert found.imported.is_empty
    assert words in found.why("paths./x.get")


def test_a_body_that_must_fit_a_remote_schema_is_not_checked_and_said() -> None:
    body = {"required": True, "content": {"application/json": {
        "schema": {"$ref": "https://production.example.com/a.json"}}}}  # fmt: skip
    found = operation({"description": ""}, method="post", requestBody=body)
    assert "its body is not checked" in found.why("paths./x.post")
    assert "production" not in str(found.imported)


def test_servers_give_hosts_and_the_beginning_of_paths() -> None:
    found = Example({
        "openapi": "3.1.0",
        "servers": [{"url": "https://a.example/v2/"}, {"url": "https://b.example/v2"},
                    {"url": "https://c.example/v3"}, {"url": "https://{x}.example"}],
        "paths": {"/y": {"get": {"responses": {"200": {"description": "ok"}}}}},
    })  # fmt: skip
    assert found.imported.services[0]["hosts"] == ["a.example", "b.example"]
    assert found.ask("GET", "/v2/y", host="b.example").status == 200
    assert found.outcomes == ["kept", "kept", "refused", "refused", "kept"]


def test_a_default_response_answers_where_there_is_no_other() -> None:
    said = {"default": {"description": "", "content": {"text/plain": {"example": "hm"}}}}
    found = Example({"openapi": "3.0.0", "paths": {"/x": {"get": {"responses": said}}}})
    answer = found.ask("GET", "/x")
    assert (answer.status, answer.body) == (200, b"hm")


def test_webhooks_and_callbacks_are_not_sent() -> None:
    found = operation({"description": "ok"}, callbacks={"done": {"{$request.query.url}": {}}})
    assert "callbacks are not sent" in found.why("paths./x.get")
    found = Example({"openapi": "3.1.0", "paths": {}, "webhooks": {"new": {}}})
    assert found.imported.is_empty
    assert found.outcomes == ["refused"]


@pytest.mark.parametrize(
    "value", [{"openapi": "2.0", "paths": {}}, {"swagger": "2.0"}, {"openapi": 3, "paths": {}},
              {"openapi": "3.1.0", "paths": []}, {"openapi": "4.0.0", "paths": {}}]
)  # fmt: skip
def test_other_versions_are_refused_whole(value: Any) -> None:
    with pytest.raises(UnusableFileError):
        Example(value)
