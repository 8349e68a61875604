"""The gateway with real sockets, on both loops: streams, TLS, WebSockets, deaths, the end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web

from proxy.gateway.limits import Limits
from proxy.gateway.server import Gateway
from switchboard.mode import MemoryMode
from switchboard.switch import Switch
from tests.proxy.gateway.certificates import Authority
from tests.proxy.gateway.scripted import SECRETS, Notes, header_of, read_rules, status_of

Scenario = Coroutine[Any, Any, None]
Run = Callable[[Scenario], None]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = b"Host: svc.hms.example\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
MUCH = 12_000_000
PATIENCE_S = 30.0


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario on one of the loops."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(scenario, PATIENCE_S))

    return run


class Open:
    """A gateway that listens, and what was told about it."""

    def __init__(self, gateway: Gateway, port: int, notes: Notes, mode: MemoryMode) -> None:
        self.gateway = gateway
        self.port = port
        self.notes = notes
        self.mode = mode


@contextlib.asynccontextmanager
async def open_gateway(
    upstream_port: int,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
    **to: Any,
) -> AsyncIterator[Open]:
    destination = {"name": "svc", "address": "127.0.0.1", "port": upstream_port, **to}
    live = {"name": "real", "address": "127.0.0.1", "port": upstream_port}
    rules = read_rules({"routes": [{"host": "*.hms.example", "to": destination, "live": live}]})
    mode, notes = MemoryMode(), Notes()
    quick = limits or Limits(drain_s=1, linger_s=0.2)
    gateway = Gateway(Switch(rules, mode, SECRETS), notes, quick, hop="gw-1")
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await gateway.start(sock, tls)
    try:
        yield Open(gateway, sock.getsockname()[1], notes, mode)
    finally:
        await gateway.drain()


@contextlib.asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A raw server on loopback; gives its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ask(port: int, data: bytes, **tls: Any) -> bytes:
    """Everything that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **tls)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()


async def say_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def say_digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads a body of known length; answers with what it was, and as many bytes."""
    head = await reader.readuntil(b"\r\n\r\n")
    left = int(header_of(head, "content-length") or "0")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 + left))
    digest = hashlib.sha256()
    body = bytearray()
    while left:
        piece = await reader.read(min(left, 65_536))
        digest.update(piece)
        body += piece
        left -= len(piece)
    writer.write(digest.hexdigest().encode())
    writer.write(bytes(body))
    await writer.drain()


def test_long_bodies_stream_in_both_directions(run: Run) -> None:
    async def scenario() -> None:
        body = bytes(range(256)) * (MUCH // 256)
        async with serving(say_digest) as port, open_gateway(port) as door:
            head = (
                b"POST /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: %d\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(head % len(body))
            writer.write(body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert status_of(answer) == 200
            told = await reader.read()
            assert told[:64].decode() == hashlib.sha256(body).hexdigest()
            assert told[64:] == body
            writer.close()
            assert door.notes.exchanges[0].bytes_in == len(body)

    run(scenario())


def test_client_that_does_not_read_holds_the_upstream_back(run: Run) -> None:
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            written += 65_536
            await writer.drain()

    async def scenario() -> None:
        async with serving(flood) as port, open_gateway(port) as door:
            _, writer = await asyncio.open_connection("127.0.0.1", door.port, limit=1_000)
            writer.write(GET)
            # It stands still once the sockets between the two are full.
            before, turns_without_a_byte = 0, 0
            while turns_without_a_byte < 2_000:
                await asyncio.sleep(0)
                turns_without_a_byte = turns_without_a_byte + 1 if before == written > 0 else 0
                before = written
            assert written < 60_000_000
            writer.transport.abort()

    run(scenario())


def test_close_delimited_answer_comes_whole(run: Run) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200_000)

    async def scenario() -> None:
        async with serving(serve) as port, open_gateway(port) as door:
            old = b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n"
            answer = await ask(door.port, old)
            assert answer.endswith(b"\r\n\r\n" + b"x" * 200_000)
            chunked = await ask(door.port, GET)
            assert chunked.endswith(b"0\r\n\r\n")

    run(scenario())


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_answer_that_breaks_off_is_never_taken_for_a_whole_one(run: Run, version: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()

    async def scenario() -> None:
        async with serving(serve) as port, open_gateway(port) as door:
            # What a client of HTTP/1.0 sees of a clean end is a whole answer, so it must be reset.
            with pytest.raises(ConnectionResetError):
                await ask(door.port, GET.replace(b"1.1", version))
            assert door.notes.rules == ["upstream-died"]

    run(scenario())


def test_early_refusal_reaches_a_client_that_still_sends(run: Run) -> None:
    async def scenario() -> None:
        limits = Limits(max_body_bytes=1_000, drain_s=1, linger_s=5)
        async with serving(say_ok) as port, open_gateway(port, limits) as door:
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n")
            writer.write(b"x" * 3_000_000)
            answer = await reader.read()
            assert status_of(answer) == 413
            writer.close()

    run(scenario())


def test_unreachable_upstream(run: Run) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            async with open_gateway(taken.getsockname()[1]) as door:
                assert (
                    header_of(await ask(door.port, GET), "x-esr-refused") == "upstream-unreachable"
                )
                assert door.gateway.statistics().upstream_failures == 1

    run(scenario())


def test_connections_are_used_again_and_replaced_when_stale(run: Run) -> None:
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        for _ in range(2):  # and then it hangs up without a word
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def scenario() -> None:
        async with serving(serve) as port, open_gateway(port) as door:
            answers = [await ask(door.port, GET) for _ in range(6)]
            assert [status_of(answer) for answer in answers] == [200] * 6
            assert 3 <= opened <= 6

    run(scenario())


async def _open_app(app: web.Application) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, runner.addresses[0][1]


async def _echo(request: web.Request) -> web.StreamResponse:
    chat = web.WebSocketResponse(protocols=["chat"])
    await chat.prepare(request)
    async for message in chat:
        await chat.send_str(f"{request.headers['Host']} {message.data}")
    return chat


def test_websocket_with_a_real_client_and_server_until_a_flip(run: Run) -> None:
    async def scenario() -> None:
        app = web.Application()
        app.router.add_get("/ws", _echo)
        runner, port = await _open_app(app)
        async with open_gateway(port) as door, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{door.port}/ws"
            headers = {"Host": "svc.hms.example"}
            async with session.ws_connect(url, headers=headers, protocols=["chat"]) as chat:
                assert chat.protocol == "chat"
                for text in ("a", "b" * 100_000):
                    await chat.send_str(text)
                    assert await chat.receive_str() == f"127.0.0.1:{port} {text}"
                door.mode.flip("live", who="me", why="a test")
                await door.gateway.close_old_ways(2)
                assert (await chat.receive()).type in (
                    aiohttp.WSMsgType.CLOSED,
                    aiohttp.WSMsgType.ERROR,
                )
            assert door.gateway.statistics().tunnels == 1
        await runner.cleanup()

    run(scenario())


def test_real_client_streams_through(run: Run) -> None:
    async def upload(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        async for piece in request.content.iter_any():
            await answer.write(piece)
        return answer

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d" % number * 1_000

    async def scenario() -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/up", upload)
        runner, port = await _open_app(app)
        async with open_gateway(port) as door, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{door.port}/up"
            for expect in (False, True):
                asking = session.post(
                    url, data=pieces(), headers={"Host": "svc.hms.example"}, expect100=expect
                )
                async with asking as answer:
                    told = await answer.read()
                assert told == b"".join([b"%d" % number * 1_000 for number in range(50)])
        await runner.cleanup()

    run(scenario())


def test_tls_name_and_host_must_agree(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "own")
    shown = authority.server_context("*.hms.example", "127.0.0.1")
    cases: list[tuple[str | None, bytes, int]] = [
        ("svc.hms.example", HOST, 200),
        ("SVC.hms.example", HOST, 200),
        ("other.hms.example", HOST, 421),
        ("svc.hms.example", b"Host: other.hms.example\r\n", 421),
        ("svc.hms.example", b"Host: prod.hms.gov\r\n", 599),
        (None, HOST, 421),
        (None, b"Host: 127.0.0.9\r\n", 599),
    ]

    async def scenario() -> None:
        async with serving(say_ok) as port, open_gateway(port, tls=shown) as door:
            for name, host, status in cases:
                request = b"GET /a HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
                context = authority.client_context()
                answer = await ask(door.port, request, ssl=context, server_hostname=name or "")
                assert status_of(answer) == status, (name, host)
            assert door.notes.exchanges[0].scheme == "https"

    run(scenario())


def test_tls_upstream_must_prove_its_name_to_the_one_authority(run: Run, tmp_path: Path) -> None:
    own, other = Authority(tmp_path, "own"), Authority(tmp_path, "other")
    cases = [
        (own.server_context("svc.sandbox"), 200),
        (own.server_context("prod.sandbox"), 502),
        (other.server_context("svc.sandbox"), 502),
    ]
    to: dict[str, Any] = {
        "scheme": "https",
        "server_name": "svc.sandbox",
        "ca_file": str(own.ca_file),
    }

    async def scenario() -> None:
        for shown, status in cases:
            async with serving(say_ok, shown) as port, open_gateway(port, **to) as door:
                assert status_of(await ask(door.port, GET)) == status

    run(scenario())


def test_drain_lets_a_request_end(run: Run) -> None:
    async def scenario() -> None:
        is_asked, may_answer = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            is_asked.set()
            await may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        async with serving(serve) as port, open_gateway(port) as door:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(ask(door.port, GET))
                await is_asked.wait()
                draining = tasks.create_task(door.gateway.drain())
                may_answer.set()
            assert asking.result().endswith(b"ok")
            assert draining.done()
            with pytest.raises(OSError, match=r"refused|Connect"):
                await ask(door.port, GET)

    run(scenario())


def test_slow_head_ends_by_the_gateways_own_timer(run: Run) -> None:
    async def scenario() -> None:
        limits = Limits(head_timeout_s=0.1, drain_s=1, linger_s=0.2)
        async with serving(say_ok) as port, open_gateway(port, limits) as door:
            assert status_of(await ask(door.port, b"GET /a HT")) == 408

    run(scenario())
