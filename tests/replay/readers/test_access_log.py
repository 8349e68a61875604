from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.building.rows import Rows
from replay.readers.access_log import COMBINED as COMBINED_FORMAT
from replay.readers.access_log import COMMON as COMMON_FORMAT
from replay.readers.access_log import parse_line, read_access_log
from replay.readers.fast_access_log import FastAccessLog
from replay.readers.head import Head
from replay.readers.source import Source, TraceFile
from replay.tape import TapeWriter
from switchboard.event import EventError

STAMP = "[10/Oct/2000:13:55:36 -0700]"
NS = 971_211_336_000_000_000
COMMON = f'127.0.0.1 - - {STAMP} "GET /a.gif?x=1 HTTP/1.0" 200 2326'
AGENT = "Mozilla/4.08 [en] (Win98; I)"
COMBINED = f'{COMMON} "http://www.example.com/start.html" "{AGENT}"'


def line(request: str = "GET / HTTP/1.1", *, status: str = "200", host: str = "h") -> bytes:
    return f'{host} - - {STAMP} "{request}" {status} -'.encode()


def test_a_common_line() -> None:
    entry = parse_line(COMMON.encode())
    assert entry.event.ts_ns == NS
    assert (entry.event.method, entry.event.url) == ("GET", "/a.gif?x=1")
    assert entry.event.status == 200
    assert entry.event.headers == ()
    assert entry.event.user is None
    assert entry.client == "127.0.0.1\0"
    assert entry.coarse
    assert entry.inferred


def test_a_combined_line_keeps_the_user_agent_and_drops_the_referer() -> None:
    entry = parse_line(COMBINED.encode())
    assert entry.event.headers == (("user-agent", AGENT),)
    assert "example.com" not in repr(entry)
    assert entry.client == f"127.0.0.1\0{AGENT}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (line("GET /a b HTTP/1.1"), "/a%20b"),
        (line(r"GET /\"q\" HTTP/1.1"), '/"q"'),
        (line(r"GET /\\ HTTP/1.1"), "/\\"),
        (line(r"GET /\xc3\xa9 HTTP/1.1"), "/%C3%A9"),
        (line("GET /é HTTP/1.1"), "/%C3%A9"),
        (line("GET /é HTTP/1.1").decode().encode("latin-1"), "/%E9"),
        (line(r"GET /\xff HTTP/1.1"), "/%FF"),
        (line("GET http://h.example/x HTTP/1.1"), "http://h.example/x"),
        (line("GET /../../etc/passwd HTTP/1.1"), "/../../etc/passwd"),
        (line("GET /?id=1'%20OR%20'1'='1 HTTP/1.1"), "/?id=1'%20OR%20'1'='1"),
        (line() + b"\r", "/"),
        (b"\0" * 40 + line(), "/"),
        (line() + b' "-" "-" "extra" 0.003', "/"),
        (line() + b' "-" "cut off', "/"),
        (line(host="2001:db8::1"), "/"),
        (line(host="-"), "/"),
        (line(status="-"), "/"),
        (line()[:-2], "/"),
        (line().replace(b"- -", b"- a user", 1), "/"),
        (line().replace(b"- -", b"- [bracket]", 1), "/"),
        (line().replace(b"- -", b"-  ", 1), "/"),
    ],
    ids=[
        "space",
        "quote",
        "backslash",
        "escaped UTF-8",
        "raw UTF-8",
        "Latin-1",
        "no UTF-8",
        "absolute",
        "path traversal",
        "SQL",
        "CR",
        "NUL padding",
        "extra fields",
        "cut off",
        "IPv6",
        "no client",
        "no status",
        "no size",
        "user with a space",
        "user with a bracket",
        "empty user",
    ],
)
def test_lines_as_servers_write_them(text: bytes, url: str) -> None:
    assert parse_line(text).event.url == url


@pytest.mark.parametrize(
    "wrapped",
    [
        '"' + COMBINED.replace('"', '""') + '"',
        '"' + COMBINED.replace('"', '\\"') + '"',
        '"' + COMBINED + '"',
        '"' + COMBINED.replace('"', '""') + '"\r',
    ],
    ids=["doubled", "escaped", "as it is", "CR"],
)
def test_a_line_in_quotes_is_read_as_the_line(wrapped: str) -> None:
    assert parse_line(wrapped.encode()) == parse_line(COMBINED.encode())
    assert COMBINED_FORMAT.recognises(Head(wrapped.encode()))


def test_an_empty_part_in_a_line_in_quotes() -> None:
    bare = f'{COMMON} "" "ua"'
    assert parse_line(f'"{bare}"'.encode()) == parse_line(bare.encode())
    doubled = bare.replace('"', '""')
    assert parse_line(f'"{doubled}"'.encode()) == parse_line(bare.encode())


@pytest.mark.parametrize(
    ("before", "url", "client"),
    [
        ("1.2.3.4 - -", "/", "1.2.3.4\0"),
        ("1.2.3.4 - ann", "/", "user\0ann"),
        ("1.2.3.4 - ann b", "/", "user\0ann b"),
        ("www.example.com:443 1.2.3.4 - -", "https://www.example.com/", "1.2.3.4\0"),
        ("www.example.com:80 1.2.3.4 - -", "http://www.example.com/", "1.2.3.4\0"),
        ("www.example.com:8080 isp.example - -", "http://www.example.com:8080/", "isp.example\0"),
        ("www.example.com 2001:db8::1 - ann", "http://www.example.com/", "user\0ann"),
        ("_ 1.2.3.4 - -", "/", "1.2.3.4\0"),
        ("host.example - -", "/", "host.example\0"),
        (" 1.2.3.4 - -", "/", "1.2.3.4\0"),
        ("203.0.113.9, 10.0.0.1 - -", "/", "203.0.113.9\0"),
        ("203.0.113.9, 10.0.0.2, 10.0.0.1 - ann", "/", "user\0ann"),
        ("<190>Oct 11 22:14:15 web nginx: 1.2.3.4 - -", "/", "1.2.3.4\0"),
        ("web_1  | 1.2.3.4 - -", "/", "1.2.3.4\0"),
    ],
)
def test_what_stands_before_the_stamp(before: str, url: str, client: str) -> None:
    entry = parse_line(f'{before} {STAMP} "GET / HTTP/1.1" 200 5'.encode())
    assert (entry.event.url, entry.client, entry.event.user) == (url, client, None)


@pytest.mark.parametrize(
    ("extra", "wait_ms"),
    [
        ("0.003", 3),
        ('"-" 1.250 0.900 .', 1250),
        ('"-" rt=0.004 uct="0.000"', 4),
        ('"gzip" 2.31', None),
        ("10.123.12.1", None),
        ("1234", None),
        ("99999999999999999999.123", None),
    ],
)
def test_the_time_that_a_line_ends_with(extra: str, wait_ms: float | None) -> None:
    assert parse_line(f"{COMBINED} {extra}".encode()).event.wait_ms == wait_ms


def test_behind_a_balancer_the_client_is_the_forwarded_one() -> None:
    entry = parse_line(f'{COMBINED} "203.0.113.9, 10.0.0.1"'.encode())
    assert entry.client == f"203.0.113.9\0{AGENT}"


@pytest.mark.parametrize(
    ("stamp", "ns", "coarse"),
    [
        ("10/Oct/2000:13:55:36.123 -0700", NS + 123_000_000, False),
        ("10/Oct/2000:20:55:36 +0000", NS, True),
        ("2000-10-10T20:55:36+00:00", NS, True),
        ("2000-10-10T20:55:36.5Z", NS + 500_000_000, False),
        ("10/Oct/2000:23:59:60 +0000", NS + 11_064_000_000_000, True),
    ],
)
def test_stamps(stamp: str, ns: int, coarse: bool) -> None:
    entry = parse_line(COMBINED.replace(STAMP, f"[{stamp}]").encode())
    assert (entry.event.ts_ns, entry.coarse) == (ns, coarse)


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
        (line(r"GET / HTTP/1.1\r\nX: y HTTP/1.1"), "bad url"),
        (line().replace(b"Oct", b"Okt"), "bad ts"),
        (line().replace(b"10/", b"32/"), "bad ts"),
        (line().replace(b"2000", b"1970"), "ts outside 1990..2100"),
        (line().replace(b"2000", b"9999"), "ts outside 1990..2100"),
        (b"", "blank line"),
        (b" \r", "blank line"),
        (b"\0\0\0", "NUL bytes"),
        (b"# logs", "comment"),
        (b"hello", "not an access log line"),
        (b"{}", "not an access log line"),
        (COMBINED.encode()[:30], "cut line"),
        (COMBINED.encode()[60:], "cut line"),
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
        b"a b" + b" [10/Oct/2000:13:55:36 -0700] " * 2_000,
        line()[:-6] + b"\\x" * 30_000,
        b'"' * 60_000,
        b"a b " + STAMP.encode() + b' "' + b'" 200 ' * 10_000,
        COMBINED.encode() + b" 1.123" * 10_000,
        b" [" * 30_000,
        b"a " * 30_000,
        COMBINED.encode() + b' "' + b"1," * 30_000,
    ],
    ids=["stamps", "stamps apart", "escapes", "quotes", "ends", "times", "open", "words", "hosts"],
)
def test_no_line_takes_long(hostile: bytes) -> None:
    began = time.process_time()
    COMMON_FORMAT.recognises(Head(hostile))
    with contextlib.suppress(EventError):
        parse_line(hostile)
    assert time.process_time() - began < 2


@given(st.binary(max_size=200))
def test_any_line_is_an_entry_or_a_reason(text: bytes) -> None:
    for candidate in (text, line()[:40] + text, line() + text, b'"' + line() + text + b'"'):
        with contextlib.suppress(EventError):
            parse_line(candidate)


class ScriptedWriter(TapeWriter):
    """Keeps what would go to disk."""

    def __init__(self) -> None:
        self.written: dict[str, bytes] = {}

    def append_bytes(self, file: str, data: bytes | bytearray | memoryview) -> None:
        self.written[file] = self.written.get(file, b"") + bytes(data)


def outcome(lines: list[bytes], *, fast: bool) -> tuple[Any, ...]:
    """What lands on disk and what is skipped, by one of the two ways."""
    writer = ScriptedWriter()
    rows = Rows(writer, Tally())
    quick = FastAccessLog(rows)
    for number, text in enumerate(lines):
        try:
            if not (fast and quick.take(number, text)):
                rows.add(number, parse_line(text))
        except EventError as error:
            rows.skip(number, error.reason)
    rows.close()
    places = (rows.places.hosts(), rows.places.routes())
    return writer.written, rows.tally.skipped, rows.tally.bodies_unknown, places


LINES = st.builds(
    lambda host, ident, stamp, request, status, size, ref, agent, end: (
        f"{host} {ident} [{stamp}] {request} {status} {size} {ref} {agent}{end}".encode()
    ),
    st.sampled_from(["1.2.3.4", "::1", "h.example", "-", "", "a b", "\u00e9"]),
    st.sampled_from(["- -", "- -", "- ann", "x -"]),
    st.sampled_from(
        [
            "10/Oct/2000:13:55:36 -0700",
            "10/Oct/2000:13:55:37 -0700",
            "10/Oct/2000:13:55:60 -0700",
            "10/Oct/2000:13:55:36.1 -070",
            "10/Oct/2000:13:55:36.12345",
            "10/Okt/2000:13:55:36 -0700",
            "31/Dec/2099:23:59:59 +0000",
            "31/Dec/2099:23:59:59 -0100",
            "01/Jan/1990:00:00:00 +0100",
            "10/Oct/2000:25:55:36 -0700",
            "10/Oct/2000 13:55:36 -0700",
        ]
    ),
    st.sampled_from(
        [
            '"GET / HTTP/1.1"',
            '"GET /a/5?x=1 HTTP/1.1"',
            '"get /a/6 HTTP/2"',
            '"POST /a HTTP/1.1"',
            '"GET /a#b HTTP/1.1"',
            '"GET /a?token=secret HTTP/1.1"',
            '"GET /a b HTTP/1.1"',
            '"GET http://h/x HTTP/1.1"',
            '"OPTIONS * HTTP/1.1"',
            '"GET /\\x41 HTTP/1.1"',
            '"GET /\x01 HTTP/1.1"',
            '"-"',
            '"',
        ]
    ),
    st.sampled_from(["200", "000", "-", "99", "999", "20x"]),
    st.sampled_from(["5", "-", "", "5 5", "x"]),
    st.sampled_from(['"-"', '"http://r"', '"', '""']),
    st.sampled_from(['"-"', '""', '"ua"', '"Bearer abc=12345678"', '"a\x01b"', '"é"', "ua"]),
    st.sampled_from(["", "\r", "\r\r", " 0.003", ' "1.1.1.1"', "\0"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=10))
def test_the_fast_way_gives_what_the_defining_way_gives(lines: list[bytes]) -> None:
    # Twice, so that the second time everything is in the caches.
    assert outcome(lines * 2, fast=True) == outcome(lines * 2, fast=False)


def mutated(text: bytes, at: int, piece: bytes) -> bytes:
    return text[: at % len(text)] + piece + text[at % len(text) + len(piece) :]


@given(
    st.lists(
        st.builds(
            mutated,
            st.sampled_from([COMBINED.encode(), COMMON.encode(), line()]),
            st.integers(0, 200),
            st.binary(min_size=1, max_size=2),
        ),
        max_size=5,
    )
)
def test_a_good_line_with_an_error_in_it_goes_one_way(lines: list[bytes]) -> None:
    assert outcome(lines * 2, fast=True) == outcome(lines * 2, fast=False)


def test_a_common_line_goes_the_fast_way() -> None:
    quick = FastAccessLog(Rows(ScriptedWriter(), Tally()))
    assert quick.take(1, COMBINED.encode())
    assert not quick.take(1, COMMON.encode())


@given(st.binary(max_size=400))
def test_every_line_of_a_file_is_used_or_counted(tmp_path_factory: Any, data: bytes) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(COMBINED.encode() + b"\n" + data)
    rows = Rows(ScriptedWriter(), Tally())
    with Source(TraceFile(path, path.name)) as source:
        read_access_log(source, rows)
    rows.close()
    lines = path.read_bytes().removesuffix(b"\n").count(b"\n") + 1
    assert rows.tally.used + sum(rows.tally.skipped.values()) == lines


@pytest.mark.parametrize(
    ("before", "url", "address"),
    [
        ("198.51.100.9 10.0.0.1 - -", "/", "198.51.100.9"),
        ("198.51.100.9, 10.0.0.2 10.0.0.1 - -", "/", "198.51.100.9"),
        ("2001:db8::9 10.0.0.1 - -", "/", "2001:db8::9"),
        ("- 10.0.0.1 - -", "/", "10.0.0.1"),
        ("10.0.0.3:443 198.51.100.9 - -", "https://10.0.0.3/", "198.51.100.9"),
        ("www.example.com 198.51.100.9 - -", "http://www.example.com/", "198.51.100.9"),
        ("198.51.100.9 www.example.com -", "http://www.example.com/", "198.51.100.9"),
        ("198.51.100.9 www.example.com:8080 -", "http://www.example.com:8080/", "198.51.100.9"),
        ("198.51.100.9 ident -", "/", "198.51.100.9"),
    ],
)
def test_what_stands_around_the_address(before: str, url: str, address: str) -> None:
    entry = parse_line(f'{before} {STAMP} "GET / HTTP/1.1" 200 5 "-" "ua"'.encode())
    assert entry.event.url == url
    assert entry.client == f"{address}\0ua"


@pytest.mark.parametrize(
    ("stamp", "coarse"),
    [
        ("2000-10-10 20:55:36", True),
        ("2000-10-10 20:55:36.000", False),
        ("2000-10-10T20:55:36.000", False),
        ("2000-10-10 13:55:36,000 -0700", False),
        ("2000-10-10T13:55:36-07:00", True),
    ],
)
def test_stamps_of_ones_own(stamp: str, coarse: bool) -> None:
    entry = parse_line(f'192.0.2.7 - - [{stamp}] "GET / HTTP/1.1" 200 5'.encode())
    assert (entry.event.ts_ns, entry.coarse) == (NS, coarse)
