from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.outcome import Failure
from replay.wire import IDLE, MAX_HEAD_BYTES, Wire

GET = b"GET /me HTTP/1.1\r\nHost: svc\r\n\r\n"
HEAD = b"HEAD /me HTTP/1.1\r\nHost: svc\r\n\r\n"
BIG_POST = b"POST /doc HTTP/1.1\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000
OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n3;ext=1\r\n xx\r\n0\r\nX-Trailer: t\r\n\r\n"
)
CHUNKED_CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil it closes"
TO_THE_END_SLY = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\na body\r\nContent-Length: 999\r\n"
GZIP_TO_THE_END = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzipped"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: ws\r\n\r\n"
SWITCHING_BARE = b"HTTP/1.1 101 Switching\r\n\r\n"
OFFERS_UPGRADE = (
    b"HTTP/1.1 200 OK\r\nConnection: Upgrade, Keep-Alive\r\nUpgrade: h2c\r\n"
    b"Content-Length: 2\r\n\r\nok"
)
CLOSES = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
OLD_KEPT = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
SERVER_ERROR = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
LEADING_CRLF = b"\r\n\r\n" + OK

LARGE_HEAD = b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES + b"\r\nContent-Length: 0\r\n\r\n"
MANY_INTERIMS = CONTINUE * (MAX_HEAD_BYTES // len(CONTINUE) + 1)


@dataclass
class ScriptedTransport(asyncio.Transport):
    """Keeps what was written; `left` is what the peer has not read yet."""

    written: list[bytes] = field(default_factory=list)
    left: int = 0
    is_aborted: bool = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        return self.left


@dataclass
class ScriptedOwner:
    """Keeps what it is told; may send again from inside the call, as the engine does."""

    outcomes: list[tuple[int, int, Failure, int]] = field(default_factory=list)
    done_ns: list[int] = field(default_factory=list)
    closed: int = 0
    then: bytes | None = None

    def on_outcome(
        self, wire: Wire, index: int, status: int, failure: Failure, body_bytes: int, done_ns: int
    ) -> None:
        assert wire.index == IDLE
        self.outcomes.append((index, status, failure, body_bytes))
        self.done_ns.append(done_ns)
        if self.then is not None and wire.is_open:
            request, self.then = self.then, None
            wire.send(index + 1, request, 0, 0)

    def on_closed(self, wire: Wire) -> None:
        self.closed += 1


def open_wire() -> tuple[Wire, ScriptedTransport, ScriptedOwner]:
    owner, transport = ScriptedOwner(), ScriptedTransport()
    wire = Wire(owner, lambda: 77)
    wire.connection_made(transport)
    return wire, transport, owner


def play(
    parts: Sequence[bytes], request: bytes = GET, *, ends: bool = False
) -> tuple[Wire, list[tuple[int, int, Failure, int]]]:
    """Send request 5 and feed the parts, as a transport would: nothing after an abort."""
    wire, transport, owner = open_wire()
    wire.send(5, request, 0, 1)
    for part in parts:
        if part and not transport.is_aborted:
            wire.data_received(part)
    if ends and not transport.is_aborted:
        assert not wire.eof_received()
    if ends or transport.is_aborted:
        wire.connection_lost(None)
    return wire, owner.outcomes


def answered(status: int, body_bytes: int) -> list[tuple[int, int, Failure, int]]:
    return [(5, status, Failure.NONE, body_bytes)]


def failed(failure: Failure, body_bytes: int = 0) -> list[tuple[int, int, Failure, int]]:
    return [(5, 0, failure, body_bytes)]


WHOLE = {
    "length": (GET, OK, 200, 2, True),
    "large body": (GET, OK_LARGE, 200, 90_000, True),
    "chunked, with an extension and a trailer": (GET, CHUNKED, 201, 8, True),
    "204": (GET, NO_CONTENT, 204, 0, True),
    "304 with a length but no body": (GET, NOT_MODIFIED, 304, 0, True),
    "HEAD with a length but no body": (HEAD, OK_HEAD, 200, 0, True),
    "HEAD, chunked but no body": (HEAD, CHUNKED.partition(b"5\r\n")[0], 201, 0, True),
    "100 and then 200": (GET, CONTINUE + OK, 200, 2, True),
    "103 twice and then 200": (GET, EARLY_HINTS * 2 + OK, 200, 2, True),
    "HEAD after 100": (HEAD, CONTINUE + OK_HEAD, 200, 0, True),
    "500s are answers": (GET, SERVER_ERROR, 503, 0, True),
    "200 that offers an upgrade": (GET, OFFERS_UPGRADE, 200, 2, True),
    "empty lines before the answer": (GET, LEADING_CRLF, 200, 2, True),
    "Connection: close": (GET, CLOSES, 200, 2, False),
    "HTTP/1.0": (GET, OLD, 200, 2, False),
    "HTTP/1.0 with keep-alive": (GET, OLD_KEPT, 200, 2, True),
}


@pytest.mark.parametrize(
    ("request_bytes", "answer", "status", "body", "kept"), WHOLE.values(), ids=WHOLE
)
def test_a_whole_answer_is_one_outcome_however_it_is_cut(
    request_bytes: bytes, answer: bytes, status: int, body: int, kept: bool
) -> None:
    cuts = range(0, len(answer), 1 if len(answer) < 1_000 else 997)
    for cut in cuts:
        wire, outcomes = play([answer[:cut], answer[cut:]], request_bytes)
        assert outcomes == answered(status, body), cut
        assert wire.is_open is kept, cut
    if len(answer) < 1_000:
        _, outcomes = play([answer[i : i + 1] for i in range(len(answer))], request_bytes)
        assert outcomes == answered(status, body)


ENDS = {
    "close-delimited": (TO_THE_END, answered(200, 15)),
    "close-delimited after 100": (CONTINUE + TO_THE_END, answered(200, 15)),
    "close-delimited, an empty line first": (b"\r\n" + TO_THE_END, answered(200, 15)),
    "close-delimited with a body like a head": (TO_THE_END_SLY, answered(200, 29)),
    "a coding that is not chunked ends with the connection": (GZIP_TO_THE_END, answered(200, 6)),
    "a length cut short": (CUT, failed(Failure.RESET, 5)),
    "a length cut short, an empty line first": (b"\r\n\r\n" + CUT, failed(Failure.RESET, 5)),
    "chunks cut short": (CHUNKED_CUT, failed(Failure.RESET, 3)),
    "a head cut short": (OK[:20], failed(Failure.RESET)),
    "only an interim answer": (CONTINUE, failed(Failure.RESET)),
    "nothing": (b"", failed(Failure.RESET)),
}


@pytest.mark.parametrize(("answer", "expected"), ENDS.values(), ids=ENDS)
def test_the_end_of_the_connection_ends_the_request(
    answer: bytes, expected: list[tuple[int, int, Failure, int]]
) -> None:
    for cut in range(len(answer) + 1):
        wire, outcomes = play([answer[:cut], answer[cut:]], ends=True)
        assert outcomes == expected, cut
        assert not wire.is_open


def test_a_reset_is_a_reset_even_where_the_body_had_no_length() -> None:
    wire, _, owner = open_wire()
    wire.send(5, GET, 0, 1)
    wire.data_received(TO_THE_END)
    wire.connection_lost(ConnectionResetError())
    assert owner.outcomes == failed(Failure.RESET, 15)
    assert owner.closed == 1


PROTOCOL = {
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "switching protocols": SWITCHING,
    "switching protocols to nothing": SWITCHING_BARE,
    "lengths that differ": OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"),
    "length and chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n", 1),
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
    "length of letters": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "chunk of letters": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "status of five digits": b"HTTP/1.1 20000 OK\r\n\r\n",
    "status 000": b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n",
    "a body in an interim answer": b"HTTP/1.1 100 C\r\nContent-Length: 2\r\n\r\nok",
    "an oversized head": LARGE_HEAD,
    "an oversized head that never ends": LARGE_HEAD[: MAX_HEAD_BYTES + 1],
    "interim answers without end": MANY_INTERIMS,
}


@pytest.mark.parametrize("answer", PROTOCOL.values(), ids=PROTOCOL)
@pytest.mark.parametrize("piece", [1 << 20, 60_000, 1_000, 7])
def test_what_is_not_http_ends_as_protocol(answer: bytes, piece: int) -> None:
    parts = [answer[at : at + piece] for at in range(0, len(answer), piece)]
    wire, outcomes = play(parts)
    assert outcomes == failed(Failure.PROTOCOL)
    assert not wire.is_open


def test_a_head_as_large_as_allowed_is_an_answer() -> None:
    head, tail = b"HTTP/1.1 200 OK\r\nX: ", b"\r\nContent-Length: 0\r\n\r\n"
    answer = head + b"y" * (MAX_HEAD_BYTES - len(head) - len(tail)) + tail
    for cut in (0, 10, 50_000, len(answer) - 1):
        assert play([answer[:cut], answer[cut:]])[1] == answered(200, 0)


JUNK = {
    "a second answer": OK + OK,
    "half of a second answer": OK + b"HTT",
    "garbage": OK + b"\x00garbage",
    "after close": CLOSES + OK,
    "an interim answer": OK + CONTINUE,
}


@pytest.mark.parametrize("answer", JUNK.values(), ids=JUNK)
def test_what_follows_an_answer_costs_the_connection_but_not_the_answer(answer: bytes) -> None:
    wire, outcomes = play([answer])
    assert outcomes == answered(200, 2)
    assert not wire.is_open


def test_a_body_after_head_costs_the_connection_but_not_the_answer() -> None:
    wire, outcomes = play([OK_HEAD + b"content"], HEAD)
    assert outcomes == answered(200, 0)
    assert not wire.is_open


def test_bytes_on_an_idle_connection_close_it_without_an_outcome() -> None:
    wire, transport, owner = open_wire()
    wire.data_received(OK)
    assert transport.is_aborted
    assert not wire.is_open
    wire.connection_lost(None)
    assert owner.outcomes == []
    assert owner.closed == 1


def test_an_answer_before_a_large_request_is_written_costs_the_connection() -> None:
    wire, transport, owner = open_wire()
    wire.send(5, BIG_POST, 0, 1)
    transport.left = 100
    wire.data_received(OK)
    assert owner.outcomes == answered(200, 2)
    assert transport.is_aborted


def test_a_large_request_that_was_written_keeps_the_connection() -> None:
    wire, outcomes = play([OK], BIG_POST)
    assert outcomes == answered(200, 2)
    assert wire.is_open


@pytest.mark.parametrize("first", [OK, CHUNKED, NO_CONTENT, CONTINUE + OK], ids=str)
@pytest.mark.parametrize("second", [(GET, TO_THE_END), (HEAD, OK_HEAD), (GET, OK)], ids=str)
def test_a_connection_carries_one_request_after_the_other(
    first: bytes, second: tuple[bytes, bytes]
) -> None:
    """The next request may be sent from inside the outcome of the last."""
    wire, transport, owner = open_wire()
    owner.then = second[0]
    wire.send(5, GET, 0, 1)
    wire.data_received(first)
    assert transport.written == [GET, second[0]]
    wire.data_received(second[1])
    wire.eof_received()
    wire.connection_lost(None)
    assert [outcome[2] for outcome in owner.outcomes] == [Failure.NONE, Failure.NONE]
    assert [outcome[0] for outcome in owner.outcomes] == [5, 6]
    assert (
        owner.outcomes[1][3]
        == {GET: {TO_THE_END: 15, OK: 2}, HEAD: {OK_HEAD: 0}}[second[0]][second[1]]
    )


def test_head_leaves_a_parser_that_reads_the_next_answer() -> None:
    wire, _, owner = open_wire()
    for number in range(3):
        wire.send(number, HEAD, 0, 1)
        wire.data_received(OK_HEAD)
    assert [outcome[:2] for outcome in owner.outcomes] == [(0, 200), (1, 200), (2, 200)]
    assert wire.is_open


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.CANCELLED])
def test_giving_up_is_one_outcome(failure: Failure) -> None:
    wire, transport, owner = open_wire()
    wire.send(5, GET, 0, 1)
    wire.data_received(OK[:10])
    wire.end(failure)
    wire.connection_lost(None)
    assert owner.outcomes == failed(failure)
    assert transport.is_aborted
    assert owner.closed == 1


def test_giving_up_on_an_idle_connection_is_no_outcome() -> None:
    wire, _, owner = open_wire()
    wire.end(Failure.CANCELLED)
    assert owner.outcomes == []


def test_the_end_of_an_idle_connection_makes_it_unusable_at_once() -> None:
    wire, _, owner = open_wire()
    wire.eof_received()
    assert not wire.is_open
    assert owner.closed == 0


def test_times_are_kept_for_the_owner() -> None:
    wire, _, owner = open_wire()
    wire.send(5, GET, 11, 22)
    wire.data_received(OK)
    assert (wire.ready_ns, wire.sent_ns, owner.done_ns) == (11, 22, [77])


def test_the_repr_shows_the_state() -> None:
    wire, _, _ = open_wire()
    assert repr(wire) == "<Wire open, idle>"
    wire.send(5, GET, 0, 1)
    assert repr(wire) == "<Wire open, carries 5>"
    wire.connection_lost(None)
    assert repr(wire) == "<Wire closed, idle>"


GOOD = st.sampled_from([OK, CHUNKED, NO_CONTENT, NOT_MODIFIED, OLD_KEPT, OK_HEAD, CONTINUE])
LAST = st.sampled_from([TO_THE_END, CUT, CHUNKED_CUT, CLOSES, OLD, EARLY_HINTS])
BAD = st.sampled_from([answer[:200] for answer in PROTOCOL.values()])
STREAMS = st.lists(st.one_of(GOOD, LAST, BAD, st.binary(max_size=30)), max_size=5).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@given(
    stream=STREAMS,
    places=st.lists(st.integers(0, 2_000), max_size=6),
    request_bytes=st.sampled_from([GET, HEAD, BIG_POST]),
    left=st.sampled_from([0, 100]),
)
def test_any_bytes_in_any_cuts_give_exactly_one_outcome(
    stream: bytes, places: list[int], request_bytes: bytes, left: int
) -> None:
    wire, transport, owner = open_wire()
    transport.left = left
    wire.send(5, request_bytes, 0, 1)
    for part in cut(stream, places):
        wire.data_received(part)  # even after an abort, as a careless transport might
    wire.eof_received()
    wire.connection_lost(None)
    assert [outcome[0] for outcome in owner.outcomes] == [5]
    _, status, failure, _ = owner.outcomes[0]
    assert (status >= 200) == (failure is Failure.NONE)
    assert owner.closed == 1
    assert not wire.is_open


@given(
    stream=STREAMS,
    places=st.lists(st.integers(0, 2_000), max_size=6),
    request_bytes=st.sampled_from([GET, HEAD]),
)
def test_the_outcome_does_not_depend_on_the_cuts(
    stream: bytes, places: list[int], request_bytes: bytes
) -> None:
    whole = play([stream], request_bytes, ends=True)[1]
    assert play(cut(stream, places), request_bytes, ends=True)[1][0][:3] == whole[0][:3]
