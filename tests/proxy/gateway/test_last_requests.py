"""A gateway that stops answers what was on its way to it: nobody's request is lost."""

from __future__ import annotations

import asyncio
import socket

import uvloop

from proxy.gateway.limits import Limits
from tests.proxy.gateway.scripted import GET, OK, Scene, header_of, settle, status_of
from tests.proxy.gateway.test_loopback import open_gateway, say_ok, serving

PATIENT = Limits(farewell_s=30, drain_s=30, linger_s=0.2)


async def test_request_that_was_on_its_way_is_answered() -> None:
    scene = Scene(limits=PATIENT)
    client, transport = scene.client()
    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(scene.gateway.drain())
        await settle()
        assert not draining.done()
        assert not transport.is_ended
        client.data_received(GET)
        await settle()
        scene.upstream[0].data_received(OK)
    assert status_of(transport.written) == 200
    assert header_of(transport.written, "connection") == "close"
    assert transport.is_ended


async def test_only_one_more_request_is_answered() -> None:
    scene = Scene(limits=PATIENT)
    client, transport = scene.client()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scene.gateway.drain())
        await settle()
        client.data_received(GET + GET)
        await settle()
        scene.upstream[0].data_received(OK)
    assert transport.written.count(b"HTTP/1.1 200") == 1
    assert len(scene.dials) == 1


async def test_who_comes_too_late_is_told() -> None:
    scene = Scene()
    await scene.gateway.drain()
    _, transport = scene.client()
    assert status_of(transport.written) == 503


async def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    scene = Scene(limits=Limits(farewell_s=0))
    _, transport = scene.client()
    await scene.gateway.drain()
    assert transport.is_ended
    assert transport.written == b""


def connected(port: int) -> socket.socket:
    """A client that has asked, before anybody came round to accept it."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(GET)
    return client


def test_who_waits_at_the_door_is_let_in() -> None:
    async def scenario() -> None:
        async with serving(say_ok) as port, open_gateway(port, PATIENT) as door:
            # The loop does not come round while these connect, so the kernel holds them all.
            clients = [connected(door.port) for _ in range(20)]
            await door.gateway.drain()
            for client in clients:
                with client:
                    answer = await asyncio.to_thread(_everything, client)
                    assert status_of(answer) == 200
                    assert header_of(answer, "connection") == "close"

    asyncio.run(scenario())
    uvloop.run(scenario())


def _everything(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)
