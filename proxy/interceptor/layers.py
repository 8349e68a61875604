"""Which protocol comes next on a connection: TLS towards the client, HTTP, or nothing.

mitmproxy guesses, and where it cannot guess it relays bytes. Here whatever is neither TLS nor the
start of an HTTP request is refused, and no layer knows how to reach a server but the HTTP one.
Read next: `router.py`.
"""

from __future__ import annotations

import re
from typing import Final

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


class RefusedLayer(Layer):
    """Ends the connection of the client and hears nothing more."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


def choose_layer(context: Context, data: bytes) -> Layer | None:
    """The layer for what the client says; None when it is neither TLS nor HTTP."""
    if context.client.transport_protocol != "tcp":
        return None
    is_first = len(context.layers) == 1 and isinstance(context.layers[0], HttpProxy)
    if starts_like_tls_record(data):
        # A proxy reached by TLS would be one more name to agree on; nobody needs it here.
        return None if is_first or _is_in_tls(context) else ClientTLSLayer(context)
    if context.client.alpn and context.client.alpn not in _HTTP_ALPNS:
        return None
    is_http2 = _is_in_tls(context) and context.client.alpn == b"h2"
    if not is_http2 and not _METHOD.match(data):
        return None
    return HttpLayer(context, HTTPMode.regular if is_first else HTTPMode.transparent)


def _is_in_tls(context: Context) -> bool:
    return any(isinstance(layer, ClientTLSLayer) for layer in context.layers)
