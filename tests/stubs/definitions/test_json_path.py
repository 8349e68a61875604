"""JSONPath: what the standard's examples find, and a bound on the work."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.json_path import MAX_VALUES, parse_json_path

STORE: Any = {
    "store": {
        "book": [
            {"author": "A", "price": 8.95},
            {"author": "B", "price": 12.99, "isbn": "0-1"},
        ],
        "bicycle": {"color": "red", "price": 399},
    },
    "odd key": {"a.b": None},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [STORE]),
        ("$.store.bicycle.color", ["red"]),
        ("$['odd key']['a.b']", [None]),
        ("$.store.book[1].isbn", ["0-1"]),
        ("$.store.book[-1].author", ["B"]),
        ("$.store.book[2]", []),
        ("$.store.book.author", []),
        ("$.store['book'][0]['price']", [8.95]),
        ("$.store.book[*].author", ["A", "B"]),
        ("$..price", [8.95, 12.99, 399]),
        ("$.store.book[?@.price < 10].author", ["A"]),
        ("$.store.book[?@.isbn].author", ["B"]),
        ("$.store.book[0:1].author", ["A"]),
        ("$.store.book[?length(@.author) == 1].price", [8.95, 12.99]),
    ],
)
def test_what_a_path_finds(path: str, found: list[Any]) -> None:
    assert sorted(map(repr, parse_json_path(path)(STORE))) == sorted(map(repr, found))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2)
    ),
    max_leaves=10,
)
STEPS = st.lists(st.sampled_from([".a", "['b']", "[0]", "[-1]", "[*]"]), max_size=4)


@given(JSON, STEPS)
def test_the_straight_walk_finds_what_the_library_finds(value: Any, steps: list[str]) -> None:
    path = "$" + "".join(steps)
    wanted = jsonpath.JSONPathEnvironment(strict=True).findall(path, [value])
    assert parse_json_path(path)([value]) == wanted


MANY: Any = [0] * (MAX_VALUES + 1)


@pytest.mark.parametrize("path", ["$..*", "$[*]", "$[0:3]", "$[?@ == 0]"])
def test_a_body_with_too_many_values_has_nothing_for_a_path_with_wildcards(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    find = parse_json_path(path)
    with caplog.at_level(logging.WARNING):
        assert [find(MANY) for _ in range(3)] == [[], [], []]
    assert len(caplog.records) == 1
    assert find(MANY[1:]) != []


def test_a_straight_path_is_found_in_a_body_of_any_size() -> None:
    assert parse_json_path("$[10000]")(MANY) == [0]


def test_what_is_nested_too_deep_is_not_found() -> None:
    value: Any = {}
    for _ in range(1000):
        value = {"a": value}
    assert parse_json_path("$..b")(value) == []


@pytest.mark.parametrize(
    "path",
    ["$..a..b", "$[?@..a]", "$[?$[*] == 1]", "$[?$[?1 == 2]]", "$[?count(@.*) > 1]",
     "$[*,*][*,*][*,*][*,*]", "$[?@.a == 1 && !@.b[*]]"],
)  # fmt: skip
def test_a_path_that_could_visit_values_very_often_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        parse_json_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "a", "$.", "$[", "$.a | $.b", "$[?match(@.a, '(a+)+')]", "$[?@.a =~ /x/]",
     "$" + ".a" * 100, "$" + "[?@" * 60, "$[99999999999999999999]"],
)  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        parse_json_path(path)


@given(st.text(alphabet="$.[]*?@'\"abc0123456789:,()&|!=<> ~#_", max_size=30))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_json_path(f"${text}")(STORE), list)
