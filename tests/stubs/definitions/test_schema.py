"""JSON Schema: what it says of a body, and a bound on the work."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.schema import MAX_FINDINGS, BodySchema

PERSON = {
    "type": "object",
    "required": ["citizen"],
    "properties": {
        "citizen": {"type": "string", "pattern": "^C-[0-9]+$"},
        "born": {"format": "date"},
        "at": {"format": "date-time"},
        "tags": {"type": "array", "uniqueItems": True},
        "next": {"$ref": "#"},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ({"citizen": "C-1"}, None),
        ({}, "'citizen' is a required property"),
        ([], "is not of type 'object'"),
        ({"citizen": "D"}, "$.citizen: 'D' does not match"),
        ({"citizen": "C-1", "born": "2026-13-01"}, "$.born"),
        ({"citizen": "C-1", "at": "2026-01-01"}, "$.at"),
        ({"citizen": "C-1", "at": "2026-01-01T00:00:00Z"}, None),
        ({"citizen": "C-1", "tags": [1, True, "1"]}, None),
        ({"citizen": "C-1", "tags": [{"a": [1]}, {"a": [1]}]}, "items that are the same"),
        ({"citizen": "C-1", "x-n": 1}, None),
        ({"citizen": "C-1", "x-n": "1"}, "$.x-n"),
        ({"citizen": "C-1", "y": 1}, "'y' is not expected"),
        ({"citizen": "C-1", "next": {"next": 3, "citizen": "C-2"}}, "$.next.next"),
    ],
)
def test_what_is_wrong_with_a_body(value: Any, finding: str | None) -> None:
    schema = BodySchema(PERSON)
    found = schema.findings(value)
    assert schema.fits(value) is (finding is None)
    assert any(finding in each for each in found) if finding else found == []


def test_the_findings_of_a_body_are_few() -> None:
    schema = BodySchema({"items": {"type": "string"}})
    assert len(schema.findings(list(range(1000)))) == MAX_FINDINGS


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "a schema is a mapping"),
        ({"type": "objekt"}, "no JSON Schema"),
        ({"$ref": "http://example.com/s.json"}, "nothing is fetched"),
        ({"items": [{"$ref": "file:///etc/passwd"}]}, "nothing is fetched"),
        ({"properties": {"a": {"$dynamicRef": "other.json#x"}}}, "leave $dynamicRef out"),
        ({"$ref": "other.json"}, "nothing is fetched"),
        ({"$ref": "#name"}, "nothing is fetched"),
        ({"items": {"items": {"$ref": "#/$defs/nowhere"}}}, "leads nowhere"),
        ({"items": {"$ref": "#/properties"}, "properties": {"type": {}}}, "no JSON Schema at type"),
        ({"items": {"$ref": "#/title"}, "title": "x"}, "no JSON Schema"),
        ({"$id": "http://example.com/", "$ref": "#"}, "leave $id out"),
        ({"$ref": "#/$defs/nowhere"}, "leads nowhere"),
        ({"$ref": "#"}, "in a circle"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
          "$ref": "#/$defs/a"}, "in a circle"),
        ({"properties": {1: {}}}, "put it in quotes"),
        ({"pattern": "("}, "regular expression"),
        ({"patternProperties": {"(": {}}}, "regular expression"),
        ({"properties": {"a": {"items": {"pattern": "("}}}}, "regular expression"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used(raw: Any, message: str) -> None:
    with pytest.raises(ValueError, match="(?s)" + message.replace("$", r"\$")):
        BodySchema(raw)


def doubled(levels: int) -> dict[str, Any]:
    """A schema that asks twice as much at every level."""
    below = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**below, f"d{levels}": {"type": "object"}}, "properties": {
        "a": {"$ref": "#/$defs/d0"}}}  # fmt: skip


COSTLY = {
    "doubling": (doubled(40), {"a": {}}),
    "many items": ({"items": {"type": "integer"}}, [0] * 300_000),
    "unique items": ({"uniqueItems": True}, [{"a": n} for n in range(100_000)]),
    "many keys": (
        {"additionalProperties": {"type": "integer"}},
        {str(n): n for n in range(90_000)},
    ),
}


@pytest.mark.parametrize(("raw", "value"), COSTLY.values(), ids=COSTLY)
def test_a_body_that_takes_too_long_to_check_does_not_fit(raw: Any, value: Any) -> None:
    assert BodySchema(raw).findings(value) == ["it would take too long to check"]


def test_a_pattern_that_explodes_does_not_fit() -> None:
    schema = BodySchema({"pattern": "(x+x+)+y"})
    assert not schema.fits("x" * 50_000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3)
    ),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["type", "items", "properties", "required", "$ref", "anyOf", "not", "pattern", "minimum",
     "uniqueItems", "enum", "const", "patternProperties", "$defs", "format", "$schema"]
)  # fmt: skip
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["string", "object", "#", "#/$defs/a", "http://x/", "date"]),
    lambda below: (
        st.dictionaries(WORDS | st.text(max_size=3), below, max_size=3)
        | st.lists(below, max_size=2)
    ),
    max_leaves=10,
)


@given(SCHEMAS, JSON)
def test_anything_is_a_schema_or_refused(raw: Any, value: Any) -> None:
    with suppress(ValueError):
        assert BodySchema(raw).fits(value) in (True, False)
