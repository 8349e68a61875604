from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.access_log import COMMON as COMMON_FORMAT
from replay.readers.access_log import parse_line
from replay.readers.head import Head
from switchboard.event import EventError

STAMP = "[10/Oct/2000:13:55:36 -0700]"
COMMON = f'127.0.0.1 - frank {STAMP} "GET /a.gif?x=1 HTTP/1.0" 200 2326'
COMBINED = f'{COMMON} "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I)"'


def line(request: str = "GET / HTTP/1.1", *, status: str = "200", host: str = "h") -> bytes:
    return f'{host} - - {STAMP} "{request}" {status} -'.encode()


def test_a_common_line() -> None:
    entry = parse_line(COMMON.encode())
    assert entry.event.ts_ns == 971_211_336_000_000_000
    assert (entry.event.method, entry.event.url) == ("GET", "/a.gif?x=1")
    assert entry.event.status == 200
    assert entry.event.headers == ()
    assert entry.client == "127.0.0.1"
    assert entry.coarse


def test_a_combined_line_keeps_the_user_agent_and_drops_the_referer() -> None:
    entry = parse_line(COMBINED.encode())
    assert entry.event.headers == (("user-agent", "Mozilla/4.08 [en] (Win98; I)"),)
    assert "example.com" not in repr(entry.event.headers)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (line("GET /a b HTTP/1.1"), "/a%20b"),
        (line(r"GET /\"q\" HTTP/1.1"), '/"q"'),
        (line(r"GET /\xc3\xa9 HTTP/1.1"), "/%C3%A9"),
        (line("GET /é HTTP/1.1"), "/%C3%A9"),
        (line(r"GET /\xff HTTP/1.1"), "/%FF"),
        (line("GET http://h.example/x HTTP/1.1"), "http://h.example/x"),
        (line() + b"\r", "/"),
        (line() + b' "-" "-" "extra" 0.003', "/"),
        (line() + b' "-" "cut off', "/"),
        (line(host="2001:db8::1"), "/"),
        (line(host="-"), "/"),
        (line(status="-"), "/"),
        (line().replace(b"- -", b"- a user", 1), "/"),
    ],
    ids=[
        "space",
        "quote",
        "escaped UTF-8",
        "raw UTF-8",
        "no UTF-8",
        "absolute",
        "CR",
        "extra fields",
        "cut off",
        "IPv6",
        "no client",
        "no status",
        "user with a space",
    ],
)
def test_lines_as_servers_write_them(text: bytes, url: str) -> None:
    assert parse_line(text).event.url == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line("-"), "garbage request"),
        (line(""), "garbage request"),
        (line(r"\x16\x03\x01"), "garbage request"),
        (line("GET /"), "garbage request"),
        (line("G(T / HTTP/1.1"), "garbage request"),
        (line("CONNECT h:443 HTTP/1.1"), "garbage request"),
        (line("GET nowhere HTTP/1.1"), "bad url"),
        (line(r"GET /\x01 HTTP/1.1"), "bad url"),
        (line().replace(b"Oct", b"Okt"), "bad ts"),
        (line().replace(b"10/", b"32/"), "bad ts"),
        (line().replace(b"2000", b"1970"), "ts outside 1990..2100"),
        (line().replace(b"2000", b"9999"), "ts outside 1990..2100"),
        (b"", "blank line"),
        (b" \r", "blank line"),
        (b"hello", "not an access log line"),
        (b"{}", "not an access log line"),
        (None, "line longer than 8 MiB"),
    ],
)
def test_lines_that_cannot_be_used_say_why(text: bytes | None, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_line(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
def test_a_body_that_was_not_recorded_is_noted(method: str) -> None:
    entry = parse_line(line(f"{method} / HTTP/1.1"))
    assert entry.body_unknown is (method in ("POST", "PUT", "PATCH"))


def test_a_status_below_100_is_unknown() -> None:
    assert parse_line(line(status="000")).event.status is None


@pytest.mark.parametrize(
    "hostile",
    [
        b"a b " + b"[10/Oct/2000:13:55:36 -0700] " * 2_000,
        line()[:-6] + b"\\x" * 30_000,
        b'"' * 60_000,
        b"a b " + STAMP.encode() + b' "' + b'" 200 ' * 10_000,
    ],
    ids=["stamps", "escapes", "quotes", "ends"],
)
def test_no_line_takes_long(hostile: bytes) -> None:
    began = time.process_time()
    COMMON_FORMAT.recognises(Head(hostile))
    assert time.process_time() - began < 2


@given(st.binary(max_size=200))
def test_any_line_is_an_entry_or_a_reason(text: bytes) -> None:
    for candidate in (text, line()[:40] + text, line() + text):
        with contextlib.suppress(EventError):
            parse_line(candidate)
