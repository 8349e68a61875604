"""Hoverfly's simulations, taken over."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.latency import LogNormal
from tests.stubs.importers.imported import Example, example

SESSION = {"x-session-id": "s-1"}
HOST = "rates.example"


def pair(request: Any, response: Any = None, **data: Any) -> Example:
    said = {"status": 200, "body": "yes"} if response is None else response
    return Example({"data": {"pairs": [{"request": request, "response": said}], **data}})


def matched(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"matcher": name, "value": value}]


def test_the_example_is_told_apart_item_by_item() -> None:
    found = example("hoverfly.json")
    assert found.report.totals == {"kept": 4, "approximated": 3, "refused": 3}
    assert "postServeAction" in found.why("data.pairs[6]")
    assert "xpath" in found.why("data.pairs[7]")
    assert "no pair" in found.why("globalActions.delays[1]")


def test_the_pair_with_the_most_fields_wins() -> None:
    found = example("hoverfly.json")
    assert found.ask("GET", "/rates/eur", host=HOST).body == b"any rate"
    answer = found.ask("GET", "/rates/eur?day=2026-03-01", host=HOST)
    assert answer.body == b"eur on 2026-03-01 at eur"


def test_bytes_and_partial_json() -> None:
    found = example("hoverfly.json")
    body = b'{"pair": "EURUSD", "amount": 5}'
    answer = found.ask("POST", "/quotes", host=HOST, headers={"x-desk": "fx-1"}, body=body)
    assert (answer.status, answer.body) == (201, b"\x00\x01\x02\xff")
    assert found.sleep.waits_s == [pytest.approx(0.03)]
    assert (
        found.ask("POST", "/quotes", host=HOST, headers={"x-desk": "eq"}, body=body).status == 404
    )


def test_a_sequence_is_kept_for_each_session() -> None:
    found = example("hoverfly.json")
    said = [found.ask("GET", "/turn", host=HOST, headers=SESSION).body for _ in range(3)]
    assert said == [b"first", b"second", b"second"]
    assert found.ask("GET", "/turn", host=HOST, headers={"x-session-id": "2"}).body == b"first"


def test_each_destination_is_a_service_and_has_its_delay() -> None:
    found = example("hoverfly.json")
    assert [service["hosts"] for service in found.imported.services] == [[HOST], ["news.example"]]
    assert found.ask("GET", "/today", host="news.example").body == b"nothing new"
    assert found.sleep.waits_s == [pytest.approx(0.04)]


def test_a_lognormal_delay_has_the_mean_and_median_that_were_given() -> None:
    found = example("hoverfly.json")
    (route,) = [r for r in found.services[0].routes if r.template == "/rates/eur"]
    assert isinstance(route.latency, LogNormal)
    count = 4_000
    waits = [route.latency.sample_s((at + 0.5) / count) for at in range(count)]
    assert waits[count // 2] == pytest.approx(0.1, rel=0.01)
    assert sum(waits) / count == pytest.approx(0.12, rel=0.02)


@pytest.mark.parametrize(
    ("matcher", "fits", "not_fits"),
    [
        pytest.param(matched("exact", "a.b"), "a.b", "axb", id="exact"),
        pytest.param(matched("", "a"), "a", "b", id="no name"),
        pytest.param(matched("glob", "a*c"), "abbc", "abcd", id="glob"),
        pytest.param(matched("regex", "b+"), "abba", "aa", id="regex is found anywhere"),
        pytest.param(matched("regex", "^a$"), "a", "ab", id="regex with ends"),
        pytest.param(matched("negate", "a"), "b", "a", id="negate"),
        pytest.param(
            matched("glob", "a*") + matched("glob", "*b"), "axb", "ax", id="two of them",
        ),
        pytest.param([{"value": "a"}], "a", "b", id="exact by default"),
    ],
)  # fmt: skip
def test_matchers(matcher: Any, fits: str, not_fits: str) -> None:
    found = pair({"path": matched("exact", "/x"), "query": {"q": matcher}})
    assert found.ask("GET", f"/x?q={fits}").status == 200
    assert found.ask("GET", f"/x?q={not_fits}").status == 404


@pytest.mark.parametrize(
    ("matcher", "fits", "not_fits"),
    [
        pytest.param(matched("json", '{"a": [1]}'), b'{"a":[1]}', b'{"a":[2]}', id="json"),
        pytest.param(matched("jsonpath", "$.a"), b'{"a": null}', b'{"b": 1}', id="a path"),
        pytest.param(
            [{"matcher": "jsonpath", "value": "$.a",
              "doMatch": {"matcher": "glob", "value": "x*"}}],
            b'{"a": "xy"}', b'{"a": "yx"}', id="a path's value",
        ),
        pytest.param(matched("exact", ""), b"", b"x", id="nothing"),
    ],
)  # fmt: skip
def test_bodies(matcher: Any, fits: bytes, not_fits: bytes) -> None:
    found = pair({"path": matched("exact", "/x"), "body": matcher})
    assert found.ask("POST", "/x", body=fits).status == 200
    assert found.ask("POST", "/x", body=not_fits).status == 404


def test_forms() -> None:
    form = matched("form", {"who": matched("exact", "Ada")})
    found = pair({"path": matched("exact", "/x"), "body": form})
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert found.ask("POST", "/x", headers=kind, body=b"who=Ada").status == 200
    assert found.ask("POST", "/x", headers=kind, body=b"who=Bob").status == 404


@pytest.mark.parametrize(
    ("request_", "response", "words"),
    [
        ({}, {"status": 200, "postServeAction": "hook"}, "runs an action"),
        ({}, {"status": 200, "middleware": "python run.py"}, "`middleware`"),
        ({}, {"status": 200, "remote": "https://p.example"}, "`remote`"),
        ({}, {"status": 200, "bodyFile": "/etc/passwd"}, "file of its own"),
        ({}, {"templated": True, "body": "{{ Vars.x }}"}, "no counterpart"),
        ({}, {"templated": True, "body": "{{ csv 'a' 'b' 'c' 'd' }}"}, "no counterpart"),
        ({}, {"encodedBody": True, "body": "???"}, "base64"),
        ({}, {"logNormalDelay": {"mean": 1, "median": 2}}, "mean"),
        ({"destination": matched("regex", ".*")}, None, "its destination is a pattern"),
        ({"destination": matched("glob", "*.example")}, None, "its destination is a pattern"),
        ({"method": matched("regex", "GET|PUT")}, None, "its method"),
        ({"body": matched("jwt", "{}")}, None, "jwt"),
        ({"query": {"q": [{"matcher": "array", "value": ["a"]}]}}, None, "array"),
        ({"deprecatedQuery": matched("exact", "a=b")}, None, "deprecatedQuery"),
    ],
)
def test_what_cannot_be_said_is_refused(request_: Any, response: Any, words: str) -> None:
    found = pair({"path": matched("exact", "/x"), **request_}, response)
    assert found.imported.is_empty
    assert words in found.why("data.pairs[0]")


def test_literals_and_variables_are_counted() -> None:
    found = pair({"path": matched("exact", "/x")}, None, literals=[{"name": "a", "value": "b"}])
    assert found.report.totals == {"kept": 0, "approximated": 1, "refused": 1}
