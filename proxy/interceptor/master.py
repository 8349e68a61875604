"""The interceptor itself: mitmproxy's master with a chain of our own, and the walls round it.

The chain is the router and the doorway, then the four addons that mitmproxy cannot do without: no
resolver, no scripts, no replay, nothing that keeps flows. Seal, walls, limits and alarm stand as
long as it is open. mitmproxy keeps its master in a global, so there is one interceptor a process.
Read next: `router.py`, `guard.py`, `seal.py`, `wall.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mitmproxy import version
from mitmproxy.addons.core import Core
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import Client, Server
from mitmproxy.http import HTTPFlow
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import server
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.utils import asyncio_utils

from proxy.interceptor.breaker import Alarm, quiet
from proxy.interceptor.ca import prepare_ca, unbelievable, write_trusted_ca
from proxy.interceptor.chain import Chain
from proxy.interceptor.doorway import Doorway
from proxy.interceptor.errors import InterceptorError
from proxy.interceptor.gate import Gate
from proxy.interceptor.guard import Guard
from proxy.interceptor.limits import limited
from proxy.interceptor.names_service import NamesService
from proxy.interceptor.options import check_options, set_options, values_of
from proxy.interceptor.replacing import replaced
from proxy.interceptor.reporting import Reporter, Statistics
from proxy.interceptor.router import NamesRouter, Router
from proxy.interceptor.seal import sealed
from proxy.interceptor.settings import Settings
from proxy.interceptor.troubled import Troubles
from proxy.interceptor.wall import walled
from switchboard.base_url import authority_of
from switchboard.decide import Refuse, refuse
from switchboard.exchange import Observer, StubCall
from switchboard.rules import Endpoint
from switchboard.seal import NOT_SEALED
from switchboard.switch import Switch
from switchboard.trouble import TroubleCall

VERSION: Final[str] = version.VERSION
"""Of mitmproxy."""
WATCH_S: Final = 0.05
LAST_S: Final = 2.0
Say = Callable[[str], None]


class Interceptor:
    """`async with Interceptor(...) as door:` listens at `door.address` as long as it lasts.

    stubs: answers for routes that lead to a stub.   say: told what a person should know, one line
    at a time, never a URL or a header.   troubles: asked for what may pass, whether a declared
    fault touches it.
    """

    def __init__(
        self,
        switch: Switch,
        observer: Observer,
        settings: Settings,
        *,
        stubs: StubCall | None = None,
        say: Say = lambda _: None,
        troubles: TroubleCall | None = None,
    ) -> None:
        self.address: Endpoint = (settings.host, settings.port)
        self.ca_certificate: Path = settings.ca_dir
        self.gate = Gate(switch)
        self.guard = Guard(self.gate)
        self._settings = settings
        self._say = say
        self._reporter = Reporter(observer)
        self._tls = TlsConfig()
        faults = Troubles(self.gate, troubles)
        self._doorway = Doorway(
            self.gate, self.guard, self._reporter, settings, self.cut, faults, self._tls
        )
        self._router = Router(
            self.gate,
            self.guard,
            self._reporter,
            settings,
            self._doorway.visit,
            self._sever,
            stubs,
            faults,
        )
        service = NamesService(self.gate, ip_address(settings.answer or settings.host), faults)
        self._names = NamesRouter(service, self._reporter)
        self._servers = Proxyserver()  # type: ignore[no-untyped-call]
        self._stack = ExitStack()
        self._seen: tuple[object, ...] = ()
        self._timer = asyncio.TimerHandle(0.0, lambda: None, (), asyncio.get_running_loop())
        self.master: Master | None = None

    def __repr__(self) -> str:
        host, port = self.address
        return f"<Interceptor {self._settings.mode} {host}:{port} mitmproxy {VERSION}>"

    def statistics(self) -> Statistics:
        """What went through so far."""
        return self._reporter.counts

    async def __aenter__(self) -> Interceptor:
        """Listen. Raises InterceptorError or UnsafeOptionError; then nothing is open."""
        with ExitStack() as stack:
            self._put_up_walls(stack)
            self.ca_certificate = prepare_ca(self._settings.ca_dir)
            self.master = self._build_master()
            handler = self.master._asyncio_exception_handler
            stack.enter_context(asyncio_utils.install_exception_handler(handler))
            await self._listen(self.master)
            self._stack = stack.pop_all()
        self._seen = self._state()
        self._watch()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection. The walls fall last."""
        with self._stack:
            self._timer.cancel()
            await self._servers.servers.update([])
            await self._drain()
            if self.master is not None:
                await self.master.done()

    def _put_up_walls(self, stack: ExitStack) -> None:
        settings, gate = self._settings, self.gate
        alarm = Alarm(self._trip, self._cut_at, self._say)
        stack.enter_context(quiet(alarm))
        stack.enter_context(walled(lambda: gate.endpoints, settings.connect_timeout_s))
        stack.enter_context(sealed(self._check_dial, self._denied, settings.hook_timeout_s))
        stack.enter_context(limited(settings.max_head_bytes, self._refused_head))
        stack.enter_context(asyncio_utils.set_eager_task_factory())
        if hasattr(server, "TCP_TIMEOUT"):  # up to 11.0 it is no option
            stack.enter_context(replaced(server, "TCP_TIMEOUT", settings.idle_timeout_s))

    def _build_master(self) -> Master:
        settings = self._settings
        trusted = write_trusted_ca(self.gate.switch.rules, settings.ca_dir, settings.folder)
        values = values_of(settings, trusted)
        options = Options()
        set_options(options, values)
        master = Master(options)
        master.addons = Chain(master)  # type: ignore[no-untyped-call]
        master._legacy_log_events.uninstall()
        # Our addons come first in the chain, but last into it: they judge options that the others
        # bring with them, and those must be set before anybody looks.
        master.addons.add(  # type: ignore[no-untyped-call]
            Core(), self._servers, NextLayer(), self._tls
        )
        set_options(options, values)
        check_options(options)
        ours = (self._router, self._doorway, self._names)
        for addon in ours:
            master.addons.register(addon)  # type: ignore[no-untyped-call]
        master.addons.chain[:0] = ours
        self._say_unbelievable()
        return master

    async def _listen(self, master: Master) -> None:
        await self._servers.setup_servers()
        failures = [each.last_exception for each in self._servers.servers if each.last_exception]
        found = self._servers.listen_addrs()
        if failures or not found:
            await self._servers.servers.update([])
            why = failures[0] if failures else "it got no address"
            host, port = self._settings.host, self._settings.port
            raise InterceptorError(f"the interceptor cannot listen on {host}:{port}: {why}")
        self.address = (str(found[0][0]), int(found[0][1]))
        await master.running()

    def _check_dial(self, server: Server) -> None:
        self.guard.check(server)
        self._reporter.counts.dials += 1

    def _denied(self, data: ServerConnectionHookData) -> None:
        """A dial that was not to be: named, and counted."""
        self._reporter.counts.dials_denied += 1
        address = data.server.address
        host = authority_of("tcp", address[0], address[1]) if address else ""
        self._reporter.refused(data.client, host, "", refuse(NOT_SEALED, data.server.error or ""))

    def _refused_head(self, client: Client, refusal: Refuse) -> None:
        self._doorway.visit(client).has_asked = True
        self._reporter.refused(client, "", "", refusal)

    def _trip(self, reason: str) -> None:
        """Refuse everything from now on."""
        self.gate.switch.trip(reason)

    # -- what is open, and ends

    def _watch(self) -> None:
        """Twenty times a second: end what the rules, the mode or a trip no longer allow."""
        if self._state() != self._seen:
            self._seen = self._state()
            self.sweep()
        self._timer = asyncio.get_running_loop().call_later(WATCH_S, self._watch)

    def _state(self) -> tuple[object, ...]:
        switch = self.gate.switch
        return (id(switch.rules), switch.mode, switch.tripped)

    def sweep(self) -> bool:
        """End every connection to what may not be dialled now; True when none is left."""
        self._trust_again()
        allowed = self.gate.endpoints
        is_clean = True
        for handler in tuple(self._servers.connections.values()):
            for connection, transport in tuple(handler.transports.items()):
                if not isinstance(connection, Server):
                    continue
                address = connection.address[:2] if connection.address else None
                if address not in allowed:
                    is_clean = False
                    if transport.handler is not None:
                        transport.handler.cancel("no longer allowed")
        return is_clean

    def _trust_again(self) -> None:
        """Believe the authorities of the rules in force."""
        settings = self._settings
        if self.master is None:
            return
        trusted = str(write_trusted_ca(self.gate.switch.rules, settings.ca_dir, settings.folder))
        if trusted != self.master.options.ssl_verify_upstream_trusted_ca:
            set_options(self.master.options, {"ssl_verify_upstream_trusted_ca": trusted})
            self._say_unbelievable()

    def _say_unbelievable(self) -> None:
        for name in unbelievable(self.gate.switch.rules, self._settings.folder):
            self._say(f"no authority that can be read vouches for {name}: it is not reached")

    def cut(self, client: Client) -> None:
        """End the connection of a client."""
        handler = self._servers.connections.get(client.id)
        if handler is not None:
            _cut(handler)

    def _cut_at(self, peername: Any) -> None:
        """End the connection of the client at an address: something failed inside it."""
        self._reporter.counts.crashes += 1
        for handler in tuple(self._servers.connections.values()):
            if handler.client.peername == peername:
                asyncio.get_running_loop().call_soon(_cut, handler)

    def _sever(self, flow: HTTPFlow) -> None:
        """End the connection upstream that a flow came by."""
        handler = self._servers.connections.get(flow.client_conn.id)
        transport = handler.transports.get(flow.server_conn) if handler is not None else None
        if transport is not None and transport.handler is not None:
            transport.handler.cancel("severed")

    async def _drain(self) -> None:
        """Let answers that are under way end, but not for long; the others have no claim."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_s
        while self._servers.connections:
            is_late = loop.time() > deadline
            for handler in tuple(self._servers.connections.values()):
                if is_late or not self._doorway.visit(handler.client).in_flight:
                    _cut(handler)
            if loop.time() > deadline + LAST_S:
                break
            await asyncio.sleep(WATCH_S / 5)


def _cut(handler: ProxyConnectionHandler) -> None:
    transport = handler.transports.get(handler.client)
    if transport is not None and transport.handler is not None:
        transport.handler.cancel("cut")
