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
from contextlib import suppress
from typing import Final, NamedTuple

from proxy.gateway.client_wire import ClientWire
from proxy.gateway.desk import Desk
from proxy.gateway.dialler import Connect
from proxy.gateway.limits import Limits
from proxy.gateway.statistics import GatewayStatistics
from switchboard.decide import refuse
from switchboard.exchange import Observer, StubCall
from switchboard.rules import LIVE, SANDBOX, Mode
from switchboard.switch import Switch
from switchboard.trouble import TroubleCall

MAX_CAPTURED_BYTES: Final = 1_048_576
SWEEP_S: Final = 0.5
BACKLOG: Final = 4_096
_LOOP_TURNS: Final = 3


class _ListeningDoor(NamedTuple):
    """A server, and a second descriptor of its socket, which outlives it for a moment."""

    server: asyncio.Server
    spare: socket.socket
    tls: ssl.SSLContext | None
    handshake_timeout_s: float | None

    def take_waiting(self) -> list[socket.socket]:
        """Accept everybody who is there, and close: whoever comes later is refused."""
        waiting = []
        self.spare.setblocking(False)
        with self.spare, suppress(OSError):
            while True:
                accepted, _ = self.spare.accept()
                accepted.setblocking(False)
                waiting.append(accepted)
        return waiting


class Gateway:
    """A door for HTTP/1.1. One a process; give it a socket with `start`.

    capture: keep bodies, up to `max_captured_bytes` each, for the exchanges that are observed.
    hop: the name by which a request that comes back is known; "" looks for no loops.
    clock, connect: for tests, which decide what time it is and who answers a dial.
    troubles: asked for what has passed, whether a declared fault touches it.
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
        troubles: TroubleCall | None = None,
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
            troubles=troubles,
        )
        self._doors: list[_ListeningDoor] = []
        self._arriving = 0
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Gateway of {self._desk.switch!r}, {len(self._desk.clients)} clients>"

    async def start(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket from now on."""
        if tls is not None:
            self._desk.names.listen_on(tls)
        loop = asyncio.get_running_loop()
        timeout_s = self._desk.limits.head_timeout_s if tls is not None else None
        spare = sock.dup()
        server = await loop.create_server(
            self.client_wire, sock=sock, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout_s
        )
        self._doors.append(_ListeningDoor(server, spare, tls, timeout_s))
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
        """Stop: accept nobody, let requests under way end within `drain_s`, then cut them off.

        Under way is also what a client has sent and nobody has read yet: on connections that nobody
        has accepted, and on idle ones. So those have `farewell_s` for one last request.
        """
        desk = self._desk
        desk.is_draining = True
        stops = refuse("no-rules", "the gateway stops")
        for client in tuple(desk.clients):
            if client.is_tunnelled:
                client.end_work(stops)
        await self._stop_listening()
        farewell_s = min(desk.limits.farewell_s, desk.limits.drain_s)
        await desk.wait_until(lambda: not self._is_awaited(), farewell_s)
        desk.is_over = True
        for client in tuple(desk.clients):
            client.end_idle()
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

    async def _stop_listening(self) -> None:
        """Close the listening sockets, once everybody who waits there was let in."""
        for door in self._doors:
            door.server.close()
        if not self._doors:
            return
        # Its own descriptor is closed when the loop comes round; ours still takes who waits.
        for _ in range(_LOOP_TURNS):
            await asyncio.sleep(0)
        for door in self._doors:
            for waiting in door.take_waiting():
                self._arriving += 1
                self._desk.errands.start(self._let_in(door, waiting))
        self._doors.clear()

    async def _let_in(self, door: _ListeningDoor, waiting: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self.client_wire,
                waiting,
                ssl=door.tls,
                ssl_handshake_timeout=door.handshake_timeout_s,
            )
        except OSError:
            waiting.close()  # it has gone, or its handshake came to nothing
        finally:
            self._arriving -= 1
            self._desk.changed()

    def _is_awaited(self) -> bool:
        """Somebody may be about to ask something."""
        return self._arriving > 0 or any(client.is_idle for client in self._desk.clients)

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
