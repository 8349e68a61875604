"""Answers as bytes, and what must not get into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.framing import frame, http_date, plain_bytes, sendable
from stubs.service import JSON, Answer


def test_an_answer_is_a_head_and_a_body() -> None:
    assert plain_bytes(Answer(200, b"{}"), is_head=False, keeps_alive=True) == (
        b"HTTP/1.1 200 OK\r\nx-esr-env: sandbox\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("answer", "is_head", "keeps_alive", "expected"),
    [
        pytest.param(Answer(200, b"{}"), True, True, b"content-length: 2\r\n\r\n", id="HEAD"),
        pytest.param(Answer(200, b"{}"), False, False, b"connection: close\r\n\r\n{}", id="closes"),
        pytest.param(Answer(200), False, True, b"content-length: 0\r\n\r\n", id="empty"),
        pytest.param(
            Answer(204, b"x"),
            False,
            True,
            b" 204 No Content\r\nx-esr-env: sandbox\r\n\r\n",
            id="204",
        ),
        pytest.param(
            Answer(205, b"x"),
            False,
            True,
            b"content-type: application/json\r\ncontent-length: 0\r\n\r\n",
            id="205",
        ),
        pytest.param(
            Answer(200, b"x", headers=((b"X-ESR-Env", b"prod"),)),
            False,
            True,
            b"HTTP/1.1 200 OK\r\nx-esr-env: sandbox\r\ncontent-type: application/json\r\n"
            b"content-length: 1\r\n\r\nx",
            id="always the sandbox's",
        ),
        pytest.param(
            Answer(299, b"x", headers=((b"A", b"1"), (b"A", b"2"))),
            False,
            True,
            b" 299 \r\nx-esr-env: sandbox\r\nA: 1\r\nA: 2\r\n"
            b"content-type: application/json\r\ncontent-length: 1\r\n\r\nx",
            id="no phrase, equal names",
        ),
        pytest.param(
            Answer(200, b"x", headers=((b"Content-Type", b"text/odd"),)),
            False,
            True,
            b"\r\nContent-Type: text/odd\r\ncontent-length: 1\r\n\r\nx",
            id="a type among the headers",
        ),
    ],
)
def test_answers_are_framed(
    answer: Answer, is_head: bool, keeps_alive: bool, expected: bytes
) -> None:
    assert plain_bytes(answer, is_head, keeps_alive).endswith(expected)


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"transfer-encoding", b"Connection", b"Upgrade", b"keep-alive"]
)
def test_framing_is_not_a_stubs_to_say(name: bytes) -> None:
    data = plain_bytes(Answer(200, b"{}", headers=((name, b"99"),)), False, True)
    assert b"99" not in data


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(100), id="status of no final answer"),
        pytest.param(Answer(600), id="no status"),
        pytest.param(Answer(200, headers=((b"a", b"b\r\nset-cookie: x"),)), id="line end"),
        pytest.param(Answer(200, headers=((b"a", b"b\0"),)), id="NUL"),
        pytest.param(Answer(200, headers=((b"a b", b"c"),)), id="space in a name"),
        pytest.param(Answer(200, headers=((b"", b"c"),)), id="no name"),
        pytest.param(Answer(200, headers=((b"a:", b"c"),)), id="colon in a name"),
        pytest.param(Answer(200, content_type=b"a\r\nb: c"), id="type with a line end"),
    ],
)
def test_what_is_no_http_is_a_broken_stub(answer: Answer) -> None:
    assert sendable(answer).status == 500
    assert plain_bytes(answer, False, True).startswith(b"HTTP/1.1 500 ")


@given(
    st.integers(-1000, 1000),
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=10)), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_whatever_a_stub_says_is_one_answer(
    status: int,
    body: bytes,
    content_type: bytes,
    headers: list[tuple[bytes, bytes]],
    is_head: bool,
    keeps_alive: bool,
) -> None:
    answer = Answer(status, body, content_type or JSON, tuple(headers))
    data = plain_bytes(answer, is_head, keeps_alive)
    head, end, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [line for line in lines if line.lower().startswith(b"content-length:")]
    assert end
    assert len(lengths) <= 1
    assert all(b":" in line for line in lines[1:])
    if not is_head:
        assert len(rest) == (int(lengths[0].split(b":")[1]) if lengths else 0)


def test_a_date_is_a_date() -> None:
    assert http_date(0) == b"Thu, 01 Jan 1970 00:00:00 GMT"
    assert http_date(1e300) == http_date(0)
    framed = frame(Answer(200), is_head=False, keeps_alive=True, date_s=0.0)
    assert b"\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in framed.head
