"""Requests that two servers could read in two ways: each is refused, named, and nobody else's."""

from __future__ import annotations

import pytest

from proxy.gateway.limits import Limits
from tests.proxy.gateway.scripted import (
    Scene,
    header_of,
    problem_of,
    settle,
    status_of,
)

HOST = b"Host: svc.hms.example\r\n"
TE = b"Transfer-Encoding: "
POST = b"POST /a HTTP/1.1\r\n" + HOST
INNER = b"GET /admin HTTP/1.1\r\n" + HOST + b"\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = b"Connection: upgrade\r\n"
SOCKET = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
HANDSHAKE = b"GET /ws HTTP/1.1\r\n" + HOST


def get(target: bytes, headers: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


BAD, PLAIN, TARGET, HOSTED = (
    (400, "bad-request"),
    (400, "not-plain-http"),
    (400, "bad-target"),
    (
        400,
        "bad-host",
    ),
)

# id, what is sent, status and rule
CASES: list[tuple[str, bytes, tuple[int, str]]] = [
    # Lengths and codings.
    ("CL.TE", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", BAD),
    ("TE.CL", POST + TE + b"chunked\r\nContent-Length: 3\r\n\r\n1\r\nG\r\n0\r\n\r\n", BAD),
    ("TE.TE", POST + TE + b"chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", BAD),
    (
        "TE.TE twice the same",
        POST + TE + b"chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD,
    ),
    ("TE list", POST + TE + b"gzip, chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE chunked twice in a list", POST + TE + b"chunked, chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE xchunked", POST + TE + b"xchunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE in capitals", POST + TE + b"Chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE quoted", POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', BAD),
    ("TE identity", POST + TE + b"identity\r\n\r\n", BAD),
    ("TE empty", POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", BAD),
    ("TE vertical tab", POST + TE + b"\x0bchunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE space before colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE tab before colon", POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", BAD),
    (
        "TE with underscore",
        POST + b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        BAD,
    ),
    ("TE behind a bare LF", POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE behind a bare CR", POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE folded", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", BAD),
    (
        "TE in HTTP/1.0",
        b"POST /a HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD,
    ),
    ("CL twice, different", POST + b"Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc", BAD),
    ("CL twice, the same", POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", BAD),
    ("CL list", POST + b"Content-Length: 3, 3\r\n\r\nabc", BAD),
    ("CL with a plus", POST + b"Content-Length: +3\r\n\r\nabc", BAD),
    ("CL negative", POST + b"Content-Length: -3\r\n\r\nabc", BAD),
    ("CL hexadecimal", POST + b"Content-Length: 0x3\r\n\r\nabc", BAD),
    ("CL with a space inside", POST + b"Content-Length: 1 3\r\n\r\nabc", BAD),
    ("CL empty", POST + b"Content-Length: \r\n\r\nabc", BAD),
    ("CL other digits", POST + b"Content-Length: \xb2\r\n\r\nabc", BAD),
    ("CL with underscore", POST + b"Content_Length: 3\r\n\r\nabc", BAD),
    ("CL too long for a number", POST + b"Content-Length: " + b"9" * 16 + b"\r\n\r\n", BAD),
    ("CL space before colon", POST + b"Content-Length : 3\r\n\r\nabc", BAD),
    # Line ends, folds, names.
    ("bare LF after the request line", b"GET /a HTTP/1.1\n" + HOST + b"\r\n", BAD),
    ("bare LF everywhere", b"GET /a HTTP/1.1\nHost: svc.hms.example\n\n", BAD),
    ("bare LF at the end", b"GET /a HTTP/1.1\r\n" + HOST + b"\n", BAD),
    ("bare CR in a value", POST + b"X: a\rb\r\n\r\n", BAD),
    ("CR CR LF", POST + b"X: a\r\r\n\r\n", BAD),
    ("obs-fold with a space", POST + b"X: a\r\n b\r\n\r\n", BAD),
    ("obs-fold with a tab", POST + b"X: a\r\n\tb\r\n\r\n", BAD),
    ("space before the first header", b"GET /a HTTP/1.1\r\n " + HOST + b"\r\n", BAD),
    ("empty header name", POST + b": a\r\n\r\n", BAD),
    ("header without colon", POST + b"X\r\n\r\n", BAD),
    ("NUL in a name", POST + b"X\0: a\r\n\r\n", BAD),
    ("NUL in a value", POST + b"X: a\0b\r\n\r\n", BAD),
    ("control character in a value", POST + b"X: a\x01b\r\n\r\n", BAD),
    ("DEL in a value", POST + b"X: a\x7fb\r\n\r\n", BAD),
    ("non-ASCII name", POST + "É: a\r\n\r\n".encode(), BAD),
    ("parenthesis in a name", POST + b"X(: a\r\n\r\n", BAD),
    ("line before the request", b"\r\n" + INNER, BAD),
    # The request line.
    ("HTTP/0.9", b"GET /\r\n", BAD),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", BAD),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", BAD),
    ("lower case http", b"GET / http/1.1\r\n" + HOST + b"\r\n", BAD),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    ("TLS to a plain door", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", BAD),
    ("two spaces", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    ("tab for a space", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    ("trailing space", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", BAD),
    ("method with a control character", b"G\x01T / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    ("method with a colon", b"GE:T / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    ("CONNECT", b"CONNECT svc.hms.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", PLAIN),
    (
        "CONNECT to an address",
        b"CONNECT 127.0.0.2:443 HTTP/1.1\r\nHost: 127.0.0.2:443\r\n\r\n",
        PLAIN,
    ),
    ("TRACE", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", PLAIN),
    ("authority-form", get(b"svc.hms.example:80"), PLAIN),
    ("absolute-form", get(b"http://svc.hms.example/a"), PLAIN),
    ("absolute-form with another Host", get(b"http://prod.hms.gov/a"), PLAIN),
    ("absolute-form with user information", get(b"http://prod@sandbox/"), PLAIN),
    ("target without a slash", get(b"a"), PLAIN),
    ("asterisk without OPTIONS", get(b"*"), TARGET),
    # Targets.
    ("NUL in the target", get(b"/a\0b"), TARGET),
    ("control character in the target", get(b"/a\x01b"), TARGET),
    ("non-ASCII target", get("/é".encode()), TARGET),
    ("DEL in the target", get(b"/a\x7fb"), TARGET),
    ("backslash in the target", get(b"/a\\b"), TARGET),
    ("fragment in the target", get(b"/a#b"), TARGET),
    ("two slashes", get(b"//prod.hms.gov/a"), TARGET),
    ("dot segments", get(b"/a/../b"), TARGET),
    ("hidden dot segments", get(b"/a/%2e%2e/b"), TARGET),
    ("twice hidden dot segments", get(b"/a/%252e%252e/b"), TARGET),
    # Hosts.
    ("no Host", get(b"/a", b""), (400, "no-host")),
    ("no Host in HTTP/1.0", b"GET /a HTTP/1.0\r\n\r\n", (400, "no-host")),
    ("empty Host", get(b"/a", b"Host:\r\n"), (400, "no-host")),
    ("two Hosts", get(b"/a", HOST + b"Host: prod.hms.gov\r\n"), BAD),
    ("two Hosts, the same", get(b"/a", HOST + HOST), BAD),
    ("Host with user information", get(b"/a", b"Host: prod@svc.hms.example\r\n"), HOSTED),
    ("Host list", get(b"/a", b"Host: svc.hms.example, prod\r\n"), HOSTED),
    ("Host with a path", get(b"/a", b"Host: svc.hms.example/x\r\n"), HOSTED),
    ("Host with a space", get(b"/a", b"Host: svc.hms.example x\r\n"), HOSTED),
    ("disguised address", get(b"/a", b"Host: 2130706433\r\n"), HOSTED),
    ("hexadecimal address", get(b"/a", b"Host: 0x7f.1\r\n"), HOSTED),
    ("IPv6 without brackets", get(b"/a", b"Host: ::1\r\n"), HOSTED),
    ("bad port", get(b"/a", b"Host: svc.hms.example:99999\r\n"), HOSTED),
    ("non-ASCII host", get(b"/a", "Host: svc.hms.éxample\r\n".encode()), HOSTED),
    (
        "IPv6-mapped address",
        get(b"/a", b"Host: [::ffff:203.0.113.9]\r\n"),
        (599, "deny.networks[0]"),
    ),
    (
        "denied host with a trailing dot",
        get(b"/a", b"Host: prod.hms.gov.\r\n"),
        (599, "deny.hosts[0]"),
    ),
    ("punycode host", get(b"/a", b"Host: xn--hms-9la.example\r\n"), (599, "unmapped-host")),
    # Upgrades.
    ("unknown upgrade", HANDSHAKE + UPGRADE + b"Upgrade: foo\r\n\r\n", PLAIN),
    ("h2c", HANDSHAKE + b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n\r\n", PLAIN),
    ("two upgrades", HANDSHAKE + UPGRADE + b"Upgrade: websocket, h2c\r\n" + KEY + b"\r\n", PLAIN),
    ("websocket by POST", POST + UPGRADE + SOCKET + KEY + b"\r\n", PLAIN),
    ("websocket without Connection", HANDSHAKE + SOCKET + KEY + b"\r\n", PLAIN),
    ("websocket without key", HANDSHAKE + UPGRADE + SOCKET + b"\r\n", BAD),
    (
        "websocket with a short key",
        HANDSHAKE + UPGRADE + SOCKET + b"Sec-WebSocket-Key: YQ==\r\n\r\n",
        BAD,
    ),
    (
        "websocket of another version",
        HANDSHAKE + UPGRADE + SOCKET.replace(b"13", b"8") + KEY + b"\r\n",
        BAD,
    ),
    (
        "websocket with a body",
        HANDSHAKE + UPGRADE + SOCKET + KEY + b"Content-Length: 3\r\n\r\nabc",
        BAD,
    ),
    ("unknown expectation", POST + b"Expect: miracles\r\nContent-Length: 1\r\n\r\na", BAD),
    # Limits.
    ("head too large", POST + b"X: " + b"a" * 40_000 + b"\r\n\r\n", (431, "head-too-large")),
    ("head too large and not over", POST + b"X: " + b"a" * 40_000, (431, "head-too-large")),
    ("too many headers", POST + b"X: a\r\n" * 200 + b"\r\n", (431, "head-too-large")),
]

CHUNKED = POST + TE + b"chunked\r\n\r\n"
BAD_CHUNKS: list[tuple[str, bytes]] = [
    ("size with a sign", b"+1\r\na\r\n0\r\n\r\n"),
    ("size with 0x", b"0x1\r\na\r\n0\r\n\r\n"),
    ("size with a space before", b" 1\r\na\r\n0\r\n\r\n"),
    ("size with a space behind", b"1 \r\na\r\n0\r\n\r\n"),
    ("no size", b"\r\na\r\n0\r\n\r\n"),
    ("huge size", b"FFFFFFFFFFFFFFFFF\r\na"),
    ("size that wraps to 1", b"10000000000000001\r\na\r\n0\r\n\r\n"),
    ("bare LF after the size", b"1\na\r\n0\r\n\r\n"),
    ("bare CR after the size", b"1\ra\r\n0\r\n\r\n"),
    ("bare LF after the data", b"1\r\na\n0\r\n\r\n"),
    ("data longer than its size", b"1\r\nab\r\n0\r\n\r\n"),
    ("NUL in an extension", b"1;\0\r\na\r\n0\r\n\r\n"),
    ("bare LF in an extension", b"1;a\nb\r\na\r\n0\r\n\r\n"),
    ("endless extension", b"1;" + b"a" * 2_000 + b"\r\na\r\n0\r\n\r\n"),
    ("many extensions", (b"1;" + b"a" * 1_000 + b"\r\na\r\n") * 80 + b"0\r\n\r\n"),
    ("malformed trailer", b"0\r\nX : a\r\n\r\n"),
    ("folded trailer", b"0\r\nX: a\r\n b\r\n\r\n"),
    ("bare LF after a trailer", b"0\r\nX: a\n\r\n"),
    ("endless trailers", b"0\r\n" + b"X: aaaaaaaaaaaaaaaaaaaa\r\n" * 500 + b"\r\n"),
]


@pytest.mark.parametrize(
    ("sent", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
async def test_is_refused_and_reaches_nobody(sent: bytes, expected: tuple[int, str]) -> None:
    scene = Scene()
    client, transport = await scene.ask(sent)
    status, rule = expected
    assert status_of(transport.written) == status
    assert header_of(transport.written, "x-esr-refused") == rule
    assert problem_of(transport.written)["rule"] == rule
    assert scene.dials == []
    assert scene.notes.rules == [rule]
    assert transport.is_ended or status == 599
    client.data_received(INNER)
    await settle()
    assert scene.dials == [] or status == 599, "what follows is not taken for a request"


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD_CHUNKS])
async def test_malformed_chunks_are_refused_and_reach_nobody(body: bytes) -> None:
    scene = Scene()
    _, transport = await scene.ask(CHUNKED + body)
    assert status_of(transport.written) == 400
    assert header_of(transport.written, "x-esr-refused") == "bad-request"
    assert transport.is_ended
    assert scene.dials == []


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD_CHUNKS])
async def test_malformed_chunks_that_come_late_end_both_connections(body: bytes) -> None:
    scene = Scene()
    client, transport = await scene.ask(CHUNKED)
    upstream = scene.upstream[1]
    client.data_received(body)
    await settle()
    assert status_of(transport.written) == 400
    assert transport.is_ended
    assert upstream.is_aborted
    assert not upstream.written.endswith(b"0\r\n\r\n"), "the upstream never has a whole request"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES if len(case[1]) < 1_000],
)
async def test_one_byte_at_a_time_changes_nothing(sent: bytes, expected: tuple[int, str]) -> None:
    scene = Scene()
    client, transport = scene.client()
    for at in range(len(sent)):
        client.data_received(sent[at : at + 1])
    await settle()
    assert header_of(transport.written, "x-esr-refused") == expected[1]
    assert scene.dials == []


async def test_body_of_a_get_is_framed_and_its_connection_is_not_used_again() -> None:
    """CL.0: an upstream that overlooks the body would take it for the next request."""
    scene = Scene()
    body = b"GET /admin HTTP/1.1\r\n\r\n"
    sent = b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    await scene.ask(sent)
    wire, upstream = scene.upstream
    assert header_of(upstream.written, "content-length") == str(len(body))
    assert header_of(upstream.written, "connection") == "close"
    wire.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    await settle()
    assert upstream.is_aborted


async def test_extensions_and_trailers_are_dropped() -> None:
    scene = Scene()
    await scene.ask(CHUNKED + b'3;a="b"\r\nabc\r\n0;x\r\nX-Trailer: y\r\n\r\n')
    sent = scene.upstream[1].written
    assert sent.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert b"railer" not in sent


async def test_refused_length_is_told_before_the_body_comes() -> None:
    scene = Scene(limits=Limits(max_body_bytes=10))
    _, transport = await scene.ask(POST + b"Content-Length: 11\r\n\r\n")
    assert status_of(transport.written) == 413
    assert transport.is_ended
    assert scene.dials == []


async def test_chunked_body_over_the_limit_is_cut() -> None:
    scene = Scene(limits=Limits(max_body_bytes=10))
    client, transport = await scene.ask(CHUNKED + b"5\r\nabcde\r\n")
    client.data_received(b"6\r\nabcdef\r\n")
    await settle()
    assert status_of(transport.written) == 413
    assert scene.upstream[1].is_aborted


def test_the_table_names_each_case_once() -> None:
    names = [case[0] for case in CASES] + [case[0] for case in BAD_CHUNKS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("value", [b"a\0b", b"a\rb", b"a\nb", b"a\x7f", b"a\r\n b"])
async def test_header_that_is_set_aside_is_read_as_strictly(value: bytes) -> None:
    scene = Scene()
    start = b"GET /a HTTP/1.1\r\n" + HOST
    client, transport = await scene.ask(start + b"Authorization: ok\r\n\r\n")
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    transport.take()
    client.data_received(start + b"Authorization: " + value + b"\r\n\r\n")
    assert status_of(transport.written) == 400
    assert scene.upstream[1].written.count(b"GET /a") == 1
