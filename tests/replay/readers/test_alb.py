from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.alb import ALB, parse_line
from replay.readers.head import Head
from switchboard.event import EventError
from tests.replay.readers.collecting import read_bytes

# As Amazon's own documentation shows them, with documentation addresses and accounts.
HTTP = (
    "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.39:2817 "
    "10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "
    '"GET http://www.example.com:80/?a=b&c=d HTTP/1.1" "curl/7.46.0" - - '
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "
    '"Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" '
    '"-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.0.9'
)
HTTPS = (
    "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.39:2817 "
    "10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "
    '"GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 '
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "
    '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:1234" 1'
)
END_NS = 1_530_570_180_186_641_000


def wrapped(kind: str, request: str) -> bytes:
    return HTTP.replace("http 2", f"{kind} 2", 1).replace(
        "GET http://www.example.com:80/?a=b&c=d HTTP/1.1", request
    ).encode()  # fmt: skip


def test_all_fields() -> None:
    entry = parse_line(HTTP.encode())
    event = entry.event
    assert event.ts_ns == 1_530_570_168_364_000_000  # field 22, not field 2
    assert (event.method, event.url) == ("GET", "http://www.example.com/?a=b&c=d")
    assert (event.status, event.wait_ms) == (200, 1)
    assert event.headers == (("user-agent", "curl/7.46.0"),)
    assert (entry.client, entry.connection) == ("192.0.2.39\0curl/7.46.0", "TID_1234abcd5678ef90")
    assert entry.inferred
    assert not entry.coarse


def test_a_line_of_before_field_22_begins_where_its_times_say() -> None:
    event = parse_line(HTTPS.encode()).event
    assert event.ts_ns == END_NS - 171_000_000
    assert event.url == "https://www.example.com/"
    assert event.wait_ms == 171


@pytest.mark.parametrize("fields", range(13, 35))
def test_from_13_to_34_fields(fields: int) -> None:
    head, request, rest = HTTP.partition('"GET http://www.example.com:80/?a=b&c=d HTTP/1.1"')
    more = rest.split(" ")
    text = " ".join([head + request, *more[1 : fields - 12]])
    assert parse_line(text.encode()).event.method == "GET"
    assert ALB.recognises(Head(text.encode()))


@pytest.mark.parametrize(
    ("kind", "asked", "url"),
    [
        ("h2", "GET https://ex.com:443/ HTTP/2.0", "https://ex.com/"),
        ("https", "GET https://ex.com:8443/a HTTP/1.1", "https://ex.com:8443/a"),
        ("http", "GET http://ex.com:443/a HTTP/1.1", "http://ex.com:443/a"),
        ("ws", "GET ws://ex.com:80/chat HTTP/1.1", "http://ex.com/chat"),
        ("wss", "GET wss://ex.com:443/chat HTTP/1.1", "https://ex.com/chat"),
        ("grpcs", "POST https://ex.com:443/p.S/M HTTP/2.0", "https://ex.com/p.S/M"),
        ("http", "GET http://[2001:db8::1]:80/ HTTP/1.1", "http://[2001:db8::1]/"),
        ("http", "GET http://ex.com:80/a b HTTP/1.1", "http://ex.com/a%20b"),
        ("http", "GET http://ex.com:80?x HTTP/1.1", "http://ex.com?x"),
        ("http", "GET http://ex.com:80 HTTP/1.1", "http://ex.com/"),
        ("http", r"GET http://ex.com:80/\x22q\x22 HTTP/1.1", 'http://ex.com/"q"'),
        ("http", "GET http://ex.com:80/é HTTP/1.1", "http://ex.com/%C3%A9"),
    ],
)
def test_urls(kind: str, asked: str, url: str) -> None:
    assert parse_line(wrapped(kind, asked)).event.url == url


def test_an_ipv6_client_and_an_answer_that_never_came() -> None:
    text = HTTP.replace("192.0.2.39:2817", "2001:db8::1:2817").replace("0.000 0.001", "-1 -1")
    entry = parse_line(text.replace(" 200 200 ", " 502 - ").encode())
    assert entry.client == "2001:db8::1\0curl/7.46.0"
    assert (entry.event.wait_ms, entry.event.status) == (None, 502)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (wrapped("http", "- http://ex.com:80- -"), "garbage request"),
        (wrapped("http", "- http://ex.com:80- - "), "garbage request"),
        (wrapped("http", "-"), "garbage request"),
        (wrapped("http", "GET http://-/ HTTP/1.1"), "garbage request"),
        (wrapped("http", "GET nowhere HTTP/1.1"), "bad url"),
        (HTTP[:120].encode(), "cut line"),
        (HTTP[:150].encode(), "cut line"),
        (HTTP.replace("2018-07-02T22:22:48", "2018-07-02T25:22:48").encode(), "bad ts"),
        (b"", "blank line"),
        (b"hello world", "not an ALB line"),
        (b"tls 2018-07-02T22:23:00.186641Z a b c", "not an ALB line"),
    ],
)
def test_lines_that_cannot_be_used_say_why(text: bytes, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_line(text)
    assert caught.value.reason == reason


def test_a_cut_request_is_not_taken_for_a_whole_one() -> None:
    cut = HTTP[: HTTP.index("c=d")]
    with pytest.raises(EventError, match="cut line"):
        parse_line(cut.encode())


@pytest.mark.parametrize(
    "hostile",
    [
        HTTP.encode() + b' "' * 30_000,
        HTTP[:110].encode() + b' "\\"' * 20_000,
        HTTP[:110].encode() + b" " * 60_000,
        wrapped("http", "GET http://" + "a" * 60_000),
        b"http " * 12_000,
    ],
)
def test_no_line_takes_long(hostile: bytes) -> None:
    began = time.process_time()
    ALB.recognises(Head(hostile))
    with contextlib.suppress(EventError):
        parse_line(hostile)
    assert time.process_time() - began < 2


@given(st.integers(0, 600), st.binary(max_size=3), st.binary(max_size=80))
def test_any_file_is_entries_and_reasons(at: int, piece: bytes, more: bytes) -> None:
    good = HTTP.encode()
    data = b"\n".join((good[:at] + piece + good[at + 1 :], HTTPS.encode(), more))
    found = read_bytes(data, ALB)
    lines = data.removesuffix(b"\n").count(b"\n") + 1 if data else 0
    assert len(found.entries) + len(found.skips) == lines
