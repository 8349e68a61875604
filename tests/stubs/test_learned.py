"""Answers learned from a trace: the mix, the waits, and files that nobody should have written."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import MAX_MS, Moment, wait_of
from stubs.learned import MAX_COUNT, LearnedAnswers
from stubs.service import Answer, Asked


def entry(**changes: Any) -> dict[str, Any]:
    given = {
        "service": "shop",
        "method": "GET",
        "template": "/orders/{id}",
        "count": 4,
        "statuses": {"200": 3, "404": 1},
        "waits_ms": [10.0, 20.0, 100.0],
    }
    return {**given, **changes}


def learned(**changes: Any) -> LearnedAnswers:
    return LearnedAnswers.parse({"routes": [entry(**changes)]})


def answer(answers: LearnedAnswers, request_id: int, method: str = "GET") -> Answer:
    route = answers.find("shop", method, "/orders/17")
    assert route is not None
    return route.handler(Asked("shop", method, "/orders/17", "", {}, {}, b"", request_id, 5))


def mix(answers: LearnedAnswers, count: int = 2_000) -> dict[int, float]:
    counts = Counter(answer(answers, n).status for n in range(count))
    return {status: counts[status] / count for status in sorted(counts)}


def test_statuses_are_as_likely_as_they_were() -> None:
    assert mix(learned(statuses={"200": 90, "404": 7, "503": 3})) == {
        200: pytest.approx(0.90, abs=0.02),
        404: pytest.approx(0.07, abs=0.02),
        503: pytest.approx(0.03, abs=0.02),
    }


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param({"0": 1}, {200}, id="unknown"),
        pytest.param({"100": 1, "103": 2}, {200}, id="1xx is not final"),
        pytest.param({"999": 1, "600": 1, "65535": 2}, {200}, id="no status at all"),
        pytest.param({}, {200}, id="none recorded"),
        pytest.param({"500": 0}, {200}, id="counted zero times"),
        pytest.param({"500": 0, "404": 1}, {404}, id="one counted zero times"),
        pytest.param({"204": 1}, {204}, id="204"),
        pytest.param({"599": 1}, {599}, id="599"),
        pytest.param({"0200": 1}, {200}, id="leading zero"),
    ],
)
def test_every_status_is_one_that_can_be_sent(statuses: object, expected: set[int]) -> None:
    assert set(mix(learned(statuses=statuses), 50)) == expected


def test_statuses_that_become_200_are_added_up() -> None:
    shares = mix(learned(statuses={"200": 40, "999": 30, "0": 20, "404": 10}))
    assert shares == {200: pytest.approx(0.9, abs=0.02), 404: pytest.approx(0.1, abs=0.02)}


def test_waits_follow_the_recorded_quantiles() -> None:
    route = learned().find("shop", "GET", "/orders/1")
    assert route is not None
    assert wait_of(route.latency)(0.0, Moment()) == pytest.approx(0.010)
    assert wait_of(route.latency)(0.5, Moment()) == pytest.approx(0.020)
    assert wait_of(route.latency)(0.75, Moment()) == pytest.approx(0.060)


def test_no_recorded_wait_is_no_wait() -> None:
    route = learned(waits_ms=None).find("shop", "GET", "/orders/1")
    assert route is not None
    assert wait_of(route.latency)(0.999, Moment()) == 0


def test_the_same_request_is_answered_alike() -> None:
    answers = learned(statuses={str(status): 1 for status in range(200, 600)})
    assert [answer(answers, n) for n in range(50)] == [answer(answers, n) for n in range(50)]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_what_has_no_body_has_none(status: int) -> None:
    assert answer(learned(statuses={str(status): 1}), 1).body == b""


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_stays_in_the_sandbox(status: int) -> None:
    assert answer(learned(statuses={str(status): 1}), 1).headers == ((b"location", b"/"),)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_is_a_problem_document(status: int) -> None:
    said = answer(learned(statuses={str(status): 1}), 1)
    assert said.content_type == b"application/problem+json"
    assert orjson.loads(said.body)["status"] == status


TWO_SHOPS = {
    "routes": [
        entry(service="shop", statuses={"200": 1}),
        entry(service="depot", statuses={"404": 1}),
        entry(service="depot", template="/stock", statuses={"503": 1}),
        entry(service="depot", method="", template="(other)", statuses={"429": 1}),
    ]
}


@pytest.mark.parametrize(
    ("service", "method", "path", "status"),
    [
        pytest.param("shop", "GET", "/orders/17", 200, id="its own service"),
        pytest.param("depot", "GET", "/orders/17", 404, id="the other service"),
        pytest.param("mill", "GET", "/orders/17", 200, id="no such service: the first that fits"),
        pytest.param("shop", "GET", "/stock", 503, id="another service's route"),
        pytest.param("shop", "POST", "/orders/17", None, id="another method"),
        pytest.param("shop", "GET", "/orders/17/lines", None, id="longer path"),
        pytest.param("shop", "GET", "(other)", None, id="not by that name"),
    ],
)
def test_a_route_is_found(service: str, method: str, path: str, status: int | None) -> None:
    route = LearnedAnswers.parse(TWO_SHOPS).find(service, method, path)
    asked = Asked(service, method, path, "", {}, {}, b"", 1, 1)
    assert (route and route.handler(asked).status) == status


def test_further_routes_are_found_together() -> None:
    answers = LearnedAnswers.parse(TWO_SHOPS)
    other = answers.find_other("depot")
    assert other is not None
    assert other.template == "(other)"
    assert answers.find_other("shop") is other
    assert learned().find_other("shop") is None


def test_a_recorded_path_is_found_as_it_was_sent() -> None:
    answers = learned(template="/tags/open%20source")
    assert answers.find("shop", "GET", "/tags/open%20source") is not None
    assert answers.find("shop", "GET", "/tags/open source") is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param([], "a list `routes`", id="a list"),
        pytest.param(None, "a list `routes`", id="null"),
        pytest.param("routes", "a list `routes`", id="a text"),
        pytest.param({}, "a list `routes`", id="nothing"),
        pytest.param({"routes": {}}, "a list `routes`", id="routes by name"),
        pytest.param({"routes": [None]}, r"routes\[0\]: must be an object", id="null entry"),
        pytest.param({"routes": [entry(), 5]}, r"routes\[1\]: must", id="number entry"),
        pytest.param({"routes": [{}]}, r"routes\[0\]: `service`", id="empty entry"),
    ],
)
def test_a_file_of_another_shape_is_refused(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LearnedAnswers.parse(value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"service": None}, "`service`", id="service null"),
        pytest.param({"method": 5}, "`method`", id="method number"),
        pytest.param({"template": ["/"]}, "`template`", id="template list"),
        pytest.param({"statuses": None}, "`statuses`", id="statuses null"),
        pytest.param({"statuses": [200]}, "`statuses`", id="statuses list"),
        pytest.param({"statuses": {"ok": 1}}, "'ok'", id="status word"),
        pytest.param({"statuses": {"-1": 1}}, "'-1'", id="status negative"),
        pytest.param({"statuses": {"2_00": 1}}, "'2_00'", id="status with underscore"),
        pytest.param({"statuses": {"²": 1}}, "no status", id="status superscript"),
        pytest.param({"statuses": {"9" * 5_000: 1}}, "no status", id="status of 5000 digits"),
        pytest.param({"statuses": {"": 1}}, "no status", id="status empty"),
        pytest.param({"statuses": {200: 1}}, "no status", id="status no text"),
        pytest.param({"statuses": {"200": -1}}, "whole count for 200", id="count negative"),
        pytest.param({"statuses": {"200": 1.5}}, "whole count", id="count fraction"),
        pytest.param({"statuses": {"200": "3"}}, "whole count", id="count text"),
        pytest.param({"statuses": {"200": True}}, "whole count", id="count truth"),
        pytest.param({"statuses": {"200": None}}, "whole count", id="count null"),
        pytest.param({"statuses": {"200": 10**400}}, "whole count", id="count beyond a float"),
        pytest.param({"statuses": {"200": MAX_COUNT}}, "whole count", id="count beyond exact"),
        pytest.param({"waits_ms": "123"}, "`waits_ms`", id="waits text"),
        pytest.param({"waits_ms": {"1": 2}}, "`waits_ms`", id="waits object"),
        pytest.param({"waits_ms": 5}, "`waits_ms`", id="waits number"),
        pytest.param({"waits_ms": []}, "`waits_ms`: .*at least one", id="waits empty"),
        pytest.param({"waits_ms": [None]}, "`waits_ms`", id="wait null"),
        pytest.param({"waits_ms": ["1"]}, "`waits_ms`", id="wait text"),
        pytest.param({"waits_ms": [True]}, "`waits_ms`", id="wait truth"),
        pytest.param({"waits_ms": [-1]}, "`waits_ms`", id="wait negative"),
        pytest.param({"waits_ms": [2, 1]}, "ascending", id="waits descending"),
        pytest.param({"waits_ms": [math.nan]}, "`waits_ms`", id="wait no number"),
        pytest.param({"waits_ms": [math.inf]}, "`waits_ms`", id="wait endless"),
        pytest.param({"waits_ms": [10**400]}, "`waits_ms`", id="wait beyond a float"),
        pytest.param({"waits_ms": [MAX_MS * 2]}, "a day", id="wait of two days"),
    ],
)
def test_a_hostile_entry_is_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^routes\[2\]: .*" + sentence):
        LearnedAnswers.parse({"routes": [entry(), entry(), entry(**changes)]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(entry())), JSON))
def test_any_entry_is_taken_or_refused_by_value_error(changes: dict[str, Any]) -> None:
    try:
        answers = learned(**changes)
    except ValueError as error:
        said = str(error)
    else:
        said = "routes[0]: fine"
        for route in answers:
            asked = Asked("shop", route.method, "/", "", {}, {}, b"", 1, 1)
            assert 200 <= route.handler(asked).status <= 599
            assert 0 <= wait_of(route.latency)(0.5, Moment()) <= MAX_MS / 1000
    assert said.startswith("routes[0]: ")
    assert len(said.splitlines()) == 1
