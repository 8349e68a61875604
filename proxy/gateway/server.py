"""The Gateway: listens, looks after timeouts, and stops or turns without losing a request.

Floor 1, the shell around `desk.py`. Who starts it chooses the loop (uvloop is the fast one).
Read next: `client_wire.py`, `limits.py`; docs/gateway.md.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from proxy.gateway.client_wire import ClientWire
from proxy.gateway.desk import Desk
from proxy.gateway.dialler import Connect
from proxy.gateway.limits import Limits
from proxy.gateway.statistics import GatewayStatistics
from switchboard.decide import refuse
from switchboard.exchange import Observer, StubCall
from switchboard.rules import LIVE, SANDBOX, Mode
from switchboard.switch import Switch

MAX_CAPTURED_BYTES: Final = 1_048_576
SWEEP_S: Final = 0.5
BACKLOG: Final = 4_096


class Gateway:
    """A door for HTTP/1.1. One a process; give it a socket with `start`.

    capture: keep bodies, up to `max_captured_bytes` each, for the exchanges that are observed.
    hop: the name by which a request that comes back is known; "" looks for no loops.
    clock, connect: for tests, which decide what time it is and who answers a dial.
    """

    def __init__(
        self,
        switch: Switch,
        observer: Observer,
        limits: Limits,
        *,
        stubs: StubCall | None = None,
        capture: bool = False,
        max_captured_bytes: int = MAX_CAPTURED_BYTES,
        hop: str = "",
        clock: Callable[[], float] = time.monotonic,
        connect: Connect | None = None,
    ) -> None:
        self._desk = Desk(
            switch,
            observer,
            limits,
            stubs=stubs,
            max_captured_bytes=max_captured_bytes if capture else 0,
            hop=hop,
            clock=clock,
            connect=connect,
        )
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Gateway of {self._desk.switch!r}, {len(self._desk.clients)} clients>"

    async def start(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket from now on."""
        if tls is not None:
            self._desk.names.listen_on(tls)
        loop = asyncio.get_running_loop()
        timeout_s = self._desk.limits.head_timeout_s if tls is not None else None
        server = await loop.create_server(
            self.client_wire, sock=sock, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout_s
        )
        self._servers.append(server)
        if self._timer is None:
            self._timer = loop.call_later(SWEEP_S, self._tick)

    def client_wire(self) -> ClientWire:
        """The protocol of one client's connection."""
        return ClientWire(self._desk)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._tick)
        self._desk.sweep()

    def sweep(self) -> None:
        """Look after every timeout now; `start` lets a timer do so."""
        self._desk.sweep()

    async def drain(self) -> None:
        """Stop: accept nobody, let requests under way end within `drain_s`, then cut them off."""
        desk = self._desk
        desk.is_draining = True
        for server in self._servers:
            server.close()
        stops = refuse("no-rules", "the gateway stops")
        for client in tuple(desk.clients):
            client.end_idle()
            if client.is_tunnelled:
                client.end_work(stops)
        await desk.wait_until(lambda: not self._is_busy(), desk.limits.drain_s)
        for client in tuple(desk.clients):
            client.end_work(stops)
        await desk.wait_until(lambda: not desk.clients, desk.limits.linger_s)
        for client in tuple(desk.clients):
            client.cut_off()
        await desk.errands.cancel()
        desk.close_pools()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_busy(self) -> bool:
        return any(client.work is not None for client in self._desk.clients)

    async def close_old_ways(self, generation: int) -> None:
        """Return when nothing goes the way of the other mode any more; `generation` is the flip's.

        Unused connections and WebSockets end at once, requests within `drain_s`, then by force.
        """
        desk = self._desk
        mode = desk.book().mode
        old: Mode = SANDBOX if mode == LIVE else LIVE
        reason = refuse("no-rules", f"the mode was flipped to {mode}")
        for client in self._clients_of(old):
            if client.is_tunnelled:
                client.end_work(reason)
        await desk.wait_until(lambda: not self._clients_of(old), desk.limits.drain_s)
        for client in self._clients_of(old):
            client.end_work(reason)

    def _clients_of(self, mode: Mode) -> list[ClientWire]:
        clients = self._desk.clients
        return [each for each in clients if each.work is not None and each.work.mode == mode]

    def statistics(self) -> GatewayStatistics:
        """Everything counted so far, and the levels of now."""
        desk = self._desk
        told = desk.statistics
        told.connections = len(desk.clients)
        told.busy = sum(client.work is not None for client in desk.clients)
        told.upstream_connections_idle = desk.idle_upstreams
        told.upstream_connections_open = len(desk.dialler.open)
        return told
