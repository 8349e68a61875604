"""A client's request as the switchboard reads it, and the request that is built in its place.

Read next: `router.py`, which asks in between.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from mitmproxy.http import HTTPFlow, Request

from proxy.interceptor.answers import blank_request, fields, pairs
from proxy.interceptor.framing import request_framing
from proxy.interceptor.naming import Names, agreed_authority
from proxy.interceptor.settings import ProxyMode
from switchboard.base_url import authority_of
from switchboard.decide import Ask, Forward, Refuse, ask_of, refuse
from switchboard.edit_request import Outgoing
from switchboard.exchange import Headers
from switchboard.rules import Destination

Endpoint = tuple[str, int]
HTTP11: Final = b"HTTP/1.1"
_VERSIONS: Final = frozenset({b"HTTP/1.0", HTTP11})


def is_http2(flow: HTTPFlow) -> bool:
    """By what TLS agreed on, for a request line may claim any version."""
    return flow.client_conn.alpn == b"h2"


def read_ask(
    flow: HTTPFlow, mode: ProxyMode, tunnel: Endpoint | None, headers: Headers
) -> Ask | Refuse:
    """What is asked for, under the one name that everything agrees on."""
    request = flow.request
    if not is_http2(flow) and request.data.http_version not in _VERSIONS:
        return refuse("bad-request", "its version is neither HTTP/1.0 nor HTTP/1.1")
    names = _names(flow, mode, tunnel, headers)
    authority = agreed_authority(names)
    if isinstance(authority, Refuse):
        return authority
    target = request.data.path.decode("latin-1")
    return ask_of(names.scheme, authority, request.data.method.decode("latin-1"), target)


def _names(flow: HTTPFlow, mode: ProxyMode, tunnel: Endpoint | None, headers: Headers) -> Names:
    request, client = flow.request, flow.client_conn
    hosts = [value for name, value in headers if name.lower() == "host"]
    if request.data.authority:
        hosts.append(request.data.authority.decode("latin-1"))
    address = flow.server_conn.address
    here = (address[0], address[1]) if address else None
    if mode == "forward" and tunnel is None:
        # mitmproxy has split an absolute target, or else the Host header, into these.
        scheme = request.scheme or "http"
        if request.data.host:
            hosts.append(authority_of(scheme, request.data.host, request.data.port))
        return Names(scheme, tuple(hosts))
    return Names(
        "https" if client.tls else "http",
        tuple(hosts),
        tunnel=here if mode == "socks5" else tunnel,
        original=here if mode == "transparent" else None,
        is_tls=client.tls,
        sni=client.sni,
    )


def read_framing(flow: HTTPFlow, headers: Headers) -> Headers | Refuse:
    """The framing of the request that goes upstream."""
    framing = request_framing(flow.request.method, headers)
    if isinstance(framing, Refuse) or not is_http2(flow):
        return framing
    if any(name in ("transfer-encoding", "upgrade") for name, _ in framing):
        return refuse("bad-request", "a header that HTTP/2 does not have")
    # mitmproxy takes a connection for each stream, and it would stay open.
    return [*framing, ("connection", "close")]


def build_request(
    ask: Ask,
    forward: Forward,
    outgoing: Outgoing,
    framing: Sequence[tuple[str, str]],
) -> Request:
    """The request that goes upstream, with nothing of the client's own object in it."""
    headers = [*outgoing.headers, *framing]
    if forward.route.edits.links:
        # Links can be mapped only in text that can be read.
        headers = [pair for pair in headers if pair[0].lower() != "accept-encoding"]
        headers.append(("accept-encoding", "identity"))
    return _request(forward.to, ask.method, outgoing.target, headers)


def _request(to: Destination, method: str, target: str, headers: Headers) -> Request:
    request = blank_request()
    data = request.data
    data.host = to.address
    data.port = to.port
    data.method = method.encode("ascii")
    data.scheme = to.scheme.encode("ascii")
    data.path = target.encode("latin-1")
    data.headers = fields(headers)
    data.timestamp_start = time.time()
    return request


def headers_of(flow: HTTPFlow) -> Headers:
    """The client's headers."""
    return pairs(flow.request.headers)
