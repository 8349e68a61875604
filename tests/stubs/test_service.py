"""What a stub is given and what it gives: draws, bodies, memory."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.service import (
    LONGEST_TEXT,
    PROBLEM,
    Asked,
    BadRequestError,
    Memory,
    answer_json,
    answer_problem,
    text_of,
)


def asked(body: bytes = b"", *, request_id: int = 1, seed: int = 1) -> Asked:
    headers = {b"idempotency-key": b"caf\xe9"}
    return Asked("svc", "POST", "/x", "", {}, headers, body, request_id, seed)


def test_draws_depend_on_seed_and_request_alone() -> None:
    one, other = asked(b"{}", request_id=31), asked(b"else", request_id=31)
    assert (one.latency_draw, one.chance) == (other.latency_draw, other.chance)
    drawn = {
        asked(request_id=request_id, seed=seed).latency_draw
        for request_id in range(20)
        for seed in range(20)
    }
    assert len(drawn) == 400


def test_the_draws_of_one_request_are_independent() -> None:
    assert asked().latency_draw != asked().chance


@given(st.text(), st.integers(1, 18), st.integers())
def test_a_number_has_its_digits_and_belongs_to_its_text(text: str, digits: int, seed: int) -> None:
    number = asked(seed=seed).number_for(text, digits)
    assert len(number) == digits
    assert number.isdigit()
    assert number == asked(seed=seed, request_id=2).number_for(text, digits)


def test_a_header_is_text_whatever_its_bytes() -> None:
    assert asked().header(b"idempotency-key") == "café"
    assert asked().header(b"accept") == ""


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(b"", {}, id="none"),
        pytest.param(b"{}", {}, id="empty"),
        pytest.param(b' {"a": 1}\n', {"a": 1}, id="spaced"),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="twice the same name"),
        pytest.param(b'{"a": 1' + b"0" * 30 + b"}", {"a": 1e30}, id="huge integer"),
        pytest.param('{"é": "\\u0000"}'.encode(), {"é": "\0"}, id="NUL escape"),
    ],
)
def test_a_body_is_a_json_object(body: bytes, fields: object) -> None:
    assert asked(body).json() == fields


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"1", id="a number"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b" ", id="a space"),
        pytest.param(b"a=1&b=2", id="a form"),
        pytest.param(b"\xff\xfe{}", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b'{"a": "\xe9"}', id="latin-1"),
        pytest.param(b'{"a": NaN}', id="not a number"),
        pytest.param(b'{"a": 1e400}', id="too large for a float"),
        pytest.param(b'{"a": "\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, id="too deep"),
        pytest.param(b"\0" * 100, id="NULs"),
    ],
)
def test_any_other_body_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="must be a JSON object"):
        asked(body).json()


@given(st.binary())
def test_no_body_raises_anything_else(body: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        assert isinstance(asked(body).json(), dict)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("C-1", "C-1", id="text"),
        pytest.param("", "", id="empty text stays"),
        pytest.param("x" * 999, "x" * LONGEST_TEXT, id="long text is cut"),
        pytest.param(17, "17", id="integer"),
        pytest.param(1e30, "1e+30", id="float"),
        pytest.param(None, "?", id="null"),
        pytest.param([1], "?", id="list"),
        pytest.param({"a": 1}, "?", id="object"),
    ],
)
def test_only_texts_and_numbers_are_echoed(value: object, text: str) -> None:
    assert text_of(value, "?") == text


def test_answers_are_json() -> None:
    answer = answer_json(201, payment="PAY-1", status="accepted")
    assert (answer.status, answer.content_type) == (201, b"application/json")
    assert orjson.loads(answer.body) == {"payment": "PAY-1", "status": "accepted"}


def test_a_problem_is_a_problem_document() -> None:
    answer = answer_problem(400, "Bad request", "no")
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert orjson.loads(answer.body) == {
        "type": "about:blank",
        "title": "Bad request",
        "status": 400,
        "detail": "no",
    }


def test_memory_forgets_the_oldest() -> None:
    memory: Memory[int] = Memory(3)
    for number in range(5):
        memory.put(str(number), number)
    assert [memory.get(str(number)) for number in range(5)] == [None, None, 2, 3, 4]


def test_memory_keeps_what_was_put_again() -> None:
    memory: Memory[int] = Memory(2)
    for key in ("a", "b", "a", "c"):
        memory.put(key, 1)
    assert [memory.get(key) for key in "abc"] == [1, None, 1]


def test_memory_tells_long_keys_apart_without_keeping_them() -> None:
    memory: Memory[int] = Memory()
    memory.put("k" * 60_000 + "a", 1)
    memory.put("k" * 60_000 + "b", 2)
    assert memory.get("k" * 60_000 + "a") == 1
    assert memory.get("k" * 60_000 + "b") == 2
    assert memory.get("k" * 60_000) is None
    assert max(map(len, memory._kept)) < 2 * LONGEST_TEXT


@given(st.lists(st.text(max_size=4)), st.integers(1, 5))
def test_memory_is_bounded(keys: list[str], size: int) -> None:
    memory: Memory[int] = Memory(size)
    for number, key in enumerate(keys):
        memory.put(key, number)
        assert memory.get(key) == number
        assert len(memory) <= size
