"""Nothing reaches production, whatever fails; and without the guard it does, so this can fail.

Each sabotage is done to a running interceptor, then every probe is sent; what is asserted is the
number of connections that production itself has accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

import proxy.interceptor.master as master
from proxy.interceptor.guard import Guard
from proxy.interceptor.layers import choose_layer
from proxy.interceptor.seal import sealed
from proxy.interceptor.wall import walled
from tests.proxy.interceptor.harness import (
    PRODUCTION,
    World,
    resolve_everything_to_production,
    world,
)

HOST = "api.hms.example"
Sabotage = Callable[[World, pytest.MonkeyPatch], None]
Probe = Callable[[World], Awaitable[bytes]]


@pytest.fixture(autouse=True)
def _public_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_everything_to_production(monkeypatch)


# What a client may send.


async def plain(here: World) -> bytes:
    port = here.production.port
    head = f"GET http://{HOST}:{port}/ HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n"
    return await here.ask(head.encode())


async def plain_to_address(here: World) -> bytes:
    host = f"{PRODUCTION}:{here.production.port}"
    return await here.ask(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


async def streamed(here: World) -> bytes:
    port = here.production.port
    head = f"POST http://{HOST}:{port}/ HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
    body = "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    return await here.ask((head + body).encode())


async def secret(here: World) -> bytes:
    port = here.production.port
    return await here.ask_tls(
        HOST, f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nAuthorization: Bearer x\r\n\r\n".encode()
    )


async def tunnelled_bytes(here: World) -> bytes:
    connect = f"CONNECT {HOST}:{here.production.port} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    return await here.ask(connect.encode(), then=[b"\x00\x01\x02SSH\xff" * 8])


async def tunnel_to_address(here: World) -> bytes:
    to = f"{PRODUCTION}:{here.production.port}"
    connect = f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"
    return await here.ask(connect.encode(), then=[b"\x00\x01\x02SSH\xff" * 8])


async def upgraded(here: World) -> bytes:
    port = here.production.port
    head = f"GET http://{HOST}:{port}/ HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
    upgrade = "Connection: Upgrade\r\nUpgrade: anything\r\n\r\n"
    return await here.ask((head + upgrade).encode())


PROBES: list[Probe] = [
    plain,
    plain_to_address,
    streamed,
    secret,
    tunnelled_bytes,
    tunnel_to_address,
    upgraded,
]


async def send_all(here: World) -> list[bytes]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_patient(probe, here)) for probe in PROBES]
    return [each.result() for each in asked]


async def _patient(probe: Probe, here: World) -> bytes:
    """A probe that hangs is refused as well; its client goes away."""
    try:
        async with asyncio.timeout(2.0):
            return await probe(here)
    except TimeoutError:
        return b""


# What may go wrong.


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("sabotage")


def raising(part: str, hook: str) -> Sabotage:
    def sabotage(here: World, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(getattr(here.door, part), hook, fail)

    sabotage.__name__ = f"{part.strip('_')}.{hook} raises"
    return sabotage


def addons(here: World) -> list[Any]:
    assert here.door.master is not None
    chain = here.door.master.addons.chain
    assert isinstance(chain, list)
    return chain


class Halting:
    """An addon in front that ends the chain for every hook."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("addons", "name"):
            raise AttributeError(name)
        return self._halt

    def _halt(self, *_: Any) -> None:
        raise exceptions.AddonHalt


class HaltingDials:
    """Ends the chain only where it matters most."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        raise exceptions.AddonHalt


class PointingBack:
    """A late addon that points connections at production."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def server_connect(self, data: ServerConnectionHookData) -> None:
        data.server.address = self._address
        data.server.error = None


class PointingRequestsBack(PointingBack):
    """A late addon that points requests at production."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Leave it."""

    def requestheaders(self, flow: Any) -> None:
        flow.request.data.host, flow.request.data.port = self._address
        flow.response = None

    request = requestheaders


class PointingThroughProxy(PointingBack):
    """A late addon that hides the target behind an upstream proxy."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        data.server.via = ("http", self._address)
        data.server.error = None


class Datagrams(PointingBack):
    """A late addon that asks for UDP, which mitmproxy opens from Rust."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        data.server.address = self._address
        data.server.transport_protocol = "udp"
        data.server.error = None


class Hanging:
    """An addon that never comes to an end."""

    async def server_connect(self, data: ServerConnectionHookData) -> None:
        await asyncio.Event().wait()


class Forgiving:
    """A late addon that takes every denial back."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        data.server.error = None


def late(kind: type[PointingBack]) -> Sabotage:
    def sabotage(here: World, patch: pytest.MonkeyPatch) -> None:
        addons(here).append(kind((PRODUCTION, here.production.port)))

    sabotage.__name__ = f"late {kind.__name__}"
    return sabotage


def halted(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).insert(0, Halting())


def dials_halted(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).insert(0, HaltingDials())


def hanging(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).insert(0, Hanging())


def forgiving(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).append(Forgiving())


def cleared(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).clear()


def only_mitmproxys(here: World, patch: pytest.MonkeyPatch) -> None:
    del addons(here)[:3]


def reversed_chain(here: World, patch: pytest.MonkeyPatch) -> None:
    addons(here).reverse()


def raising_seal(here: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(here.door.guard, "check", fail)
    only_mitmproxys(here, patch)


def raising_decision(here: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(here.door.gate, "decide", fail)


def unreadable_rules(here: World, patch: pytest.MonkeyPatch) -> None:
    here.switch.replace(None, {})


def live(here: World, patch: pytest.MonkeyPatch) -> None:
    here.mode.flip("live", who="a test")


def tripped(here: World, patch: pytest.MonkeyPatch) -> None:
    here.switch.trip("a test")


def raising_observer(here: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(here.notes, "refused", fail)
    patch.setattr(here.notes, "passed", fail)


SABOTAGES: list[Sabotage] = [
    *(
        raising("_router", hook)
        for hook in (
            "requestheaders", "request", "responseheaders", "response", "error", "server_connect",
            "configure", "_pass", "_forward", "_refuse", "_visit",
        )
    ),
    *(
        raising("_doorway", hook)
        for hook in (
            "client_connected", "client_disconnected", "next_layer", "http_connect",
            "tls_start_client",
        )
    ),
    raising("guard", "server_connect"),
    raising("guard", "route"),
    raising("gate", "refuse_tunnel"),
    late(PointingBack),
    late(PointingRequestsBack),
    late(PointingThroughProxy),
    late(Datagrams),
    halted,
    dials_halted,
    hanging,
    forgiving,
    cleared,
    only_mitmproxys,
    reversed_chain,
    raising_seal,
    raising_decision,
    raising_observer,
    unreadable_rules,
    live,
    tripped,
]  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.__name__)
async def test_nothing_reaches_production(
    sabotage: Sabotage, ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(ca_dir, hook_timeout_s=0.3) as here:
        sabotage(here, monkeypatch)
        await send_all(here)
    assert here.production.accepted == 0


async def test_unsabotaged_only_the_sandbox_answers(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        answers = dict(zip([probe.__name__ for probe in PROBES], await send_all(here), strict=True))
    assert here.production.accepted == 0
    for name in ("plain", "streamed", "secret"):
        assert answers[name].endswith(b"sandbox"), name
    for name in ("plain_to_address", "tunnel_to_address", "upgraded"):
        assert b"x-esr-refused: " in answers[name], name
    assert answers["tunnelled_bytes"].count(b"HTTP/1.1") == 1, "the tunnel, and then its end"
    assert not any(b"Bearer" in head for head in here.sandbox.heads)


def _without_guard(patch: pytest.MonkeyPatch) -> None:
    """Take away guard, seal and wall, as if somebody had forgotten to build them."""

    @contextmanager
    def nothing(*_: Any, **__: Any) -> Any:
        with nullcontext():
            yield

    patch.setattr(master, "sealed", nothing)
    patch.setattr(master, "walled", nothing)
    patch.setattr(Guard, "server_connect", lambda *_: None)


LEAKING: list[Sabotage] = [
    raising("_router", "requestheaders"),
    late(PointingBack),
    late(PointingRequestsBack),
    only_mitmproxys,
]


@pytest.mark.parametrize("sabotage", LEAKING, ids=lambda each: each.__name__)
async def test_without_the_guard_it_leaks(
    sabotage: Sabotage, ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite can fail: the very probes get out when nothing asks before the dial."""
    _without_guard(monkeypatch)
    async with world(ca_dir) as here:
        sabotage(here, monkeypatch)
        await send_all(here)
    assert here.production.accepted > 0


async def test_the_wall_alone_holds(ca_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Router, guard and seal are gone; what is left stands where sockets are opened."""
    _without_guard(monkeypatch)
    monkeypatch.setattr(master, "walled", walled)
    async with world(ca_dir) as here:
        only_mitmproxys(here, monkeypatch)
        await send_all(here)
    assert here.production.accepted == 0


async def test_the_seal_alone_holds(ca_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Router, guard and wall are gone."""
    _without_guard(monkeypatch)
    monkeypatch.setattr(master, "sealed", sealed)
    async with world(ca_dir) as here:
        only_mitmproxys(here, monkeypatch)
        await send_all(here)
    assert here.production.accepted == 0


def test_layers_know_no_way_to_a_server() -> None:
    """The chooser never builds a layer that relays bytes."""
    assert "TCPLayer" not in choose_layer.__globals__
