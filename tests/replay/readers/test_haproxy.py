from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.haproxy import HAPROXY, NO_ZONE, NOT_A_LINE, parse_line
from replay.readers.head import Head
from replay.readers.sniff import sniff
from switchboard.event import EventError
from tests.replay.readers.collecting import read_bytes

# As HAProxy 2.6 writes them, behind what syslog put before.
BEFORE = "192.0.2.7:37070 [21/Nov/2026:19:25:15.165] web~ app/one"
BEHIND = "- - ---- 2/1/0/0/0 0/0"
LINE = f'{BEFORE} 0/0/1/3/4 200 124 {BEHIND} {{ua #22x#22 \\ #C3#A9|}} {{}} "GET /a?x=1 HTTP/1.1"'
NS = 1_795_289_115_165_000_000


def line(request: str = '"GET / HTTP/1.1"', *, timers: str = "0/0/0/0/7", code: str = "200") -> str:
    return f"{BEFORE} {timers} {code} 5 {BEHIND} {request}"


def test_a_line() -> None:
    assert sniff(Head(LINE.encode())) is HAPROXY
    found = read_bytes(f"{LINE}\n{LINE}\r\n".encode(), HAPROXY)
    assert found.notes == {NO_ZONE: 1}
    for _, entry in found.entries:
        assert entry.event.ts_ns == NS
        assert (entry.event.method, entry.event.url) == ("GET", "/a?x=1")
        assert (entry.event.status, entry.event.wait_ms) == (200, 4)
        assert entry.event.headers == ()
        assert (entry.client, entry.connection) == ("192.0.2.7\0", "192.0.2.7:37070")
        assert not entry.coarse
    assert len(found.entries) == 2


@pytest.mark.parametrize(
    ("request_part", "url"),
    [
        ('"GET /#22q#22#C3#A9 HTTP/1.1"', '/"q"%C3%A9'),
        ('"GET /a b HTTP/1.1"', "/a%20b"),
        ('"GET https://www.example.com/a HTTP/2.0"', "https://www.example.com/a"),
        ('{a "b} "GET /x HTTP/1.1"', "/x"),
        ('"POST / HTTP/1.1"', "/"),
        ('"GET / HTTP/1.1" more of one\'s own', "/"),
    ],
)
def test_requests(request_part: str, url: str) -> None:
    entry = parse_line(line(request_part).encode())
    assert entry.event.url == url
    assert entry.body_unknown is (entry.event.method == "POST")


def test_an_answer_that_never_came() -> None:
    event = parse_line(line(timers="5/0/-1/-1/-1", code="-1").encode()).event
    assert (event.status, event.wait_ms) == (None, None)
    assert parse_line(line(timers="0/0/0/0/+9").encode()).event.wait_ms == 9
    assert parse_line(line().replace("192.0.2.7:", "2001:db8::1:").encode()).connection == (
        "2001:db8::1:37070"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "blank line"),
        ("Server app/one is UP.", NOT_A_LINE),
        ("192.0.2.7:1 [21/Nov/2026:19:25:15.165] web/1: SSL handshake failure", NOT_A_LINE),
        (line('"<BADREQ>"'), "garbage request"),
        (line('"GET /AAAA'), "cut line"),
        (line(""), "cut line"),
        (line('"GET /#0D#0AX: y HTTP/1.1"'), "bad url"),
        (line().replace("21/Nov", "41/Nov"), "bad ts"),
    ],
)
def test_what_cannot_be_used(text: str, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_line(text.encode())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "hostile",
    [
        line(' "' * 32_000),
        line('"' * 65_536),
        "1:" * 32_000,
        "1." * 32_000 + ":1 [",
        f"{BEFORE} " + "1/" * 32_000,
        f"{BEFORE} " + "1" * 65_536,
        line('"GET /' + "#22" * 20_000 + ' HTTP/1.1"'),
    ],
    ids=range(7),
)
def test_no_line_takes_long(hostile: str) -> None:
    began = time.process_time()
    found = read_bytes(hostile.encode(), HAPROXY)
    assert len(found.entries) + len(found.skips) == 1
    assert time.process_time() - began < 2


@given(st.lists(st.binary(max_size=60) | st.just(LINE.encode()), max_size=5))
def test_every_line_is_an_entry_or_a_skip(rows: list[bytes]) -> None:
    rows = [row.replace(b"\n", b"") for row in rows]
    found = read_bytes(b"".join(row + b"\n" for row in [LINE.encode(), *rows]), HAPROXY)
    assert len(found.entries) + len(found.skips) == len(rows) + 1


@given(st.integers(0, len(LINE)), st.binary(max_size=4))
def test_a_line_with_an_error_in_it_is_an_entry_or_a_skip(at: int, error: bytes) -> None:
    whole = LINE.encode()
    found = read_bytes(whole[:at] + error.replace(b"\n", b"") + whole[at + 1 :] + b"\n", HAPROXY)
    assert len(found.entries) + len(found.skips) == 1
