"""The addon for connections: who may come in, by which protocol, and to which tunnel.

Everything here happens before a request is read. Read next: `router.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import exceptions
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.tls import TlsData

from proxy.interceptor.answers import refused_response
from proxy.interceptor.bad_certificates import begin_badly
from proxy.interceptor.gate import Gate
from proxy.interceptor.guard import Guard
from proxy.interceptor.layers import RefusedLayer, choose_layer
from proxy.interceptor.reporting import Reporter
from proxy.interceptor.settings import Settings
from proxy.interceptor.troubled import Troubles, given_response, wait_out
from switchboard.decide import Refuse, refuse
from switchboard.hosts import parse_host
from switchboard.trouble import Trouble

Cut = Callable[[Client], None]


@dataclass(slots=True)
class Visit:
    """What is known of a client that is connected."""

    tunnel: tuple[str, int] | None = None
    """What its CONNECT asked for."""
    has_asked: bool = False
    in_flight: int = 0
    """Requests that were sent on and are not answered yet."""
    is_alerted: bool = False
    """A fault ends its handshake with an alert."""


class Doorway:
    """cut: ends the connection of a client.   tls: what begins TLS with it."""

    name = "esr-doorway"

    def __init__(
        self,
        gate: Gate,
        guard: Guard,
        reporter: Reporter,
        settings: Settings,
        cut: Cut,
        troubles: Troubles,
        tls: TlsConfig,
    ) -> None:
        self._troubles = troubles
        self._tls = tls
        self._gate = gate
        self._guard = guard
        self._reporter = reporter
        self._settings = settings
        self._cut = cut
        self._visits: WeakKeyDictionary[Client, Visit] = WeakKeyDictionary()
        self._open = 0

    def visit(self, client: Client) -> Visit:
        """What is known of a client."""
        found = self._visits.get(client)
        if found is None:
            found = self._visits[client] = Visit()
        return found

    def client_connected(self, client: Client) -> None:
        """Take it in, unless there are too many; it must ask for something in time."""
        self._open += 1
        self._reporter.counts.connections += 1
        if self._open > self._settings.max_connections:
            client.error = "too-many-connections"
            self._open -= 1  # mitmproxy does not say that such a client has left
            self._reporter.refused(client, "", "", refuse("too-many-connections"))
            return
        visit = self.visit(client)
        if client.transport_protocol == "tcp":
            asyncio.get_running_loop().call_later(
                self._settings.head_timeout_s, self._look_after, client, visit
            )

    def _look_after(self, client: Client, visit: Visit) -> None:
        if not visit.has_asked and client.connected:
            self._reporter.refused(client, "", "", refuse("timeout"))
            self._cut(client)

    def client_disconnected(self, client: Client) -> None:
        """Forget it."""
        self._open -= 1
        self._visits.pop(client, None)
        self._guard.forget(client)

    def next_layer(self, nextlayer: NextLayer) -> None:
        """TLS, HTTP, or the end of the connection. mitmproxy's own guess is never asked."""
        context = nextlayer.context
        try:
            data = nextlayer.data_client()  # type: ignore[no-untyped-call]
            is_alerted = self._is_alerted if self._troubles.is_on else None
            nextlayer.layer = choose_layer(context, data, is_alerted)
        finally:
            if nextlayer.layer is None:
                nextlayer.layer = RefusedLayer(context)
        if isinstance(nextlayer.layer, RefusedLayer):
            visit = self.visit(context.client)
            visit.has_asked = True
            host = visit.tunnel[0] if visit.tunnel else ""
            self._reporter.refused(context.client, host, "", refuse("not-plain-http"))

    def _is_alerted(self, client: Client) -> bool:
        return self.visit(client).is_alerted

    async def http_connect(self, flow: HTTPFlow) -> None:
        """A tunnel for the requests of one routed host, or a refusal before any TLS."""
        client, request = flow.client_conn, flow.request
        visit = self.visit(client)
        visit.has_asked = True
        authority = request.data.authority.decode("latin-1")
        try:
            refusal = self._gate.refuse_tunnel(authority)
            if refusal is None:
                flow.response = await self._find_name(client, request.data.host)
        except Exception as error:
            refusal = refuse("no-rules", type(error).__name__)
        if refusal is None:
            if flow.response is None:
                visit.tunnel = (request.data.host, request.data.port)
            return
        flow.response = _refused_tunnel(refusal, authority)
        self._reporter.refused(client, authority, "CONNECT", refusal)

    async def _find_name(self, client: Client, host: str) -> Response | None:
        """What a fault says in place of a tunnel, after the time that it takes."""
        trouble = self._troubles.of_host("name", parse_host(host))
        if trouble is None:
            return None
        try:
            await wait_out(trouble, client)
        finally:
            trouble.over()
        if trouble.answer is None:
            return None
        answer = given_response(trouble.answer, "CONNECT")
        answer.headers["connection"] = "close"
        return answer

    async def tls_start_client(self, data: TlsData) -> None:
        """End TLS for a server name that is none; no certificate is made for it."""
        client = data.context.client
        sni = client.sni
        try:
            if sni is not None:
                parse_host(sni)
        except ValueError as error:
            self._reporter.refused(client, sni or "", "", refuse("bad-host", str(error)))
            # Without a TLS object of any addon, mitmproxy ends the handshake.
            raise exceptions.AddonHalt from None
        if self._troubles.is_on:
            await self._shake_hands(data, client)

    async def _shake_hands(self, data: TlsData, client: Client) -> None:
        """As a fault says, if there is one; a mistake of our own ends the handshake."""
        visit = self.visit(client)
        host = client.sni or (visit.tunnel[0] if visit.tunnel else "")
        try:
            trouble = self._troubles.of_host("handshake", parse_host(host)) if host else None
            if trouble is None:
                return
            try:
                await self._trouble_handshake(data, client, trouble)
            finally:
                trouble.over()
        except Exception as error:
            why = f"asking for faults failed with {type(error).__name__}"
            self._reporter.refused(client, host, "", refuse("no-rules", why))
            visit.is_alerted = True
        if visit.is_alerted:
            visit.has_asked = True
            raise exceptions.AddonHalt

    async def _trouble_handshake(self, data: TlsData, client: Client, trouble: Trouble) -> None:
        visit = self.visit(client)
        if trouble.mode == "alert":
            visit.is_alerted = True
        elif trouble.mode == "handshake_stall":
            visit.has_asked = True  # it is held on purpose
            await wait_out(trouble, client)
        elif trouble.mode in ("expired", "wrong_host"):
            begin_badly(self._tls, data, trouble.mode, datetime.now(UTC))


def _refused_tunnel(refusal: Refuse, authority: str) -> Any:
    answer = refused_response(refusal, authority)
    answer.headers["connection"] = "close"
    return answer
