"""Bytes from the sockets of the jail to the doors outside, and names answered in between.

A connection is made inside, accepted here on a socket that belongs there, and carried to a door on
this machine's loopback. Nobody else can be reached: the two addresses are fixed before there is a
jail. No byte is read twice, nothing is buffered beyond one chunk each way, and a door that is gone
is a connection that ends. Read next: `names.py`, `doors.py`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

from hms_esr.containment.names import build_answer, parse_question

CHUNK_BYTES: Final = 65_536
MOST_CONNECTIONS: Final = 2_000
FIRST_BYTE_S: Final = 60.0
DIAL_S: Final = 5.0
MOST_NAMES: Final = 1_000
IS_TLS: Final = b"\x16"
"""The first byte of every TLS connection, and of no HTTP request."""

Address = tuple[str, int]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Traffic:
    """What went through, in numbers."""

    connections: int = 0
    turned_away: int = 0
    """Too many at once, or TLS where no door speaks it."""
    open: int = 0


class Relay:
    """Carries connections to doors, for as long as whoever serves it lasts."""

    def __init__(self, traffic: Traffic, most: int = MOST_CONNECTIONS) -> None:
        self.traffic = traffic
        self._most = most

    def to_web(self, plain: Address, tls: Address | None) -> Serve:
        """Serve connections by their first byte: TLS to one door, everything else to the other."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await asyncio.wait_for(reader.read(CHUNK_BYTES), FIRST_BYTE_S)
            door = tls if first.startswith(IS_TLS) else plain
            if door is None:
                self.traffic.turned_away += 1
            elif first:
                await _carry(reader, writer, door, first)

        return self.limited(serve)

    def to_door(self, door: Address) -> Serve:
        """Serve connections by one door."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _carry(reader, writer, door, b"")

        return self.limited(serve)

    def limited(self, serve: Serve) -> Serve:
        """The same, but never for more connections at once than there may be."""

        async def limited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            traffic = self.traffic
            traffic.connections += 1
            if traffic.open >= self._most:
                traffic.turned_away += 1
                writer.transport.abort()
                return
            traffic.open += 1
            try:
                # A peer that leaves is no fault; TimeoutError is an OSError.
                with suppress(OSError):
                    await serve(reader, writer)
            finally:
                traffic.open -= 1
                writer.close()

        return limited


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Address, first: bytes
) -> None:
    async with asyncio.timeout(DIAL_S):
        from_door, to_door = await asyncio.open_connection(*door, limit=CHUNK_BYTES)
    to_door.write(first)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, to_door))
            both.create_task(_copy(from_door, writer))
    except* OSError:
        # Half a stream is none: the other side must not take it for a whole one.
        writer.transport.abort()
        to_door.transport.abort()
    finally:
        to_door.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):  # the other half has ended already
        writer.write_eof()


class Resolver(asyncio.DatagramProtocol):
    """The jail's names, over UDP and TCP."""

    def __init__(self, address: str) -> None:
        self.asked: set[str] = set()
        """The names, up to a thousand of them."""
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Until Python 3.12 it is none by its class, only by what it does.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        answer = self._answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer queries on a connection, each behind its length."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self._answer(await reader.readexactly(length))
                if answer is None:
                    return
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()

    def _answer(self, query: bytes) -> bytes | None:
        answer = build_answer(query, self._address)
        with suppress(ValueError):
            if len(self.asked) < MOST_NAMES:
                self.asked.add(parse_question(query).name)
        return answer


async def serve_tcp(accepting: socket.socket, serve: Serve) -> asyncio.Server:
    """Accept on a socket of the jail."""
    accepting.setblocking(False)
    return await asyncio.start_server(serve, sock=accepting, limit=CHUNK_BYTES)


async def serve_names(bound: socket.socket, resolver: Resolver) -> asyncio.DatagramTransport:
    """Answer on a UDP socket of the jail."""
    bound.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: resolver, sock=bound
    )
    return transport
