"""How often was this called, with what, and what is said when it was not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.expectation import KEYS, parse_expectation
from stubs.journal import CALLBACK_ROUTE, Entry
from stubs.verification import Verification, includes, verify
from switchboard.errors import RuleError
from tests.stubs.entries import entry, journal_of

PAY = entry(
    "ach",
    "POST /payments",
    target="/payments?dry=0&x=1",
    status=201,
    at_ms=1000,
    headers={b"idempotency-key": b"k-1", b"x-tenant-id": b"t1"},
    body=b'{"amount": 12, "payee": {"id": "C-1", "name": "Ann"}, "tags": [1, 2]}',
)
PAY_AGAIN = entry("ach", "POST /payments", target="/payments", status=503, at_ms=2000, body=b"{")
LOGIN = entry("svc", "POST /login", at_ms=3000, faults=("f1",))
HOOK = entry("ach", CALLBACK_ROUTE, target="http://127.0.0.1:1/x", ending="sent")


def judge(expectation: Any, *entries: Entry) -> Verification:
    journal = journal_of(*(entries or (PAY, PAY_AGAIN, LOGIN, HOOK)))
    return verify(journal, parse_expectation(expectation))


@pytest.mark.parametrize(
    ("expectation", "count"),
    [
        pytest.param({}, 3, id="anything but callbacks"),
        pytest.param({"service": "ach"}, 2, id="service"),
        pytest.param({"method": "post", "path": "/payments"}, 2, id="method and path"),
        pytest.param({"path": "/pay*"}, 2, id="glob"),
        pytest.param({"route": "POST /payments", "status": "2xx"}, 1, id="route and status"),
        pytest.param({"route": CALLBACK_ROUTE}, 1, id="callbacks when asked"),
        pytest.param({"fault": "f1"}, 1, id="fault"),
        pytest.param({"query": {"dry": 0}}, 1, id="query"),
        pytest.param({"query": {"dry": {"absent": True}}}, 2, id="absent"),
        pytest.param({"headers": {"Idempotency-Key": "k-1"}}, 1, id="header, any case"),
        pytest.param({"headers": {"x-tenant-id": {"contains": "t"}}}, 1, id="contains"),
        pytest.param({"json": {"amount": 12}}, 1, id="part of the JSON"),
        pytest.param({"json": {"payee": {"id": "C-1"}}}, 1, id="part of a part"),
        pytest.param({"json": {"tags": [1, 2]}}, 1, id="a whole list"),
        pytest.param({"since_ms": 2000}, 2, id="since"),
        pytest.param({"after": 2}, 1, id="after"),
    ],
)
def test_what_is_counted(expectation: Any, count: int) -> None:
    assert judge({**expectation, "exactly": count}).count == count
    assert judge({**expectation, "exactly": count}).ok


@pytest.mark.parametrize(
    ("bounds", "verdicts"),
    [
        ({}, [False, True, True, True]),
        ({"at_least": 2}, [False, False, True, True]),
        ({"at_most": 1}, [True, True, False, False]),
        ({"exactly": 2}, [False, False, True, False]),
        ({"exactly": 0}, [True, False, False, False]),
        ({"never": True}, [True, False, False, False]),
        ({"at_least": 1, "at_most": 2}, [False, True, True, False]),
    ],
)
def test_how_many_are_wanted(bounds: Any, verdicts: list[bool]) -> None:
    expected = parse_expectation({"service": "svc", **bounds})
    found = [verify(journal_of(*[entry()] * count), expected) for count in range(4)]
    assert [each.ok for each in found] == verdicts


@pytest.mark.parametrize(
    ("expectation", "sentence"),
    [
        (
            {"service": "ach", "method": "POST", "path": "/payments", "exactly": 1},
            "POST /payments of ach was called 2 times, wanted exactly once",
        ),
        ({"route": "GET /x"}, "GET /x was never called, wanted at least once"),
        ({"fault": "f1", "never": True}, "anything touched by f1 was called once, wanted never"),
        (
            {"headers": {"a": "b"}, "json": {"a": 1}, "at_least": 2, "at_most": 3},
            "anything with that headers and json was never called, wanted 2 to 3 times",
        ),
        ({"status": "503"}, "anything answered 503 was called once, as wanted"),
    ],
)
def test_the_sentence(expectation: Any, sentence: str) -> None:
    assert judge(expectation).sentence == sentence


def test_what_the_journal_forgot_is_said() -> None:
    journal = journal_of(*[entry() for _ in range(5)], size=3)
    found = verify(journal, parse_expectation({}), journal.crowded_out)
    assert found.sentence.endswith("3 times, as wanted; 2 older calls are no longer in the journal")


def test_the_nearest_come_first_and_say_what_differs() -> None:
    found = judge(
        {"service": "ach", "query": {"dry": 1}, "headers": {"idempotency-key": "k-1"},
         "json": {"amount": 13}}
    )  # fmt: skip
    assert [near.differs for near in found.nearest] == [
        ("query dry is another", "json amount is another"),
        ("query dry is missing", "header idempotency-key is missing", "the body is no JSON"),
        ("service is svc", "query dry is missing", "header idempotency-key is missing",
         "the body is no JSON"),
    ]  # fmt: skip


def test_a_cut_body_is_not_taken_for_another() -> None:
    long = entry(body=b'{"a": "' + b"x" * 5000 + b'"}')
    (near,) = judge({"json": {"a": 1}}, long).nearest
    assert near.differs == ("the body is longer than the 2,048 bytes that are kept of it",)


def test_examples_show_no_secret() -> None:
    secret = entry(headers={b"authorization": b"Bearer abc12345678"})
    found = judge({"headers": {"authorization": "Bearer abc12345678"}}, secret)
    assert found.ok
    assert "abc12345678" not in str(found.to_json())


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([], "must be a mapping"),
        ({"servce": "x"}, "did you mean service?"),
        ({"path": "/a", "route": "GET /a"}, "name one of the two"),
        ({"status": "9"}, "status must be like 404 or 4xx"),
        ({"path": "x" * 300}, "path must be a glob"),
        ({"exactly": 1, "never": True}, "never: contradicts exactly"),
        ({"at_least": 3, "at_most": 2}, "must not be less"),
        ({"exactly": -1}, "whole number"),
        ({"exactly": True}, "whole number"),
        ({"never": False}, "must be true"),
        ({"query": ["a"]}, "mapping of names"),
        ({"query": {"a": None}}, "must be a mapping with equals"),
        ({"query": {"a": {"equals": "x", "absent": True}}}, "one of equals"),
        ({"query": {"a": {"contains": []}}}, "must be text"),
        ({"query": {"a": {"absent": 1}}}, "must be true"),
        ({"headers": {"a": {"like": "x"}}}, "unknown key"),
        ({"since_ms": "1m"}, "recorded milliseconds"),
    ],
)
def test_a_wrong_expectation_says_what_would_be_right(raw: Any, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_expectation(raw)
    assert says in str(caught.value)


def test_every_fault_of_an_expectation_is_said_at_once() -> None:
    with pytest.raises(RuleError) as caught:
        parse_expectation({"servce": "x", "status": "9", "exactly": "two", "query": []})
    assert len(caught.value.faults) == 4


def test_an_expectation_that_nests_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(RuleError, match="at most 30 levels"):
        parse_expectation({"json": deep})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=2), inside),
    max_leaves=5,
)


@given(JSON, JSON)
def test_a_value_includes_itself_and_nothing_that_is_no_part_of_it(one: Any, other: Any) -> None:
    assert includes(one, one)
    if includes(one, other) and includes(other, one):
        assert one == other


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_is_expected_is_judged_or_refused(raw: dict[str, Any]) -> None:
    try:
        expected = parse_expectation(raw)
    except RuleError:
        return
    found = verify(journal_of(PAY, LOGIN), expected)
    assert found.ok == (expected.least <= found.count <= (expected.most or found.count))
