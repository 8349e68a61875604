"""The interceptor from outside, in each of its modes: what passes, is refused, and is told."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest

from switchboard.exchange import StubAnswer, StubAsk
from switchboard.rules import Rules
from tests.proxy.interceptor.harness import (
    PATIENCE_S,
    SANDBOX,
    Listener,
    World,
    ask_tls,
    build_rules,
    read_answer,
    world,
)

HOST = "api.hms.example"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def linking(port: int) -> Rules:
    to = {"name": "svc", "address": SANDBOX, "port": port}
    return build_rules(port, routes=[{"host": "*.hms.example", "to": to, "edit": {"links": True}}])


def answered(status: str, headers: str, body: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_two_requests_share_a_connection(ca_dir: Path) -> None:
    head = f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    async with world(ca_dir) as here:
        got = await here.ask(head, then=[head, head])
    assert got.count(b"sandbox") == 2 * 3  # once as the body, once as x-esr-env
    assert here.sandbox.accepted == 1
    assert [each.status for each in here.notes.exchanges] == [200, 200, 200]


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        pytest.param("GET http://{h}/ HTTP/1.1\r\nHost: b.hms.example\r\n", "host-mismatch"),
        pytest.param("GET / HTTP/1.1\r\nHost: {h}\r\nHost: {h}x\r\n", "bad-host"),
        pytest.param("GET http://u@{h}/ HTTP/1.1\r\nHost: {h}\r\n", "bad-request"),
        pytest.param("GET http://2130706433/ HTTP/1.1\r\nHost: 2130706433\r\n", "bad-host"),
        pytest.param("GET http://{h}/a/../b HTTP/1.1\r\nHost: {h}\r\n", "bad-target"),
        pytest.param("GET http://www.hms.gov/ HTTP/1.1\r\nHost: www.hms.gov\r\n", "deny.hosts[0]"),
        pytest.param("GET http://prod.test/ HTTP/1.1\r\nHost: prod.test\r\n", "unmapped-host"),
        pytest.param("GET http://{h}/ HTTP/1.1\r\nHost: {h}\r\nA: b\r\n c\r\n", "bad-request"),
        pytest.param("GET http://{h}/ HTTP/1.1\r\nHost: {h}\r\nA : b\r\n", "bad-request"),
        pytest.param("GET http://{h}/ HTTP/2.0\r\nHost: {h}\r\n", "bad-request"),
        pytest.param("GET http://{h}/ HTTP/1.1\r\nHost: {h}\r\nUpgrade: h2c\r\n", "not-plain-http"),
        pytest.param(
            "POST http://{h}/ HTTP/1.1\r\nHost: {h}\r\nContent-Length: 3\r\n"
            "Transfer-Encoding: chunked\r\n", "bad-request",
        ),
        pytest.param("CONNECT prod.test:443 HTTP/1.1\r\nHost: prod.test\r\n", "unmapped-host"),
        pytest.param("CONNECT 203.0.113.9:443 HTTP/1.1\r\nHost: x\r\n", "deny.networks[0]"),
        pytest.param("GET http://{h}/ HTTP/1.1\r\nHost: {h}\r\nA: " + "b" * 40_000 + "\r\n",
                     "head-too-large"),
    ],
)  # fmt: skip
async def test_hostile_requests_are_refused_and_named(head: str, rule: str, ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        got = await here.ask(f"{head.replace('{h}', HOST)}\r\n".encode())
    assert f"x-esr-refused: {rule}\r\n".encode() in got
    assert rule in here.notes.rules
    assert here.notes.refusals[0].client.startswith("127.0.0.1:")
    assert here.sandbox.accepted == 0


async def test_a_pasted_production_url_is_answered_by_the_sandbox(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        got = await here.ask_tls(HOST, GET, connect=f"{HOST}:443")
    assert got.endswith(b"sandbox")
    assert here.notes.exchanges[0].scheme == "https"


@pytest.mark.parametrize(
    ("sni", "host", "connect"),
    [
        pytest.param("b.hms.example", HOST, HOST, id="another SNI"),
        pytest.param(HOST, "b.hms.example", HOST, id="another Host"),
        pytest.param("b.hms.example", "b.hms.example", HOST, id="another tunnel"),
    ],
)
async def test_domain_fronting_is_misdirected(
    sni: str, host: str, connect: str, ca_dir: Path
) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    async with world(ca_dir) as here:
        got = await here.ask_tls(HOST, request, connect=f"{connect}:443", sni=sni)
    assert got.startswith(b"HTTP/1.1 421")
    assert b"x-esr-refused: host-mismatch" in got
    assert here.sandbox.accepted == 0


async def test_a_server_name_that_is_none_ends_the_connection_at_once(ca_dir: Path) -> None:
    """Nothing but the door's own end of it stops this from waiting for an answer for ever."""
    async with world(ca_dir) as here:
        reader, writer = await asyncio.open_connection(*here.door.address)
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        assert (await read_answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(client_hello("127.2"))
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()
    assert here.notes.rules == ["bad-host"]
    assert here.sandbox.accepted == 0


def client_hello(server_name: str) -> bytes:
    """The first flight of a client that asks for this name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


async def test_what_is_in_a_tunnel_but_no_http_ends_it(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        got = await here.ask_tls(HOST, b"\x16not http at all\r\n", connect=f"{HOST}:443")
        assert got == b""
    assert here.notes.rules == ["not-plain-http"]
    assert here.sandbox.accepted == 0


async def test_a_body_streams_through_in_both_directions(ca_dir: Path) -> None:
    size = 3_000_000
    async with world(ca_dir) as here:
        here.sandbox.answer = answered("200 OK", "", b"x" * size)
        head = f"POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}\r\n\r\n"
        got = await here.ask(head.encode() + b"y" * size)
    assert len(here.sandbox.bodies[0]) == size
    assert got.endswith(b"x" * size)
    exchange = here.notes.exchanges[0]
    assert (exchange.bytes_in, exchange.bytes_out, exchange.body) == (size, size, None)


async def test_bodies_are_captured_for_a_recorder(ca_dir: Path) -> None:
    async with world(ca_dir, max_captured_bytes=100) as here:
        head = f"POST http://{HOST}/p HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\nhello"
        await here.ask(head.encode())
    exchange = here.notes.exchanges[0]
    assert (exchange.body, exchange.answer_body) == (b"hello", b"sandbox")
    assert (exchange.upstream, exchange.address, exchange.target) == ("svc", SANDBOX, "/p")


async def test_expect_is_answered_here(ca_dir: Path) -> None:
    head = f"POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\n"
    async with world(ca_dir) as here:
        got = await here.ask(f"{head}Content-Length: 5\r\n\r\n".encode(), then=[b"hello"])
    assert got.startswith(b"HTTP/1.1 100")
    assert b"expect" not in here.sandbox.heads[0].lower()
    assert here.sandbox.bodies == [b"hello"]


async def test_a_stub_answers_in_place(ca_dir: Path) -> None:
    asked: list[StubAsk] = []

    async def stubs(ask: StubAsk) -> StubAnswer:
        asked.append(ask)
        return StubAnswer(201, [("content-type", "text/plain")], b"paid")

    host = "api.treasury.example"
    head = f"POST http://{host}/pay HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n"
    async with world(ca_dir, stubs=stubs) as here:
        got = await here.ask(f"{head}Content-Length: 2\r\n\r\nok".encode())
    assert got.startswith(b"HTTP/1.1 201")
    assert got.endswith(b"paid")
    (ask,) = asked
    assert (ask.service, ask.target, ask.body) == ("ach", "/pay", b"ok")
    assert "authorization" not in {name.lower() for name, _ in ask.headers}
    assert here.notes.exchanges[0].address is None
    assert here.sandbox.accepted == here.production.accepted == 0


@pytest.mark.parametrize("kind", ["raises", "hangs", "missing"])
async def test_a_broken_stub_dials_nobody(kind: str, ca_dir: Path) -> None:
    async def stubs(ask: StubAsk) -> StubAnswer:
        if kind == "hangs":
            await asyncio.Event().wait()
        raise RuntimeError(kind)

    head = "GET http://api.treasury.example/ HTTP/1.1\r\nHost: api.treasury.example\r\n\r\n"
    given = None if kind == "missing" else stubs
    async with world(ca_dir, stubs=given, stub_timeout_s=0.1) as here:
        got = await here.ask(head.encode())
    assert b"x-esr-refused: " in got
    assert here.sandbox.accepted == here.production.accepted == 0


@pytest.mark.parametrize("body", [b"", b"<a href='https://www.hms.gov/'>moved</a>"])
async def test_a_redirect_to_production_is_held_back(body: bytes, ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        here.sandbox.answer = answered("302 Found", "Location: https://www.hms.gov/\r\n", body)
        got = await here.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 599")
    assert b"x-esr-refused: redirect" in got
    assert b'"rule": "redirect"' in got
    assert b"\r\nlocation" not in got.lower()
    assert here.notes.rules == ["redirect"]
    assert here.notes.exchanges == []


@pytest.mark.parametrize("encoding", ["", "gzip", "br"])
async def test_links_in_text_are_mapped(encoding: str, ca_dir: Path) -> None:
    page = b'<a href="https://www.hms.gov/x">out</a><a href="http://b.hms.example/">in</a>'
    body = gzip.compress(page) if encoding == "gzip" else page
    more = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    async with world(ca_dir, rules=linking) as here:
        here.sandbox.answer = answered("200 OK", f"Content-Type: text/html\r\n{more}", body)
        got = await here.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    if encoding == "br":
        assert b"x-esr-refused: bad-answer" in got
        return
    assert b'href="https://refused.invalid/x"' in got
    assert b'href="http://b.hms.example/"' in got
    assert b"hms.gov" not in got
    assert b"content-encoding" not in got


WEBSOCKET = (
    f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
MASKED_HELLO = b"\x81\x85\x00\x00\x00\x00hello"


class Chatting(Listener):
    """Says every frame back. Its first answer switches protocols."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        while data := await reader.read(100):
            self.bodies.append(data)
            writer.write(b"\x81\x05hello")
        writer.close()


async def _chat(here: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*here.door.address)
    writer.write(WEBSOCKET)
    assert (await read_answer(reader)).startswith(b"HTTP/1.1 101")
    return reader, writer


@pytest.fixture
def chatting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Listener, "serve", Chatting.serve)
    monkeypatch.setattr(Listener, "answer", SWITCHED)
    monkeypatch.setattr(
        Listener.__init__, "__defaults__", (SWITCHED, *(Listener.__init__.__defaults__ or ())[1:])
    )


@pytest.mark.usefixtures("chatting")
async def test_a_websocket_passes_on_one_connection(ca_dir: Path) -> None:
    async with world(ca_dir, "reverse") as here:
        reader, writer = await _chat(here)
        for _ in range(3):
            writer.write(MASKED_HELLO)
            assert await reader.readexactly(7) == b"\x81\x05hello"
        writer.close()
    assert here.sandbox.accepted == 1
    assert here.notes.exchanges[0].status == 101


@pytest.mark.usefixtures("chatting")
@pytest.mark.parametrize("how", ["live", "trip", "rules"])
async def test_an_open_websocket_ends_with_the_old_way(how: str, ca_dir: Path) -> None:
    async with world(ca_dir, "reverse") as here:
        reader, writer = await _chat(here)
        if how == "live":
            here.mode.flip("live", who="a test")
        elif how == "trip":
            here.switch.trip("a test")
        else:
            here.switch.replace(build_rules(1), {})
        async with asyncio.timeout(5):
            while await reader.read(100):
                pass
        writer.close()


async def test_a_switch_to_no_websocket_is_refused(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        here.sandbox.answer = b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\n\r\n"
        got = await here.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert b"x-esr-refused: bad-answer" in got


async def test_reverse_goes_by_the_host(ca_dir: Path) -> None:
    async with world(ca_dir, "reverse") as here:
        assert (await here.ask(GET)).endswith(b"sandbox")
        refused = await here.ask(b"GET / HTTP/1.1\r\nHost: prod.test\r\n\r\n")
        assert b"x-esr-refused: unmapped-host" in refused
        absolute = f"GET http://prod.test/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        assert b"x-esr-refused: host-mismatch" in await here.ask(absolute)
        connect = f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        assert b"x-esr-refused: bad-request" in await here.ask(connect)
        assert (await ask_tls(here, HOST, GET, through=False)).endswith(b"sandbox")
        fronted = await ask_tls(here, HOST, GET, through=False, sni="b.hms.example")
        assert fronted.startswith(b"HTTP/1.1 421")
        unnamed = await ask_tls(here, HOST, GET, through=False, sni=None)
        assert unnamed.startswith(b"HTTP/1.1 421")
    assert here.sandbox.accepted == 2


def socks(host: str, port: int) -> list[bytes]:
    name = host.encode()
    return [b"\x05\x01\x00", b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2)]


async def _by_socks(here: World, host: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*here.door.address)
    async with asyncio.timeout(5):
        hello, connect = socks(host, here.production.port)
        writer.write(hello)
        assert await reader.readexactly(2) == b"\x05\x00"
        writer.write(connect)
        await reader.readexactly(10)
        writer.write(request)
        got = await read_answer(reader)
    writer.close()
    return got


async def test_socks_goes_by_the_name_that_it_was_asked_for(ca_dir: Path) -> None:
    async with world(ca_dir, "socks5") as here:
        assert (await _by_socks(here, HOST, GET)).endswith(b"sandbox")
        assert b"host-mismatch" in await _by_socks(here, "b.hms.example", GET)
        assert b"host-mismatch" in await _by_socks(here, "127.0.0.2", GET)
        assert await _by_socks(here, HOST, b"\x00\x01binary\r\n\r\n") == b""
    assert here.production.accepted == 0
    assert here.sandbox.accepted == 1


def query(name: str, kind: int = 1, flags: int = 0x0100, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!HH", kind, 1)


class Asking(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answers.put_nowait(data)


async def resolve(address: tuple[str, int], *packets: bytes) -> bytes:
    """Send them all by UDP; the answer to the last one."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=address)
    for packet in packets:
        transport.sendto(packet)
    async with asyncio.timeout(5):
        answer = await asking.answers.get()
        while answer[:2] != packets[-1][:2]:
            answer = await asking.answers.get()
    transport.close()
    return answer


NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 3, 4, 5


@pytest.mark.parametrize(
    ("name", "kind", "code", "records"),
    [
        pytest.param(HOST, 1, NOERROR, 1, id="A"),
        pytest.param("API.HMS.example", 1, NOERROR, 1, id="A, any case"),
        pytest.param(HOST, 28, NOERROR, 0, id="AAAA"),
        pytest.param(HOST, 65, NOERROR, 0, id="HTTPS"),
        pytest.param(HOST, 64, NOERROR, 0, id="SVCB"),
        pytest.param("api.treasury.example", 1, NOERROR, 1, id="a stub's"),
        *(
            pytest.param(HOST, kind, REFUSED, 0, id=f"type {kind}")
            for kind in (2, 5, 6, 12, 15, 16, 33, 255)
        ),
        pytest.param("prod.test", 1, NXDOMAIN, 0, id="unrouted"),
        pytest.param("www.hms.gov", 1, NXDOMAIN, 0, id="denied"),
        pytest.param("www.hms.gov", 28, NXDOMAIN, 0, id="denied AAAA"),
        pytest.param("1.2.0.192.in-addr.arpa", 12, REFUSED, 0, id="PTR"),
    ],
)
async def test_every_name_is_answered_here(
    name: str, kind: int, code: int, records: int, ca_dir: Path
) -> None:
    async with world(ca_dir, "dns", answer="127.0.0.9") as here:
        answer = await resolve(here.door.address, query(name, kind))
    assert answer[3] & 15 == code
    assert int.from_bytes(answer[6:8]) == records
    if records:
        assert answer[-4:] == bytes([127, 0, 0, 9])
        assert 0 < int.from_bytes(answer[-10:-6]) <= 5
    if code in (NXDOMAIN, REFUSED):
        assert here.notes.refusals[0].method == "DNS"
        assert here.notes.refusals[0].host.lower() == name.lower()


async def test_malformed_packets_do_not_stop_the_names(ca_dir: Path) -> None:
    junk = [b"", b"\0", b"\xff" * 12, query(HOST)[:-1], query(HOST) + b"x" * 9, b"\0" * 600,
            query(HOST, flags=0x8180), query("a" * 63 + "." + "b" * 63)]  # fmt: skip
    async with world(ca_dir, "dns") as here:
        for each in junk:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                Asking, remote_addr=here.door.address
            )
            transport.sendto(each)
            transport.close()
        answer = await resolve(here.door.address, query(HOST, number=99))
    assert answer[3] & 15 == NOERROR
    assert here.switch.tripped is None


async def test_names_by_tcp_and_other_questions(ca_dir: Path) -> None:
    async with world(ca_dir, "dns") as here:
        reader, writer = await asyncio.open_connection(*here.door.address)
        for packet in (query(HOST), query(HOST, flags=0x2800)):
            writer.write(len(packet).to_bytes(2) + packet)
        codes = []
        for _ in range(2):
            size = int.from_bytes(await reader.readexactly(2))
            codes.append((await reader.readexactly(size))[3] & 15)
        writer.close()
    assert codes == [NOERROR, NOTIMP]


async def test_live_mode_knows_no_names(ca_dir: Path) -> None:
    async with world(ca_dir, "dns") as here:
        here.mode.flip("live", who="a test")
        answer = await resolve(here.door.address, query(HOST))
    assert answer[3] & 15 == REFUSED


async def test_a_dead_sandbox_is_named(ca_dir: Path) -> None:
    async with world(ca_dir, rules=lambda _: build_rules(1)) as here:
        got = await here.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 502")
    assert b"x-esr-refused: upstream-unreachable" in got
    assert here.notes.rules == ["upstream-unreachable"]


async def test_a_sandbox_that_dies_mid_answer_is_named(
    ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(
        self: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart")
        writer.close()

    monkeypatch.setattr(Listener, "serve", die)
    async with world(ca_dir) as here:
        got = await here.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert b"part" not in got or not got.endswith(b"x")
    assert here.notes.rules == ["upstream-died"]
    assert here.notes.exchanges == []


async def test_a_client_that_leaves_is_counted(
    ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def silent(
        self: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()
        gone.set()

    monkeypatch.setattr(Listener, "serve", silent)
    async with world(ca_dir, "reverse") as here:
        _, writer = await asyncio.open_connection(*here.door.address)
        writer.write(GET)
        await asked.wait()
        writer.close()
        await gone.wait()
    assert here.notes.rules == []
    assert here.door.statistics().clients_gone == 1


async def test_a_sandbox_that_never_answers_is_named(
    ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(
        self: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(Listener, "serve", silent)
    async with world(ca_dir, "reverse", answer_timeout_s=0.05) as here:
        got = await here.ask(GET)
    assert got.startswith(b"HTTP/1.1 502")
    assert here.notes.rules == ["upstream-timeout"]


async def test_a_silent_client_is_shown_out(ca_dir: Path) -> None:
    async with world(ca_dir, head_timeout_s=0.05) as here:
        assert await here.ask(b"GET / HT") == b""
    assert here.notes.rules == ["timeout"]


async def test_too_many_clients_are_turned_away(ca_dir: Path) -> None:
    async with world(ca_dir, max_connections=0) as here:
        assert await here.ask(GET) == b""
    assert here.notes.rules == ["too-many-connections"]


async def test_credentials_stay_out_and_the_cookie_comes_back(ca_dir: Path) -> None:
    more = "Authorization: Bearer a\r\nX-Api-Key: b\r\nProxy-Authorization: Basic c\r\n"
    cookies = "Cookie: prod=1; esr_sid=2\r\n"
    async with world(ca_dir) as here:
        here.sandbox.answer = answered(
            "200 OK", 'Set-Cookie: sid=2\r\nAlt-Svc: h3=":443"\r\n', b"x"
        )
        got = await here.ask(
            f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{more}{cookies}\r\n".encode()
        )
    head = here.sandbox.heads[0].lower()
    assert b"bearer" not in head
    assert b"api-key" not in head
    assert b"basic" not in head
    assert b"cookie: sid=2\r\n" in head
    assert b"esr_sid=2" in got
    assert b"alt-svc" not in got.lower()


async def test_a_request_that_comes_back_is_a_loop(ca_dir: Path) -> None:
    async with world(ca_dir, "reverse", hop="door-1") as here:
        await here.ask(GET)
        assert b"x-esr-hop: door-1" in here.sandbox.heads[0]
        again = GET.replace(b"\r\n\r\n", b"\r\nx-esr-hop: a, door-1\r\n\r\n")
        assert b"x-esr-refused: loop" in await here.ask(again)


async def test_http_1_0_is_answered_and_ends(ca_dir: Path) -> None:
    async with world(ca_dir, "reverse") as here:
        here.sandbox.answer = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nsandbox\r\n0\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(*here.door.address)
        writer.write(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        async with asyncio.timeout(5):
            got = await reader.read()
        writer.close()
    assert b"chunked" not in got
    assert got.endswith(b"\r\n\r\nsandbox")
