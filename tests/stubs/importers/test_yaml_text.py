"""What is written as YAML is read back as the same value, by the reader of definitions."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.yaml_lines import load_yaml
from stubs.importers.yaml_text import count_values, dump_yaml, is_writable

KEYS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
SCALARS = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below) | st.dictionaries(KEYS, below), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_everything_is_read_back(value: dict[str, Any]) -> None:
    assert is_writable(value)
    assert load_yaml(dump_yaml(value), "a.yml")[0] == value


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "on", "null", "~", "1:30", "12", "1e3", ".5", "2026-01-01", "- a", "a: b", "a #b",
     "", " ", "a ", "*x", "&x", "!x", "|", ">", "%x", "@x", "`x", "'x", '"x', "{x", "[x", "a\nb",
     "\tx", "\r\n", "\x85", "\u2028", "\ufeff", "😀", "\x01", "\\n", "=", "<<", "?", "x:"],
)  # fmt: skip
def test_texts_stay_texts(text: str) -> None:
    assert load_yaml(dump_yaml({"a": text, "b": [text], "c": {"d": text}}), "a.yml")[0] == {
        "a": text, "b": [text], "c": {"d": text},
    }  # fmt: skip


@pytest.mark.parametrize("key", ["yes", "1", "a b", "$.x", "a: b", "#", "-", "null", "<<", "="])
def test_keys_stay_keys(key: str) -> None:
    assert load_yaml(dump_yaml({key: {key: 1}}), "a.yml")[0] == {key: {key: 1}}


def test_it_is_written_for_people() -> None:
    value = {"service": "svc", "routes": [{"method": "GET", "path": "/a", "answer": {}}]}
    assert dump_yaml(value) == (
        "service: svc\nroutes:\n  - method: GET\n    path: /a\n    answer: {}\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": math.nan}, id="NaN"),
        pytest.param({"a": math.inf}, id="infinity"),
        pytest.param({"a": 10**50}, id="a number too long"),
        pytest.param({"a": "\0"}, id="NUL"),
        pytest.param({"a": "\ud800"}, id="half a character"),
        pytest.param({"a\n": 1}, id="a key of two lines"),
        pytest.param({"a" * 201: 1}, id="a long key"),
        pytest.param({1: 1}, id="a key that is no text"),
        pytest.param({"a": object()}, id="no value at all"),
    ],
)
def test_what_yaml_cannot_hold_here_is_known(value: Any) -> None:
    assert not is_writable(value)


def test_depth_is_bounded() -> None:
    value: Any = 1
    for _ in range(31):
        value = [value]
    assert not is_writable(value)
    assert is_writable(value[0])


def test_values_are_counted_as_the_reader_counts_them() -> None:
    assert count_values({"a": [1, {"b": 2}], "c": {}}) == 6
