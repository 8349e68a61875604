"""The relay: which door a connection goes to, and that nothing is lost or held."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from hms_esr.containment.relay import Address, Relay, Serve, Traffic, serve_tcp

NOWHERE: Address = ("127.0.0.1", 1)


@asynccontextmanager
async def door(name: bytes) -> AsyncIterator[Address]:
    """Says its name, then what it was sent, and hangs up when its client has."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Before Python 3.12 a server that is closed does not wait for whom it serves.
        with closing(writer):
            writer.write(name)
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


@asynccontextmanager
async def relayed(serve: Serve) -> AsyncIterator[Address]:
    accepting = socket.create_server(("127.0.0.1", 0))
    server = await serve_tcp(accepting, serve)
    async with server:
        yield accepting.getsockname()


async def say(address: Address, *parts: bytes) -> bytes:
    """Send, hang up one way, and hear everything."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def test_the_first_byte_chooses_the_door() -> None:
    traffic = Traffic()
    async with (
        door(b"plain:") as plain,
        door(b"tls:") as tls,
        relayed(Relay(traffic).to_web(plain, tls)) as entry,
    ):
        assert await say(entry, b"GET / HTTP/1.1\r\n") == b"plain:GET / HTTP/1.1\r\n"
        assert await say(entry, b"\x16\x03\x01") == b"tls:\x16\x03\x01"
    assert (traffic.connections, traffic.turned_away) == (2, 0)


async def test_tls_where_no_door_speaks_it_ends() -> None:
    traffic = Traffic()
    async with door(b"plain:") as plain, relayed(Relay(traffic).to_web(plain, None)) as entry:
        assert await say(entry, b"\x16\x03\x01") == b""
    assert traffic.turned_away == 1


async def test_a_door_that_is_gone_ends_the_connection() -> None:
    async with relayed(Relay(Traffic()).to_web(NOWHERE, None)) as entry:
        assert await say(entry, b"GET") == b""


async def test_who_says_nothing_is_told_nothing() -> None:
    async with door(b"plain:") as plain, relayed(Relay(Traffic()).to_web(plain, None)) as entry:
        assert await say(entry) == b""


async def test_a_large_body_passes_both_ways() -> None:
    parts = [bytes([number]) * 100_000 for number in range(50)]
    async with door(b"") as plain, relayed(Relay(Traffic()).to_door(plain)) as entry:
        reader, writer = await asyncio.open_connection(*entry)
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(reader.read())
            for part in parts:
                writer.write(part)
                await writer.drain()
            writer.write_eof()
        assert hearing.result() == b"".join(parts)
        writer.close()


async def test_connections_are_bounded() -> None:
    traffic = Traffic()
    async with door(b"hello") as plain, relayed(Relay(traffic, most=1).to_door(plain)) as entry:
        reader, writer = await asyncio.open_connection(*entry)
        assert await reader.readexactly(5) == b"hello"
        second, refused = await asyncio.open_connection(*entry)
        try:
            heard = await second.read()
        except ConnectionResetError:
            heard = b""
        assert heard == b""
        refused.close()
        writer.close()
        assert traffic.turned_away == 1
