"""A pretend production on 127.0.0.2, a sandbox on 127.0.0.3, and an interceptor between.

Every name resolves to production, so whatever the interceptor does not turn away gets there; what
is asserted is production's own count of connections.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proxy.interceptor.master import Interceptor
from proxy.interceptor.settings import ProxyMode, Settings
from switchboard.exchange import Exchange, Refusal, StubCall
from switchboard.mode import MemoryMode
from switchboard.rules import Rules
from switchboard.rules_reader import parse_rules
from switchboard.switch import Switch
from switchboard.trouble import TroubleCall

PRODUCTION = "127.0.0.2"
SANDBOX = "127.0.0.3"
PATIENCE_S = 5.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsandbox"


@dataclass
class Listener:
    """A server that counts. Answers every request head, and keeps what it was sent."""

    host: str
    answer: bytes = ANSWER
    accepted: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.bodies.append(await _read_body(head, reader))
                writer.write(self.answer)
                await writer.drain()
        writer.close()


async def _read_body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    lines = head.lower().split(b"\r\n")
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return await reader.readexactly(int(value))
        if name == b"transfer-encoding":
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            return body
    return b""


class Notes:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    def passed(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    @property
    def rules(self) -> list[str]:
        return [each.rule for each in self.refusals]


@dataclass
class World:
    """Everything that a test looks at."""

    production: Listener
    sandbox: Listener
    door: Interceptor
    switch: Switch
    mode: MemoryMode
    notes: Notes
    said: list[str]

    async def ask(self, data: bytes, **options: Any) -> bytes:
        return await ask(self.door.address, data, **options)

    async def ask_tls(self, host: str, request: bytes, **options: Any) -> bytes:
        """By CONNECT to production's port and TLS, as a pasted URL would be asked for."""
        return await ask_tls(self, host, request, **options)


def build_rules(sandbox: int, **more: Any) -> Rules:
    routes = [
        {"host": "*.hms.example", "to": {"name": "svc", "address": SANDBOX, "port": sandbox}},
        {"host": "api.treasury.example", "stub": "ach"},
    ]
    deny = {"hosts": ["*.hms.gov"], "networks": ["203.0.113.0/24"]}
    mapping: Mapping[str, Any] = {"mode": "sandbox", "routes": routes, "deny": deny, **more}
    return parse_rules(mapping, source="test", line_of=lambda *_: None)


@asynccontextmanager
async def listening(host: str) -> AsyncIterator[Listener]:
    listener = Listener(host)
    async with await asyncio.start_server(listener.serve, host, 0) as server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener


@asynccontextmanager
async def world(
    ca_dir: Path,
    mode: ProxyMode = "forward",
    *,
    rules: Callable[[int], Rules] = build_rules,
    stubs: StubCall | None = None,
    troubles: TroubleCall | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    async with listening(PRODUCTION) as production, listening(SANDBOX) as sandbox:
        cell, notes, said = MemoryMode(), Notes(), list[str]()
        switch = Switch(rules(sandbox.port), cell, {})
        options = Settings(mode, "127.0.0.1", ca_dir=ca_dir, **{"drain_s": 0.2, **settings})
        async with Interceptor(
            switch, notes, options, stubs=stubs, say=said.append, troubles=troubles
        ) as door:
            yield World(production, sandbox, door, switch, cell, notes, said)


def resolve_everything_to_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """As public DNS would: every name is production's."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        try:
            socket.inet_aton(host)
        except OSError:
            host = PRODUCTION
        except TypeError:
            pass
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def ask(address: tuple[str, int], data: bytes, *, then: Sequence[bytes] = ()) -> bytes:
    """Send it, and each of `then` once there was an answer; all answers."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*address)
            try:
                return await _exchange(reader, writer, (data, *then))
            finally:
                writer.close()
    return b""


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    pieces: Sequence[bytes],
) -> bytes:
    got = b""
    for each in pieces:
        writer.write(each)
        await writer.drain()
        got += await read_answer(reader)
    return got


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One HTTP/1.1 answer, or what came before the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith((b"HTTP/1.1 200 Connection", b"HTTP/1.1 101")):
            return head
        return head + await _read_body(head, reader)
    except asyncio.IncompleteReadError as error:
        return error.partial


def trusting(ca: Path, alpn: Sequence[str] = ()) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


async def ask_tls(
    here: World,
    host: str,
    request: bytes,
    *,
    connect: str | None = None,
    sni: str | None = "",
    through: bool = True,
) -> bytes:
    """CONNECT (unless the door is reached directly), TLS with this SNI, then the request."""
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*here.door.address)
            try:
                if through:
                    to = connect or f"{host}:{here.production.port}"
                    writer.write(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode())
                    answer = await read_answer(reader)
                    if not answer.startswith(b"HTTP/1.1 200"):
                        return answer
                context = trusting(here.door.ca_certificate)
                name = host if sni == "" else sni
                context.check_hostname = False
                if name is None or name != host:
                    context.verify_mode = ssl.CERT_NONE
                # A name that is an address is not sent as SNI.
                await writer.start_tls(context, server_hostname=name or "127.0.0.9")
                writer.write(request)
                return await read_answer(reader)
            finally:
                writer.close()
    return b""
