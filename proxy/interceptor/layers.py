"""Which protocol comes next on a connection: TLS towards the client, HTTP, or nothing.

mitmproxy guesses, and where it cannot guess it relays bytes. Here whatever is neither TLS nor the
start of an HTTP request is refused, and no layer knows how to reach a server but the HTTP one.
Read next: `router.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mitmproxy.connection import Client
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.modes import HttpProxy

# A method and a space; or the beginning of one, when no more has come yet.
_METHOD: Final = re.compile(rb"[A-Za-z][A-Za-z-]{0,30}(?: |\Z)")
_HTTP_ALPNS: Final = frozenset({b"h2", b"http/1.1", b"http/1.0"})
FATAL_ALERT: Final = bytes((21, 3, 3, 0, 2, 2, 40))
"""A record of TLS: an alert, fatal, handshake_failure."""

IsAlerted = Callable[[Client], bool]


class RefusedLayer(Layer):
    """Ends the connection of the client and hears nothing more."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


class AlertedTLSLayer(ClientTLSLayer):
    """TLS towards a client that may be told at once that there will be none.

    is_alerted: asked once the client has said hello and nobody gave it a certificate.
    """

    def __init__(self, context: Context, is_alerted: IsAlerted) -> None:
        super().__init__(context)
        self._is_alerted = is_alerted

    def start_tls(self) -> CommandGenerator[None]:
        for command in super().start_tls():
            is_alerted = self._is_alerted(self.context.client)
            if is_alerted and isinstance(command, commands.Log):
                continue  # it was to be
            if is_alerted and isinstance(command, commands.CloseConnection):
                yield commands.SendData(self.conn, FATAL_ALERT)
            yield command


def choose_layer(
    context: Context, data: bytes, is_alerted: IsAlerted | None = None
) -> Layer | None:
    """The layer for what the client says; None when it is neither TLS nor HTTP.

    is_alerted: None when no fault of handshakes was declared.
    """
    if context.client.transport_protocol != "tcp":
        return None
    is_first = len(context.layers) == 1 and isinstance(context.layers[0], HttpProxy)
    if starts_like_tls_record(data):
        # A proxy reached by TLS would be one more name to agree on; nobody needs it here.
        if is_first or _is_in_tls(context):
            return None
        if is_alerted is not None:
            return AlertedTLSLayer(context, is_alerted)
        return ClientTLSLayer(context)
    if context.client.alpn and context.client.alpn not in _HTTP_ALPNS:
        return None
    is_http2 = _is_in_tls(context) and context.client.alpn == b"h2"
    if not is_http2 and not _METHOD.match(data):
        return None
    return HttpLayer(context, HTTPMode.regular if is_first else HTTPMode.transparent)


def _is_in_tls(context: Context) -> bool:
    return any(isinstance(layer, ClientTLSLayer) for layer in context.layers)
