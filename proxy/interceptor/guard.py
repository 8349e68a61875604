"""The guard: the question before every dial, inside the chain of addons. Deny comes first.

An addon may raise, and mitmproxy then goes on as if nothing had been asked: so the connection is
marked as denied by the first statement, and only the last one takes the mark away. What it allows
is what the router routed for this very client, and what the rules allow. Read next: `seal.py`.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from mitmproxy.connection import Client, Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from proxy.interceptor.gate import Gate
from switchboard.errors import GuardError
from switchboard.rules import Destination, Endpoint
from switchboard.seal import NOT_SEALED, check_dial

DENIED = f"{NOT_SEALED}: nothing may be dialled that was not allowed"
HTTP1 = (b"http/1.1",)


class Guard:
    """Who was routed where, and which connections it has let pass."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._routed: WeakKeyDictionary[Client, dict[Endpoint, Destination]] = WeakKeyDictionary()
        self._passed: WeakKeyDictionary[Server, Endpoint] = WeakKeyDictionary()

    def route(self, client: Client, destination: Destination) -> None:
        """A request of this client goes to this destination, so it may be dialled for it."""
        self._routed.setdefault(client, {})[destination.endpoint] = destination

    def forget(self, client: Client) -> None:
        """The client is gone."""
        self._routed.pop(client, None)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Let the connection pass, or leave it denied."""
        server = data.server
        before, server.error = server.error, DENIED
        if before is not None:
            server.error = before
            return
        endpoint = self._endpoint(server)
        destination = self._routed.get(data.client, {}).get(endpoint)
        if destination is None or server.tls != (destination.scheme == "https"):
            return
        if server.tls:
            server.sni = destination.server_name or destination.address
            server.alpn_offers = HTTP1
        self._passed[server] = endpoint
        server.error = None

    def check(self, server: Server) -> None:
        """Raise GuardError unless the guard let exactly this pass; the seal asks."""
        endpoint = self._endpoint(server)
        if self._passed.get(server) != endpoint:
            raise GuardError(str(endpoint[0])[:80], "the guard did not let it pass", DENIED)

    def _endpoint(self, server: Server) -> Endpoint:
        if server.via is not None or server.transport_protocol != "tcp" or not server.address:
            raise GuardError("a server", "it is no plain TCP connection", DENIED)
        address, port = server.address[:2]
        check_dial(self._gate.endpoints, address, port)
        return address, port
