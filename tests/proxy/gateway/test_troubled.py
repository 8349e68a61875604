"""A request that a fault touches, told as what each side writes and sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proxy.gateway.limits import Limits
from switchboard.exchange import StubAnswer
from switchboard.trouble import Trouble, TroubleAsk
from tests.proxy.gateway.scripted import (
    GET,
    OK,
    Scene,
    body_of,
    header_of,
    settle,
    status_of,
)

HOST = b"Host: svc.hms.example\r\n"
POST = b"POST /a HTTP/1.1\r\n" + HOST
STUB = GET.replace(b"svc.hms.example", b"api.treasury.example")
BODY = b'{"status": 503}'
BUSY = StubAnswer(503, [("content-type", "application/json"), ("x-esr-fault", "f")], BODY)


class Troubles:
    """A `TroubleCall` that says what it is told to, and remembers what it was asked."""

    def __init__(self, **trouble: Any) -> None:
        self.trouble: Trouble | None = Trouble(("f",), over=self._end, **trouble)
        self.asked: list[TroubleAsk] = []
        self.ended = 0

    def __call__(self, ask: TroubleAsk) -> Trouble | None:
        self.asked.append(ask)
        return self.trouble

    def _end(self) -> None:
        self.ended += 1


class Held:
    """A wait that ends when the test says so."""

    def __init__(self) -> None:
        self.lift = asyncio.Event()
        self.begun = 0
        self.is_cancelled = False

    async def __call__(self) -> None:
        self.begun += 1
        try:
            await self.lift.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


async def test_door_asks_by_every_name_of_the_service() -> None:
    troubles = Troubles()
    troubles.trouble = None
    scene = Scene(troubles=troubles)
    secret = b"Authorization: Bearer prod\r\n"
    await scene.ask(POST.replace(b"svc.hms", b"fee.hms") + secret + b"X-Region: eu\r\n\r\n")
    await scene.ask(STUB)
    first, second = troubles.asked
    assert (first.stage, first.names, first.method, first.target) == (
        "request", ("svc", "fee"), "POST", "/a",
    )  # fmt: skip
    assert ("X-Region", "eu") in first.headers
    assert ("Authorization", "Bearer prod") in first.headers
    assert second.names == ("ach", "api")
    assert len(scene.dials) == 1, "without trouble, everything is as ever"


async def test_answer_in_place_dials_nothing_and_keeps_the_connection() -> None:
    troubles = Troubles(answer=BUSY)
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET + GET)
    first, second = transport.take().split(BODY)[:2]
    for answer in (first, second):
        assert status_of(answer) == 503
        assert header_of(answer, "x-esr-env") == "sandbox"
        assert header_of(answer, "x-esr-fault") == "f"
        assert header_of(answer, "connection") is None
    assert (scene.dials, scene.notes.exchanges, scene.notes.refusals) == ([], [], [])
    assert troubles.ended == 2
    assert not transport.is_ended


@pytest.mark.parametrize(
    ("request_bytes", "connection", "has_body"),
    [
        (b"HEAD /a HTTP/1.1\r\n" + HOST + b"\r\n", None, False),
        (b"GET /a HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n", "keep-alive", True),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", "close", True),
        (POST + b"Content-Length: 9\r\n\r\nonly", "close", True),
    ],
)
async def test_answer_in_place_is_framed(
    request_bytes: bytes, connection: str | None, has_body: bool
) -> None:
    scene = Scene(troubles=Troubles(answer=BUSY))
    _, transport = await scene.ask(request_bytes)
    answer = transport.take()
    assert header_of(answer, "content-length") == str(len(BODY))
    assert header_of(answer, "connection") == connection
    assert body_of(answer) == (BODY if has_body else b"")
    assert transport.is_ended == (connection == "close")


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_connection_is_cut_without_a_byte(how: Any) -> None:
    troubles = Troubles(cut=how, answer=BUSY)
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET)
    assert transport.written == b""
    assert transport.is_closing()
    assert transport.is_aborted == (how == "reset")
    assert (scene.dials, troubles.ended) == ([], 1)


async def test_request_passes_after_its_wait() -> None:
    held = Held()
    troubles = Troubles(wait=held)
    scene = Scene(troubles=troubles)
    client, transport = await scene.ask(POST + b"Content-Length: 6\r\n\r\nabc")
    assert (scene.dials, held.begun, transport.is_paused()) == ([], 1, True)
    client.data_received(b"de")  # it was on its way
    held.lift.set()
    await settle()
    assert len(scene.dials) == 1
    assert not transport.is_paused()
    client.data_received(b"f")
    wire, upstream = scene.upstream
    assert body_of(upstream.take()) == b"abcdef"
    wire.data_received(OK)
    assert body_of(transport.take()) == b"ok"
    assert (troubles.ended, len(troubles.asked), len(scene.notes.exchanges)) == (1, 1, 1)


async def test_stub_is_asked_after_the_wait() -> None:
    async def stub(_: Any) -> StubAnswer:
        return StubAnswer(200, [], b"paid")

    held = Held()
    scene = Scene(troubles=Troubles(wait=held), stubs=stub)
    _, transport = await scene.ask(STUB)
    assert transport.take() == b""
    held.lift.set()
    await settle()
    assert body_of(transport.take()) == b"paid"


async def test_refusals_come_before_faults() -> None:
    troubles = Troubles(answer=BUSY)
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET.replace(b"svc.hms.example", b"prod.other"))
    assert header_of(transport.take(), "x-esr-refused") == "unmapped-host"
    assert troubles.asked == []


async def test_what_is_held_is_decided_anew() -> None:
    held = Held()
    scene = Scene(troubles=Troubles(wait=held))
    _, transport = await scene.ask(GET)
    scene.switch.replace(None, {})
    held.lift.set()
    await settle()
    assert header_of(transport.take(), "x-esr-refused") == "no-rules"
    assert scene.dials == []


async def test_tripped_interlock_ends_what_is_held() -> None:
    held = Held()
    troubles = Troubles(wait=held)
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET)
    scene.switch.trip("a canary got out")
    await scene.later(1)
    assert header_of(transport.take(), "x-esr-refused") == "interlock"
    await settle()
    assert (held.is_cancelled, troubles.ended) == (True, 1)


async def test_live_mode_has_no_faults() -> None:
    troubles = Troubles(answer=BUSY)
    scene = Scene(troubles=troubles)
    scene.mode.flip("live")
    await scene.ask(GET)
    assert (troubles.asked, scene.dials) == ([], [("127.0.0.9", 9009)])


async def test_client_that_leaves_is_forgotten() -> None:
    held = Held()
    troubles = Troubles(wait=held)
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET)
    transport.close()
    await settle()
    assert (held.is_cancelled, troubles.ended, scene.gateway.statistics().busy) == (True, 1, 0)


async def fail() -> None:
    raise ZeroDivisionError


def raises(_: TroubleAsk) -> Trouble | None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "troubles",
    [
        raises,
        Troubles(wait=fail),
        Troubles(answer=StubAnswer(503, [], b"\0"), wait=fail),
        Troubles(answer=object()),
    ],
)
async def test_mistake_of_our_own_refuses(troubles: Callable[[TroubleAsk], Any]) -> None:
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET)
    assert header_of(transport.take(), "x-esr-refused") == "no-rules"
    assert scene.notes.rules == ["no-rules"]
    assert scene.dials == []


async def test_mistake_in_a_pipelined_request_refuses() -> None:
    troubles = Troubles()
    troubles.trouble = None
    scene = Scene(troubles=troubles)
    _, transport = await scene.ask(GET + GET)
    troubles.trouble = Trouble(("f",), answer=StubAnswer(503, [("a", "b")], b"x"), over=_raise)
    scene.upstream[0].data_received(OK)
    answers = transport.take()
    assert status_of(answers) == 200
    assert header_of(answers.partition(b"ok")[2], "x-esr-refused") == "no-rules"


def _raise() -> None:
    raise ZeroDivisionError


async def test_drain_waits_for_what_is_held_and_then_refuses_it() -> None:
    held = Held()
    scene = Scene(troubles=Troubles(wait=held), limits=Limits(drain_s=0.01, farewell_s=0.01))
    _, transport = await scene.ask(GET)
    await scene.gateway.drain()
    assert header_of(transport.take(), "x-esr-refused") == "no-rules"
    assert held.is_cancelled


async def test_drain_lets_what_is_lifted_pass() -> None:
    held = Held()
    scene = Scene(troubles=Troubles(wait=held, answer=BUSY), limits=Limits(drain_s=5))
    _, transport = await scene.ask(GET)
    held.lift.set()
    await scene.gateway.drain()
    assert status_of(transport.take()) == 503
