"""What takes too long is ended; the clock is moved by hand."""

from __future__ import annotations

import asyncio

from proxy.gateway.limits import Limits
from switchboard.exchange import StubAnswer, StubAsk
from tests.proxy.gateway.scripted import (
    GET,
    OK,
    Scene,
    ScriptedTransport,
    header_of,
    settle,
    status_of,
)

POST = b"POST /a HTTP/1.1\r\nHost: svc.hms.example\r\n"


async def test_client_that_never_speaks_is_closed() -> None:
    scene = Scene()
    _, transport = scene.client()
    await scene.later(9)
    assert not transport.is_ended
    await scene.later(2)
    assert transport.is_ended


async def test_slowloris_is_told_and_closed() -> None:
    scene = Scene()
    client, transport = scene.client()
    for at in range(len(GET) - 1):
        client.data_received(GET[at : at + 1])
        await scene.later(0.5)
        if transport.is_ended:
            break
    assert status_of(transport.written) == 408
    assert scene.notes.rules == ["timeout"]
    assert scene.dials == []


async def test_refused_client_that_stays_is_cut() -> None:
    scene = Scene()
    _, transport = await scene.ask(b"nonsense\r\n\r\n")
    assert transport.has_eof
    assert not transport.is_aborted
    await scene.later(3)
    assert transport.is_aborted


async def test_idle_connection_is_closed() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    await scene.later(74)
    assert not transport.is_ended
    await scene.later(2)
    assert transport.is_ended


async def test_body_that_drips_is_told_and_closed() -> None:
    scene = Scene()
    client, transport = await scene.ask(POST + b"Content-Length: 10000\r\n\r\n")
    for _ in range(40):
        client.data_received(b"x")
        await scene.later(1)
        if transport.is_ended:
            break
    assert status_of(transport.written) == 408
    assert scene.upstream[1].is_aborted


async def test_body_that_moves_may_take_its_time() -> None:
    scene = Scene()
    client, transport = await scene.ask(POST + b"Content-Length: 100000\r\n\r\n")
    for _ in range(90):
        client.data_received(b"x" * 1_000)
        await scene.later(5)
    assert not transport.is_ended


async def test_body_that_waits_for_a_slow_upstream_is_not_the_clients_fault() -> None:
    scene = Scene()
    _, transport = await scene.ask(POST + b"Content-Length: 10000\r\n\r\nabc")
    scene.upstream[0].pause_writing()
    await scene.later(45)
    assert not transport.is_ended
    await scene.later(20)
    assert header_of(transport.written, "x-esr-refused") == "upstream-timeout"


async def test_upstream_that_does_not_answer_is_named() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    await scene.later(59)
    assert transport.written == b""
    await scene.later(2)
    assert status_of(transport.written) == 504
    assert scene.upstream[1].is_aborted


async def test_upstream_that_stops_mid_answer_leaves_no_whole_answer() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    await scene.later(61)
    assert transport.is_aborted
    assert scene.notes.rules == ["upstream-timeout"]


async def test_client_that_takes_nothing_is_cut() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    transport.waiting_bytes = 100_000
    client.pause_writing()
    for left_bytes in (90_000, 80_000, 70_000):
        transport.waiting_bytes = left_bytes
        await scene.later(29)
    assert not transport.is_ended, "it takes a little"
    await scene.later(31)
    assert transport.is_aborted
    assert scene.upstream[1].is_aborted


async def test_unused_upstreams_are_closed() -> None:
    scene = Scene(limits=Limits(pool_idle_s=4))
    client, _ = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    seen = []
    for _ in range(2):
        await scene.later(2.5)
        seen.append(scene.upstream[1].is_aborted)
    assert seen == [False, True]
    client.data_received(GET)
    await settle()
    assert len(scene.dials) == 2


async def test_only_so_many_unused_upstreams_are_kept() -> None:
    scene = Scene(limits=Limits(max_idle_upstreams=1))
    for _ in range(3):
        await scene.ask(GET)
    for wire, _ in scene.upstreams:
        wire.data_received(OK)
    assert scene.gateway.statistics().upstream_connections_idle == 1
    await settle()
    assert scene.gateway.statistics().upstream_connections_open == 1


async def test_stub_that_never_answers_is_called_off() -> None:
    called_off = asyncio.Event()

    async def stubs(ask: StubAsk) -> StubAnswer:
        try:
            await asyncio.Event().wait()
        finally:
            called_off.set()
        raise AssertionError(ask)

    scene = Scene(stubs=stubs)
    _, transport = await scene.ask(b"GET / HTTP/1.1\r\nHost: api.treasury.example\r\n\r\n")
    await scene.later(61)
    assert status_of(transport.written) == 504
    assert called_off.is_set()


async def test_one_connection_too_many_is_told() -> None:
    scene = Scene(limits=Limits(max_connections=2))
    clients = [scene.client()[1] for _ in range(3)]
    assert [transport.is_ended for transport in clients] == [False, False, True]
    assert status_of(clients[2].written) == 503
    assert scene.notes.rules == ["too-many-connections"]
    clients[0].abort()
    await settle()
    assert not scene.client()[1].is_ended


async def test_last_answer_reaches_a_slow_client_whole() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    transport.waiting_bytes = 50_000
    transport.protocol = None  # a transport that closes is not closed before all was written
    scene.upstream[0].data_received(OK)
    for left_bytes in (40_000, 30_000, 20_000):
        await scene.later(20)
        transport.waiting_bytes = left_bytes
        assert not aborted(transport)
    for _ in range(3):
        await scene.later(20)
    assert aborted(transport)
    assert client.work is None


def aborted(transport: ScriptedTransport) -> bool:
    return transport.is_aborted


async def test_client_that_leaves_before_anything_was_sent_has_contacted_nobody() -> None:
    scene = Scene()
    client, _ = scene.client()
    client.data_received(GET)
    client.connection_lost(None)
    await settle()
    assert scene.notes.exchanges == []
