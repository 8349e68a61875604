"""Flips of the mode, new rules, a tripped interlock, and the end: nothing goes the old way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from proxy.gateway.limits import Limits
from tests.proxy.gateway.scripted import (
    GET,
    OK,
    RULES,
    SECRETS,
    Scene,
    header_of,
    read_rules,
    settle,
    status_of,
)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: svc.hms.example\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


async def in_background(work: Coroutine[object, object, None]) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(work)
    await settle()
    return task


async def test_after_a_flip_the_next_request_takes_the_new_way() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    scene.mode.flip("live", who="me", why="a test")
    transport.take()
    client.data_received(GET)
    await settle()
    assert scene.dials == [("127.0.0.1", 9001), ("127.0.0.9", 9009)]
    assert scene.upstreams[0][1].is_aborted
    assert header_of(scene.upstream[1].written, "host") == "svc.hms.example"
    scene.upstream[0].data_received(OK)
    scene.mode.flip("sandbox", who="me", why="a test")
    client.data_received(GET)
    await settle()
    assert scene.dials[-1] == ("127.0.0.1", 9001)
    assert scene.notes.exchanges[1].is_live


async def test_flip_waits_for_requests_under_way() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.mode.flip("live", who="me", why="a test")
    closing = await in_background(scene.gateway.close_old_ways(2))
    assert not closing.done()
    scene.upstream[0].data_received(OK)
    await settle()
    assert closing.done()
    assert transport.take().endswith(b"ok")
    assert scene.upstream[1].is_aborted, "it is not kept for anybody"


async def test_flip_cuts_what_takes_too_long() -> None:
    scene = Scene(limits=Limits(drain_s=0))
    _, transport = await scene.ask(GET)
    scene.mode.flip("live", who="me", why="a test")
    await scene.gateway.close_old_ways(2)
    assert status_of(transport.written) == 599
    assert scene.upstream[1].is_aborted


async def test_flip_does_not_touch_the_new_way() -> None:
    scene = Scene(limits=Limits(drain_s=0))
    scene.mode.flip("live", who="me", why="a test")
    _, transport = await scene.ask(GET)
    await scene.gateway.close_old_ways(2)
    scene.upstream[0].data_received(OK)
    assert transport.take().endswith(b"ok")


async def test_dial_that_a_flip_overtakes_is_sealed_off() -> None:
    scene = Scene()
    client, transport = scene.client()
    client.data_received(GET)
    scene.mode.flip("live", who="me", why="a test")
    await settle()
    assert header_of(transport.written, "x-esr-refused") == "not-sealed"
    assert scene.dials == []


async def test_websocket_is_piped_in_both_directions() -> None:
    scene = Scene()
    client, transport = await scene.ask(HANDSHAKE)
    wire, upstream = scene.upstream
    sent = upstream.take()
    assert header_of(sent, "connection") == "Upgrade"
    assert header_of(sent, "sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ=="
    assert header_of(sent, "sec-websocket-protocol") == "chat"
    wire.data_received(AGREED + b"\x81\x01a")
    answer = transport.take()
    assert status_of(answer) == 101
    assert header_of(answer, "sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.endswith(b"\x81\x01a")
    client.data_received(b"\x81\x01b")
    assert upstream.take() == b"\x81\x01b"
    wire.data_received(b"\x81\x01c")
    assert transport.take() == b"\x81\x01c"
    client.pause_writing()
    assert upstream.is_paused()
    wire.pause_writing()
    assert transport.is_paused()
    client.resume_writing()
    wire.resume_writing()
    assert not upstream.is_paused()
    upstream.close()
    await settle()
    assert transport.is_ended
    assert [each.status for each in scene.notes.exchanges] == [101]


async def test_websocket_ends_with_its_client() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    transport.abort()
    await settle()
    assert scene.upstream[1].is_ended


async def test_wrong_accept_is_refused() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED.replace(b"s3pP", b"xxxx"))
    assert header_of(transport.written, "x-esr-refused") == "bad-answer"


async def test_declined_websocket_is_an_answer_like_any_other() -> None:
    scene = Scene()
    client, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    assert status_of(transport.take()) == 403
    client.data_received(GET)
    scene.upstream[0].data_received(OK)
    assert status_of(transport.take()) == 200


async def test_old_websockets_end_at_a_flip_at_once() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    scene.mode.flip("live", who="me", why="a test")
    await scene.gateway.close_old_ways(2)
    assert transport.is_ended
    assert scene.upstream[1].is_ended


async def test_still_websocket_is_closed_after_a_while() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    await scene.later(3_599)
    assert not transport.is_ended
    await scene.later(2)
    assert transport.is_ended


async def test_tripped_interlock_refuses_and_ends_what_is_open() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    transport.take()
    _, tunnel = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    scene.switch.trip("a canary got out")
    client.data_received(GET)
    assert header_of(transport.take(), "x-esr-refused") == "interlock"
    await scene.later(1)
    assert tunnel.is_ended
    assert scene.gateway.statistics().upstream_connections_open == 0


async def test_new_rules_hold_for_the_next_request() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    transport.take()
    routes = [{"host": "other.example", "to": {"name": "o", "address": "127.0.0.1", "port": 9002}}]
    scene.switch.replace(read_rules({"routes": routes}), SECRETS)
    client.data_received(GET)
    assert header_of(transport.take(), "x-esr-refused") == "unmapped-host"
    await scene.later(1)
    assert scene.upstream[1].is_aborted


async def test_websocket_to_where_no_rule_leads_any_more_is_closed() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    scene.switch.replace(read_rules(RULES), SECRETS)
    await scene.later(1)
    assert not transport.is_ended, "the new rules lead there too"
    routes = [{"host": "other.example", "to": {"name": "o", "address": "127.0.0.1", "port": 9002}}]
    scene.switch.replace(read_rules({"routes": routes}), SECRETS)
    await scene.later(1)
    assert transport.is_ended


async def test_unreadable_rules_refuse_everything() -> None:
    scene = Scene()
    scene.switch.replace(None, {})
    _, transport = await scene.ask(GET)
    assert header_of(transport.take(), "x-esr-refused") == "no-rules"


async def test_drain_ends_idle_clients_and_waits_for_the_others() -> None:
    scene = Scene(limits=Limits(farewell_s=0))
    idle = scene.client()[1]
    _, busy = await scene.ask(GET)
    draining = await in_background(scene.gateway.drain())
    assert idle.is_ended
    assert not draining.done()
    scene.upstream[0].data_received(OK)
    await settle()
    assert header_of(busy.written, "connection") == "close"
    assert draining.done()
    assert scene.gateway.statistics().connections == 0


async def test_drain_cuts_what_takes_too_long() -> None:
    scene = Scene(limits=Limits(drain_s=0, linger_s=0))
    _, transport = await scene.ask(GET)
    await scene.gateway.drain()
    assert status_of(transport.written) == 599
    assert transport.is_aborted


async def test_drain_ends_websockets_at_once() -> None:
    scene = Scene()
    _, transport = await scene.ask(HANDSHAKE)
    scene.upstream[0].data_received(AGREED)
    await scene.gateway.drain()
    assert transport.is_ended
    assert scene.upstream[1].is_ended


async def test_answer_under_way_is_cut_when_the_interlock_trips() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    scene.switch.trip("a canary got out")
    await scene.later(1)
    assert transport.is_aborted
    assert scene.notes.rules == ["interlock"]
