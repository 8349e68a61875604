"""Ports that close and open again, on real loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stubs.listening import listen
from stubs.ports import Ports


class Greeter(asyncio.Protocol):
    """Says whose port it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._name.encode())
        transport.close()


@asynccontextmanager
async def opened(said: list[str]) -> AsyncIterator[Ports]:
    sockets = {name: listen("127.0.0.1:0") for name in ("ach", "svc")}
    ports = Ports(sockets, Greeter, said.append)
    await ports.open_all()
    try:
        yield ports
    finally:
        ports.close_all()


async def greeting(address: str) -> bytes | None:
    """What is said at an address; None where nobody listens."""
    host, _, port = address.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return None
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


async def test_a_refused_service_is_closed_and_opens_where_it_was() -> None:
    said: list[str] = []
    async with opened(said) as ports:
        ach, svc = ports.addresses["ach"], ports.addresses["svc"]
        assert (await greeting(ach), await greeting(svc)) == (b"ach", b"svc")
        await ports.refuse(lambda name: name == "ach")
        assert (await greeting(ach), await greeting(svc)) == (None, b"svc")
        assert ports.closed == {"ach"}
        await ports.refuse(lambda name: name == "ach")
        await ports.refuse(lambda name: False)
        assert (await greeting(ach), await greeting(svc)) == (b"ach", b"svc")
        assert ports.addresses["ach"] == ach
    assert said == []


async def test_a_port_that_was_taken_meanwhile_is_tried_again() -> None:
    said: list[str] = []
    async with opened(said) as ports:
        host, _, port = ports.addresses["ach"].rpartition(":")
        await ports.refuse(lambda name: name == "ach")
        with socket.create_server((host, int(port))):
            await ports.refuse(lambda name: False)
            assert ports.closed == {"ach"}
            assert said[0].startswith("ach stays closed: cannot listen on ")
        await ports.refuse(lambda name: False)
        assert ports.closed == frozenset()


async def test_closed_ports_are_all_closed() -> None:
    async with opened([]) as ports:
        addresses = list(ports.addresses.values())
    assert [await greeting(address) for address in addresses] == [None, None]
