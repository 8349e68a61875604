"""mountebank's imposters, taken over."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.faults.reader import parse_faults
from tests.stubs.importers.imported import Example, example

SESSION = {"x-session-id": "s-1"}


def stub(predicates: list[Any], responses: list[Any] | None = None, **imposter: Any) -> Example:
    """The only stub of the only imposter."""
    said = [{"is": {"body": "yes"}}] if responses is None else responses
    stubs = [{"predicates": predicates, "responses": said}]
    return Example({"imposters": [{"port": 1, "protocol": "http", "stubs": stubs, **imposter}]})


WHERE = "imposters[0].stubs[0]"


def test_the_example_is_told_apart_item_by_item() -> None:
    found = example("mountebank.json")
    assert found.report.totals == {"kept": 1, "approximated": 4, "refused": 7}
    words = ["proxy", "inject", "shellTransform", "script", "decorate", "inject"]
    for at, word in enumerate(words, start=4):
        assert word in found.why(f"imposters[0].stubs[{at}]")
    assert "tcp" in found.why("imposters[1]")


def test_nothing_that_was_refused_is_in_what_came_out() -> None:
    written = str(example("mountebank.json").imported)
    for word in ("production", "function", "rm -rf", "=>"):
        assert word not in written


def test_responses_go_round_for_each_session() -> None:
    found = example("mountebank.json")
    said = [found.ask("GET", "/stock/tea", headers=SESSION).body for _ in range(4)]
    assert said == [b"12", b"12", b"11", b"12"]
    assert found.ask("GET", "/stock/tea", headers={"x-session-id": "2"}).body == b"12"


def test_an_alternative_is_a_route_of_its_own() -> None:
    found = example("mountebank.json")
    assert found.ask("GET", "/Stock/x?where=graz&who=Ada").body == b"in Graz, for Ada"
    assert found.ask("GET", "/stock/x", headers={"x-where": "GRAZ"}).body == b"in Graz, for "
    assert found.sleep.waits_s == [pytest.approx(0.07)] * 2
    other = found.ask("GET", "/stock/x?where=Graz&all=1")
    assert (other.status, other.body) == (404, b"no such thing")


def test_json_bodies_and_what_a_path_selects() -> None:
    found = example("mountebank.json")
    answer = found.ask("POST", "/stock", body=b'{"item": "tea", "count": "12", "more": 1}')
    assert (answer.status, answer.json) == (201, {"taken": True})
    assert found.ask("POST", "/stock", body=b'{"item": "tea", "count": "x"}').status == 404


def test_a_fault_is_in_the_chaos_list() -> None:
    found = example("mountebank.json")
    (fault,) = parse_faults(list(found.imported.chaos), source="c", line_of=lambda _: None)
    assert (fault.kind.NAME, fault.target.route) == ("malformed", "/broken")


def test_the_first_stub_that_fits_wins() -> None:
    both = [
        {"predicates": [{"equals": {"path": "/x"}}], "responses": [{"is": {"body": "first"}}]},
        {"responses": [{"is": {"body": "second"}}]},
    ]
    found = Example({"imposters": [{"port": 1, "protocol": "http", "stubs": both}]})
    assert found.ask("GET", "/x").body == b"first"
    assert found.ask("GET", "/y").body == b"second"


@pytest.mark.parametrize(
    ("predicate", "fits", "not_fits"),
    [
        ({"equals": {"query": {"q": "a"}}}, "A", "b"),
        ({"equals": {"query": {"q": "a"}}, "caseSensitive": True}, "a", "A"),
        ({"deepEquals": {"query": {"q": "a"}}}, "a", "b"),
        ({"contains": {"query": {"q": "b"}}}, "aBc", "ac"),
        ({"startsWith": {"query": {"q": "a"}}}, "ab", "ba"),
        ({"endsWith": {"query": {"q": "a"}}}, "ba", "ab"),
        ({"matches": {"query": {"q": "^a.c$"}}}, "ABC", "abcd"),
        ({"matches": {"query": {"q": "b"}}, "caseSensitive": True}, "abc", "aBc"),
        ({"exists": {"query": {"q": True}}}, "", "&"),
        ({"not": {"equals": {"query": {"q": "a"}}}}, "b", "a"),
        ({"or": [{"equals": {"query": {"q": "a"}}}, {"equals": {"query": {"q": "b"}}}]}, "b", "c"),
        ({"and": [{"contains": {"query": {"q": "a"}}}, {"contains": {"query": {"q": "b"}}}]},
         "ab", "a"),
        ({"equals": {"query": {"q": ["a"]}}}, "a", "b"),
    ],
)  # fmt: skip
def test_operators(predicate: Any, fits: str, not_fits: str) -> None:
    found = stub([{"equals": {"path": "/x"}}, predicate])
    assert found.ask("GET", f"/x?q={fits}").status == 200
    missing = "/x" if not_fits == "&" else f"/x?q={not_fits}"
    assert found.ask("GET", missing).status == 404


@pytest.mark.parametrize(
    ("predicate", "fits", "not_fits"),
    [
        ({"equals": {"body": "Tea"}}, b"tEA", b"teas"),
        ({"contains": {"body": "needle"}}, b"a needle here", b"hay"),
        ({"deepEquals": {"body": {"a": [1]}}}, b'{"a": [1]}', b'{"a": [1], "b": 2}'),
        ({"exists": {"body": True}}, b"x", b""),
        ({"exists": {"body": False}}, b"", b"x"),
        ({"not": {"contains": {"body": "x"}}}, b"y", b"x"),
        ({"equals": {"body": "5"}, "jsonpath": {"selector": "$.n"}}, b'{"n": 5}', b'{"n": 6}'),
    ],
)
def test_bodies(predicate: Any, fits: bytes, not_fits: bytes) -> None:
    found = stub([{"equals": {"method": "POST"}}, predicate])
    assert found.ask("POST", "/x", body=fits).status == 200
    assert found.ask("POST", "/x", body=not_fits).status == 404


def test_a_path_that_must_not_be() -> None:
    found = stub([{"not": {"equals": {"path": "/x"}}}])
    assert found.ask("GET", "/y").status == 200
    assert found.ask("GET", "/x").status == 404


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"proxy": {"to": "https://p.example"}}, "forwards"),
        ({"inject": "() => {}"}, "runs code (inject)"),
        ({"is": {"body": "x"}, "behaviors": [{"decorate": "x"}]}, "runs code (decorate)"),
        ({"is": {"body": "x"}, "behaviors": [{"shellTransform": "x"}]}, "runs code (shell"),
        ({"is": {"body": "x"}, "_behaviors": {"shellTransform": ["x"]}}, "runs code (shell"),
        ({"is": {"body": "x"}, "behaviors": [{"wait": "() => 5"}]}, "a script"),
        ({"is": {"body": "x"}, "behaviors": [{"lookup": {}}]}, "lookup"),
        ({"is": {"body": "x"}, "behaviors": [{"brandNew": 1}]}, "brandNew"),
        ({"is": {"body": "x"}, "behaviors": [{"copy": {
            "from": "path", "into": "$", "using": {"method": "xpath", "selector": "//a"}}}]},
         "a part of a value"),
        ({"fault": "EARTHQUAKE"}, "no counterpart"),
        ({"is": {"statusCode": "teapot"}}, "statusCode"),
        ({"is": {"data": "x"}}, "`data`"),
    ],
)  # fmt: skip
def test_a_response_that_cannot_be_said_is_refused(response: Any, words: str) -> None:
    found = stub([], [response])
    assert found.imported.is_empty
    assert words in found.why(WHERE)


@pytest.mark.parametrize(
    ("predicate", "words"),
    [
        ({"inject": "() => true"}, "runs code (inject)"),
        ({"and": [{"inject": "() => true"}]}, "runs code (inject)"),
        ({"equals": {"body": "x"}, "xpath": {"selector": "//a"}}, "XML"),
        ({"equals": {"path": "/x"}, "except": "^x"}, "except"),
        ({"equals": {"requestFrom": "10.0.0.1"}}, "requestFrom"),
        ({"equals": {"data": "x"}}, "data"),
        ({"equals": {}, "contains": {}}, "one operator"),
        ({"matches": {"path": "("}}, "is not read here"),
        ({"not": {"or": [{"equals": {"path": "/a"}}, {"equals": {"path": "/b"}}]}}, "alternatives"),
    ],
)
def test_a_predicate_that_cannot_be_said_is_refused(predicate: Any, words: str) -> None:
    found = stub([predicate])
    assert found.imported.is_empty
    assert words in found.why(WHERE)


def test_alternatives_are_bounded() -> None:
    either = {"or": [{"equals": {"query": {"q": str(at)}}} for at in range(10)]}
    assert "too many alternatives" in stub([either, either, either]).why(WHERE)


def test_tls_is_left_out_and_said() -> None:
    found = stub([], protocol="https", key="-----BEGIN PRIVATE KEY-----", cert="x")
    assert "left out" in found.why("imposters[0]")
    assert "PRIVATE" not in str(found.imported)
