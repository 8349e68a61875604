"""WireMock's mappings, taken over: what they ask for and what they answer."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.faults.reader import parse_faults
from tests.stubs.importers.imported import Example, example

SESSION = {"x-session-id": "s-1"}


def mapping(request: Any, response: Any = None, **more: Any) -> Example:
    """The only mapping of a file."""
    said = {"body": "yes"} if response is None else response
    return Example({"mappings": [{"request": request, "response": said, **more}]})


def status(asked: Example, method: str, target: str, **how: Any) -> int:
    return asked.ask(method, target, **how).status


def test_the_example_is_told_apart_item_by_item() -> None:
    found = example("wiremock.json")
    assert found.outcomes == [
        "kept", "kept", "approximated", "kept", "approximated", "approximated", "approximated",
        "approximated", "approximated", "refused", "refused",
    ]  # fmt: skip
    assert sum(found.report.totals.values()) == len(found.report.items) == 11


def test_query_and_headers_are_looked_at() -> None:
    found = example("wiremock.json")
    answer = found.ask("GET", "/orders?state=open&page=2", headers={"accept": "application/json"})
    assert (answer.status, answer.json) == (200, [{"id": 1}, {"id": 2}])
    assert answer.headers[b"x-total"] == b"2"
    assert found.sleep.waits_s == [pytest.approx(0.12)]
    assert found.ask("GET", "/orders?state=open&page=two").status == 404


def test_a_template_says_what_was_asked() -> None:
    found = example("wiremock.json")
    answer = found.ask("GET", "/orders/42?who=Ada", body=b'{"note": 5}')
    assert answer.body == b"order 42 for Ada: 5"
    assert answer.headers[b"x-order"] == b"42"
    assert found.ask("GET", "/orders/none").status == 404


def test_braces_of_a_plain_body_stay_what_they_are() -> None:
    found = example("wiremock.json")
    body = b'{"item": "tea", "count": 3, "more": true}'
    answer = found.ask("POST", "/orders?dry=1", body=body)
    assert (answer.status, answer.body) == (201, b"created {{not a template}}")
    assert answer.headers[b"location"] == b"/orders/77"
    cookie = answer.headers[b"set-cookie"].decode()
    assert cookie.startswith("basket=")
    assert "secret" not in cookie
    assert "omain" not in cookie
    assert found.ask("POST", "/orders?dry=1", body=b'{"item": "tea", "count": 4}').status == 404


def test_a_scenario_is_kept_for_each_session() -> None:
    found = example("wiremock.json")
    said = [found.ask("GET", "/case", headers=SESSION).body for _ in range(3)]
    assert said == [b"closed", b"open", b"open"]
    assert found.ask("GET", "/case", headers={"x-session-id": "s-2"}).body == b"closed"
    assert "for each session" in found.why("mappings[4]")


def test_a_lower_priority_number_comes_first() -> None:
    assert status(example("wiremock.json"), "PUT", "/admin/x") == 403


def test_faults_are_a_chaos_list_that_can_be_played() -> None:
    chaos = example("wiremock.json").imported.chaos
    faults = parse_faults(list(chaos), source="chaos.yml", line_of=lambda _: None)
    assert [fault.kind.NAME for fault in faults] == ["reset", "throttle"]
    assert [fault.target.route for fault in faults] == ["/reset", "/slowly"]
    assert chaos[1]["chunk_bytes"] == 2
    assert chaos[1]["chunk_delay_ms"] == 200


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        pytest.param({"equalTo": "tea"}, "tea", "Tea", id="equalTo"),
        pytest.param({"equalTo": "t.a", "caseInsensitive": True}, "T.A", "txa", id="any case"),
        pytest.param({"contains": "e"}, "tea", "oats", id="contains"),
        pytest.param({"doesNotContain": "e"}, "oats", "tea", id="doesNotContain"),
        pytest.param({"matches": "t|te."}, "tea", "teas", id="matches all of it"),
        pytest.param({"doesNotMatch": "t.*"}, "oats", "tea", id="doesNotMatch"),
        pytest.param({"not": {"equalTo": "tea"}}, "oats", "tea", id="not"),
        pytest.param({"or": [{"equalTo": "a"}, {"equalTo": "b"}]}, "b", "c", id="or"),
        pytest.param({"or": [{"matches": "a+"}, {"contains": "b"}]}, "xbx", "c", id="or, mixed"),
        pytest.param({"and": [{"contains": "a"}, {"contains": "b"}]}, "ba", "aa", id="and"),
        pytest.param({"contains": "a", "matches": "..."}, "cat", "dog", id="two at once"),
        pytest.param({"matches": "(?i)tea"}, "TEA", "coffee", id="flags"),
        pytest.param({"equalTo": 5}, "5", "6", id="a number"),
    ],
)
def test_operators(pattern: dict[str, Any], fits: str, not_fits: str) -> None:
    found = mapping({"method": "GET", "urlPath": "/x", "queryParameters": {"q": pattern}})
    assert status(found, "GET", f"/x?q={fits}") == 200
    assert status(found, "GET", f"/x?q={not_fits}") == 404
    assert status(found, "GET", "/x") == 404


def test_what_must_be_absent() -> None:
    found = mapping({"urlPath": "/x", "headers": {"X-No": {"absent": True}}})
    assert status(found, "GET", "/x") == 200
    assert status(found, "GET", "/x", headers={"x-no": "y"}) == 404


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        pytest.param({"equalToJson": {"a": [1, 2]}}, b'{"a":[1,2]}', b'{"a":[2,1]}', id="json"),
        pytest.param(
            {"equalToJson": '{"a": 1}', "ignoreExtraElements": True},
            b'{"a": 1, "b": 2}', b'{"b": 2}', id="part of json",
        ),
        pytest.param({"matchesJsonPath": "$.a.b"}, b'{"a": {"b": 0}}', b'{"a": 1}', id="a path"),
        pytest.param(
            {"matchesJsonPath": {"expression": "$.a", "contains": "x"}},
            b'{"a": "axa"}', b'{"a": "b"}', id="a path's value",
        ),
        pytest.param(
            {"matchesJsonPath": {"expression": "$.a", "equalTo": "5"}},
            b'{"a": 5}', b'{"a": 6}', id="a path's number",
        ),
        pytest.param(
            {"matchesJsonSchema": '{"type": "object", "required": ["a"]}'},
            b'{"a": 1}', b"{}", id="schema",
        ),
        pytest.param({"contains": "needle"}, b"a needle in it", b"hay", id="text"),
        pytest.param({"equalTo": "all of it"}, b"all of it", b"all of it.", id="all text"),
    ],
)  # fmt: skip
def test_bodies(pattern: dict[str, Any], fits: bytes, not_fits: bytes) -> None:
    found = mapping({"method": "POST", "urlPath": "/x", "bodyPatterns": [pattern]})
    assert status(found, "POST", "/x", body=fits) == 200
    assert status(found, "POST", "/x", body=not_fits) == 404


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"proxyBaseUrl": "https://production.example.com"}, "forwards"),
        ({"additionalProxyRequestHeaders": {"a": "b"}}, "forwards"),
        ({"body": "x", "transformers": ["my-code"]}, "is code"),
        ({"body": "{{systemValue type='ENVIRONMENT' key='PATH'}}",
          "transformers": ["response-template"]}, "has no counterpart"),
        ({"body": "{{#each x}}", "transformers": ["response-template"]}, "no counterpart"),
        ({"bodyFileName": "/etc/passwd"}, "file of its own"),
        ({"body": "a", "jsonBody": 1}, "there can be one"),
        ({"fault": "EARTHQUAKE"}, "no counterpart"),
        ({"delayDistribution": {"type": "gamma"}}, "no counterpart"),
        ({"fixedDelayMilliseconds": -1}, "must be 0 to"),
        ({"status": 99}, "must be a whole number of 200 to 599"),
        ({"status": 200, "somethingNew": 1}, "`somethingNew`"),
    ],
)  # fmt: skip
def test_a_response_that_cannot_be_said_is_refused(response: dict[str, Any], words: str) -> None:
    found = mapping({"urlPath": "/x"}, response)
    assert found.imported.is_empty
    assert words in found.why("mappings[0]")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"urlPath": "/x", "multipartPatterns": [{"name": "a"}]}, "`multipartPatterns`"),
        ({"urlPath": "/x", "customMatcher": {"name": "code"}}, "`customMatcher`"),
        ({"urlPath": "/x", "url": "/y"}, "there can be one"),
        ({"urlPath": "/x", "host": {"matches": ".*"}}, "its host is a pattern"),
        ({"urlPath": "/x", "headers": {"a": {"matches": "("}}}, "is not read here"),
        ({"urlPath": "/x", "headers": {"a": {"before": "now"}}}, "no counterpart"),
        ({"urlPath": "/x", "bodyPatterns": [{"equalToXml": "<a/>"}]}, "equalToXml"),
        ({"urlPath": "/x", "bodyPatterns": [{"equalToJson": "${json-unit.any-string}"}]}, "JSON"),
        ({"urlPath": "/__esr/state"}, "the gateway's own"),
        ({"urlPath": "no slash"}, "does not begin with /"),
    ],
)
def test_a_request_that_cannot_be_said_is_refused(request_: dict[str, Any], words: str) -> None:
    found = mapping(request_)
    assert found.imported.is_empty
    assert words in found.why("mappings[0]")


def test_webhooks_are_left_out_and_said() -> None:
    hooks = [{"name": "webhook", "parameters": {"url": "https://production.example.com"}}]
    found = mapping({"urlPath": "/x"}, serveEventListeners=hooks)
    assert "webhooks are left out" in found.why("mappings[0]")
    assert "production" not in str(found.imported)


def test_a_host_is_a_service_of_its_own() -> None:
    found = mapping({"urlPath": "/x", "host": {"equalTo": "tea.example"}})
    assert found.imported.services[0]["hosts"] == ["tea.example"]
    assert found.ask("GET", "/x", host="tea.example:8080").status == 200
