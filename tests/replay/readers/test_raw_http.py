from __future__ import annotations

import gzip
import re
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.raw_body import MAX_DECODED
from replay.readers.raw_http import (
    HEAD_TOO_LONG,
    MAX_HEAD,
    build_url,
    is_host,
    parse_answer,
    parse_request,
)
from switchboard.event import EventError


def request(*lines: str, body: bytes = b"", first: str = "POST /a?x=1 HTTP/1.1") -> bytes:
    return "\r\n".join((first, *lines)).encode() + b"\r\n\r\n" + body


def answer(*lines: str, body: bytes = b"", first: str = "HTTP/1.1 200 OK") -> bytes:
    return request(*lines, body=body, first=first)


def test_a_request_is_taken_apart_without_its_framing() -> None:
    data = request("Host: a.example:8080", "A:  1 ", "Content-Length: 2", "a: 2", body=b"\0\n")
    found = parse_request(data)
    assert found.method == "POST"
    assert found.target == "/a?x=1"
    assert found.host == "a.example:8080"
    assert found.headers == (("Host", "a.example:8080"), ("A", "1"), ("a", "2"))
    assert found.body == b"\0\n"


def test_chunks_are_joined_and_trailers_dropped() -> None:
    chunks = b"4;x=y\r\nab\r\n\r\n1 \r\n\0\r\n0\r\nX-Sum: 1\r\n\r\n"
    found = parse_request(request("Transfer-Encoding: Chunked", "A: b", body=chunks))
    assert found.body == b"ab\r\n\0"
    assert found.headers == (("A", "b"),)


def test_a_coded_request_body_is_sent_as_it_was() -> None:
    coded = gzip.compress(b"hello")
    lines = ("Content-Encoding: gzip", f"Content-Length: {len(coded)}")
    found = parse_request(request(*lines, body=coded))
    assert found.body == coded
    assert ("Content-Encoding", "gzip") in found.headers


@pytest.mark.parametrize(
    ("first", "target"),
    [
        ("GET / HTTP/1.0", "/"),
        ("GET http://b.example/x HTTP/1.1", "http://b.example/x"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("GET /<script>\"'|\\^` HTTP/1.1", "/<script>\"'|\\^`"),
        ("GET /%00%0d%0a/../../etc HTTP/1.1", "/%00%0d%0a/../../etc"),
        ("GET /é HTTP/1.1", "/%C3%A9"),
    ],
)
def test_targets_are_carried_as_they_stand(first: str, target: str) -> None:
    assert parse_request(request(first=first)).target == target


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "head without an end"),
        (b"GET / HTTP/1.1\r\nA: b\r\n", "head without an end"),
        (b"GET / HTTP/1.1\n\n", "head without an end"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n", HEAD_TOO_LONG),
        (request(first="GET /"), "bad request line"),
        (request(first="GET / HTTP/0.9"), "bad request line"),
        (request(first="GET / HTTP/2.0"), "bad request line"),
        (request(first="GET / HTTP/1.10"), "bad request line"),
        (request(first="GET  / HTTP/1.1"), "bad request line"),
        (request(first="GET /a b HTTP/1.1"), "bad request line"),
        (request(first="GET /\x01 HTTP/1.1"), "bad request line"),
        (request(first="GET /\t HTTP/1.1"), "bad request line"),
        (request(first="\x16\x03\x01"), "bad request line"),
        (b"\r\n" + request(), "bad request line"),
        (request("A b"), "bad header"),
        (request(": b"), "bad header"),
        (request("A : b"), "bad header"),
        (request("Ä: b"), "bad header"),
        (request("A: b", " folded"), "folded header"),
        (request("A: b", "\tfolded"), "folded header"),
        (request(" A: b"), "folded header"),
        (request("A: b\nX: y"), "lone CR, LF or NUL in the head"),
        (request("A: b\rX: y"), "lone CR, LF or NUL in the head"),
        (request("A: b\0"), "lone CR, LF or NUL in the head"),
        (b"GET / HTTP/1.1\nX: y\r\n\r\n", "lone CR, LF or NUL in the head"),
        (request("Host: a", "host: b"), "two hosts"),
        (request("Host: a/../b"), "bad host"),
        (request("Host: a@b"), "bad host"),
        (request("Host: a b"), "bad host"),
        (request("Host: é"), "bad host"),
        (request("Content-Length: 1"), "body shorter than its length"),
        (request("Content-Length: 1", body=b"ab"), "bytes after the message"),
        (request(body=b"GET /admin HTTP/1.1\r\n\r\n"), "bytes after the message"),
        (request("Content-Length: 0", "Content-Length: 0"), "two lengths"),
        (request("Content-Length: 0, 0"), "bad length"),
        (request("Content-Length: +0"), "bad length"),
        (request("Content-Length: 0x0"), "bad length"),
        (request("Content-Length: -1"), "bad length"),
        (request("Content-Length:"), "bad length"),
        (request("Content-Length: ١", body=b"a"), "bad length"),
        (request("Content-Length: 9999999999999999"), "bad length"),
        (request("Content-Length: 0", "Transfer-Encoding: chunked"), "both a length and chunks"),
        (request("Transfer-Encoding: gzip, chunked"), "unknown transfer-encoding"),
        (request("Transfer-Encoding: identity"), "unknown transfer-encoding"),
        (request("Transfer-Encoding: chunked\x0b"), "unknown transfer-encoding"),
        (request(*["Transfer-Encoding: chunked"] * 2), "unknown transfer-encoding"),
        (
            request("Transfer-Encoding: chunked", first="GET / HTTP/1.0", body=b"0\r\n\r\n"),
            "chunks in HTTP/1.0",
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(EventError, match=f"^{re.escape(reason)}$"):
        parse_request(data)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        (b"", "bad chunk"),
        (b"0\r\n", "bad chunk"),
        (b"1\r\na\r\n", "bad chunk"),
        (b"1\r\nab\r\n0\r\n\r\n", "bad chunk"),
        (b"1\na\n0\n\n", "bad chunk"),
        (b"-1\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"+1\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"0x1\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b" 1\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"1_0\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"1;\n\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"ffffffffffffffff\r\na\r\n0\r\n\r\n", "bad chunk"),
        (b"0" * 5_000 + b"\r\n\r\n", "bad chunk"),
        (b"0\r\nbad trailer\r\n\r\n", "bad chunk"),
        (b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n", "bytes after the message"),
    ],
)
def test_bad_chunks_are_refused(chunks: bytes, reason: str) -> None:
    with pytest.raises(EventError, match=f"^{reason}$"):
        parse_request(request("Transfer-Encoding: chunked", body=chunks))


def test_a_head_may_be_as_long_as_the_limit() -> None:
    first = b"GET / HTTP/1.1\r\nA: "
    fits = first + b"b" * (MAX_HEAD - len(first) - 4) + b"\r\n\r\n"
    assert len(fits) == MAX_HEAD
    assert parse_request(fits).method == "GET"
    with pytest.raises(EventError, match=HEAD_TOO_LONG):
        parse_request(first + b"b" + fits[len(first) :])


def test_an_answer_is_taken_apart_and_decoded() -> None:
    for coding, body in (
        ("gzip", gzip.compress(b"hello")),
        ("X-Gzip", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
    ):
        length = f"Content-Length: {len(body)}"
        data = answer(length, f"Content-Encoding: {coding}", "A: b", body=body)
        assert parse_answer(data, "GET") == (200, (("A", "b"),), b"hello")


def test_a_coding_that_cannot_be_undone_stays() -> None:
    coded = gzip.compress(b"hello")
    for coding, body in (
        ("br", b"\x0b\x02\x80hello\x03"),
        ("gzip", b"hello"),
        ("gzip", coded[:-3]),
        ("gzip", coded + b"x"),
        ("gzip, gzip", gzip.compress(coded)),
    ):
        data = answer(f"Content-Encoding: {coding}", body=body)
        assert parse_answer(data, "GET") == (200, (("Content-Encoding", coding),), body)


def test_a_body_that_grows_without_end_counts_as_not_recorded() -> None:
    bomb = gzip.compress(bytes(MAX_DECODED + 1))
    assert parse_answer(answer("Content-Encoding: gzip", body=bomb), "GET").body is None
    fits = gzip.compress(bytes(MAX_DECODED))
    found = parse_answer(answer("Content-Encoding: gzip", body=fits), "GET").body
    assert found == bytes(MAX_DECODED)


@pytest.mark.parametrize(
    ("data", "method", "status", "body"),
    [
        (answer(body=b"until the end"), "GET", 200, b"until the end"),
        (answer(), "GET", 200, None),
        (answer("Content-Length: 0"), "GET", 200, b""),
        (answer("Content-Length: 5"), "HEAD", 200, None),
        (answer(first="HTTP/1.1 204 No Content"), "GET", 204, None),
        (answer("Content-Length: 5", first="HTTP/1.1 304 Not Modified"), "GET", 304, None),
        (answer(first="HTTP/1.1 200"), "GET", 200, None),
        (answer(first="HTTP/1.0 503 "), "GET", 503, None),
        (answer("Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n"), "GET", 200, b"a"),
        (answer("Transfer-Encoding: chunked", body=b"1\r\na"), "GET", 200, None),
        (answer("Content-Length: 5", body=b"cut"), "GET", 200, None),
        (answer(first="HTTP/1.1 100 Continue") + answer(body=b"x"), "POST", 200, b"x"),
        (answer(first="HTTP/1.1 100 Continue"), "POST", 100, None),
        (answer(first="HTTP/1.1 101 Switching", body=b"\x81\x00"), "GET", 101, None),
    ],
)
def test_answers(data: bytes, method: str, status: int, body: bytes | None) -> None:
    found = parse_answer(data, method)
    assert (found.status, found.body) == (status, body)
    assert parse_answer(data, method, with_body=False).body is None


@pytest.mark.parametrize(
    "first", ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/2 200", "HTTP/1.1 099 x", "200 OK", ""]
)
def test_an_answer_without_a_status_is_none(first: str) -> None:
    with pytest.raises(EventError, match=r"^bad status line$"):
        parse_answer(answer(first=first), "GET")


def test_interim_answers_have_an_end() -> None:
    data = answer(first="HTTP/1.1 100 Continue") * 5_000
    assert parse_answer(data, "GET").status == 100


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        ("/a", "h:1", "http://h:1/a"),
        ("/a", None, "/a"),
        ("//a", "h", "http://h//a"),
        ("https://x/a", "h", "https://x/a"),
        ("*", "h", "*"),
    ],
)
def test_urls(target: str, host: str | None, url: str) -> None:
    assert build_url(target, host) == url


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a", True),
        ("a.b-c_d:65535", True),
        ("[::1]:80", True),
        ("127.0.0.1", True),
        ("", False),
        ("a:", False),
        ("a:b", False),
        ("a:1:2", False),
        ("a/b", False),
        ("a\n", False),
        ("a" * 254, False),
    ],
)
def test_hosts(text: str, fits: bool) -> None:
    assert is_host(text) is fits


PIECES = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 100 C\r\n\r\n",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Host: a\r\n",
            b"\r\n",
            b"\n",
            b"abc",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            gzip.compress(b"abc"),
        ]
    )
    | st.binary(max_size=20),
    max_size=10,
).map(b"".join)


@given(PIECES)
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for read in (parse_request, lambda data: parse_answer(data, "GET")):
        with suppress(EventError):
            found = read(data)
            assert all("\r" not in text and "\n" not in text for _, text in found.headers)


@settings(max_examples=50)
@given(st.binary(max_size=200), st.lists(st.integers(1, 50), min_size=1, max_size=9))
def test_chunks_hold_any_bytes(body: bytes, sizes: list[int]) -> None:
    parts, at = [], 0
    for size in (*sizes, len(body) or 1):
        part = body[at : at + size]
        at += size
        parts.append(b"%x\r\n%s\r\n" % (len(part), part) if part else b"")
    data = request("Transfer-Encoding: chunked", body=b"".join(parts) + b"0\r\n\r\n")
    assert parse_request(data).body == body


def test_long_hostile_input_is_read_in_one_pass() -> None:
    """Each of these would take hours if any part of it were looked at again and again."""
    size = 1 << 20
    for body in (b"0" * size, b"1\r\n" * size, b";" * size, b"1;" + b" " * size, b"\r" * size):
        with pytest.raises(EventError):
            parse_request(request("Transfer-Encoding: chunked", body=body))
    for filler in (b" ", b"\t", b":", b"\r", b"a:", b"\r\n "):
        with pytest.raises(EventError):
            parse_request(b"GET / HTTP/1.1\r\nA:" + filler * (MAX_HEAD // len(filler)))
    many = b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n"
    assert len(parse_request(request("Transfer-Encoding: chunked", body=many)).body) == 200_000
