"""Whatever a client sends: no traceback, and nothing at an upstream but whole rebuilt requests.

What an upstream saw is read by h11, a strict parser that shares nothing with ours.
"""

from __future__ import annotations

import asyncio

import h11
import httptools
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.chunks import LAST, ChunkDecoder, chunk_of
from proxy.gateway.lines import BadMessage
from proxy.gateway.readers import RequestReader
from tests.proxy.gateway.scripted import OK, RULES, Scene, settle

PIECES = [
    b"GET ", b"POST ", b"HEAD ", b"CONNECT ", b"/", b"/a?b=c", b"http://prod.hms.gov/", b"*",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0",
    b"Host: svc.hms.example\r\n", b"Host: prod.hms.gov\r\n", b"Host: 2130706433\r\n", b"Host:",
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Content-Length: 3, 3\r\n", b"abc",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n", b"X: y\r\n", b" : ",
    b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.prod\r\n", b"Cookie: a=b\r\n", b"\xff\xc3\xa9",
    b"3\r\nabc\r\n", b"0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"1;x=y\r\na\r\n", b"\x16\x03\x01",
    b"Connection: close\r\n", b"Connection: x, keep-alive\r\n", b"Expect: 100-continue\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"X-Esr-Hop: gw-1\r\n", b"PRI * HTTP/2.0\r\n",
    b"GET /a HTTP/1.1\r\nHost: svc.hms.example\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: svc.hms.example\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /a HTTP/1.1\r\nHost: svc.hms.example\r\nTransfer-Encoding: chunked\r\n\r\n",
]  # fmt: skip
STREAMS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), min_size=1, max_size=14
)


@given(STREAMS, st.lists(st.integers(1, 60), max_size=6))
def test_only_whole_rebuilt_requests_reach_an_upstream(
    pieces: list[bytes], cuts: list[int]
) -> None:
    asyncio.run(_send(b"".join(pieces), cuts))


@given(st.binary(max_size=300))
def test_rubbish_reaches_nobody(data: bytes) -> None:
    asyncio.run(_send(data, [1, 1, 7]))


async def _send(data: bytes, cuts: list[int]) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    scene = Scene({**RULES, "routes": RULES["routes"][:1]})
    client, transport = scene.client()
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        if piece and not transport.is_ended:
            client.data_received(piece)
            await settle()
            _answer_all(scene)
            await settle()
    if not transport.is_ended:
        client.eof_received()
        transport.close()
    await settle()
    assert errors == []
    assert "no-rules" not in scene.notes.rules, "an exception of our own"
    assert set(scene.dials) <= {("127.0.0.1", 9001)}
    for _, upstream in scene.upstreams:
        check_requests(upstream.written)
        assert b"prod" not in upstream.written.partition(b"\r\n\r\n")[0]


def _answer_all(scene: Scene) -> None:
    for wire, upstream in scene.upstreams:
        while wire.is_open and (owner := wire._owner) is not None and owner.is_sent:
            wire.data_received(OK if wire.asked_method != "HEAD" else OK.removesuffix(b"ok"))
            if upstream.is_ended:
                break


def check_requests(data: bytes) -> None:
    """Every request is well-formed; only the last may be unfinished, for the connection ended."""
    while data:
        server = h11.Connection(h11.SERVER)
        server.receive_data(data)
        while True:
            event = server.next_event()
            if event is h11.NEED_DATA:
                return
            if isinstance(event, h11.Request):
                names = [name for name, _ in event.headers]
                assert names.count(b"host") == 1
                assert dict(event.headers)[b"host"] == b"127.0.0.1:9001"
                assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
            if isinstance(event, h11.EndOfMessage):
                break
        data = server.trailing_data[0]


@given(STREAMS)
def test_what_is_taken_means_the_same_to_other_parsers(pieces: list[bytes]) -> None:
    """A head that passes is read alike by llhttp and h11: the same method, target and headers."""
    data = b"".join(pieces).partition(b"\r\n\r\n")[0]
    try:
        head, aside = RequestReader(128).read(data)
    except BadMessage:
        return
    headers = head.headers if aside is None else [*head.headers, aside]
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data + b"\r\n\r\n")
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError:
        return  # a method that it does not know
    assert seen.target.decode() == head.target
    assert sorted(seen.headers) == sorted(headers)
    server = h11.Connection(h11.SERVER)
    server.receive_data(data + b"\r\n\r\n")
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert event.method.decode() == head.method
    assert len(list(event.headers)) == len(headers)


class _Seen:
    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1").strip(" \t")))


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.integers(1, 20), max_size=30),
)
def test_chunked_body_is_the_same_however_it_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(chunk_of, bodies)) + LAST + b"next"
    decoder = ChunkDecoder()
    out = b""
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        if decoder.is_done:
            data = decoder.rest + piece + data
            decoder.rest = b""
            break
        out += decoder.feed(piece)
    assert decoder.is_done
    assert out == b"".join(bodies)
    assert decoder.rest + data == b"next"


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=9)), max_size=9))
def test_chunks_that_pass_mean_the_same_to_h11(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    decoder = ChunkDecoder()
    try:
        body = decoder.feed(data)
    except BadMessage:
        return
    if not decoder.is_done:
        return
    server = h11.Connection(h11.SERVER)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.receive_data(head + data[: len(data) - len(decoder.rest)])
    seen = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        assert isinstance(event, (h11.Request, h11.Data))
        if isinstance(event, h11.Data):
            seen += event.data
    assert seen == body
