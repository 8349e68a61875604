"""How long a message is and where it ends: read strictly, and written anew for the next hop.

Pure. What one side reads as a body and the other as the next request is how requests are smuggled,
so there is exactly one way to say it, and it is ours. Read next: `router.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from switchboard.decide import Refuse, refuse
from switchboard.headers import connection_names

Headers = list[tuple[str, str]]
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_SPLITS: Final = re.compile(r"[\r\n\0]")


def request_framing(method: str, headers: Sequence[tuple[str, str]]) -> Headers | Refuse:
    """The framing headers that go upstream, or why the request cannot be read in one way."""
    lengths, encodings, upgrades, expects = (
        _values(headers, name)
        for name in ("content-length", "transfer-encoding", "upgrade", "expect")
    )
    if any(_SPLITS.search(value) for _, value in headers):
        return refuse("bad-request", "a header is folded over lines")
    if len(lengths) + len(encodings) > 1:
        return refuse("bad-request", "its length is said more than once")
    if any(not _LENGTH.fullmatch(value) for value in lengths):
        return refuse("bad-request", "its length is no number")
    if any(value.lower() != "chunked" for value in encodings):
        return refuse("bad-request", "its transfer encoding is not chunked")
    framing = [("content-length", value) for value in lengths]
    framing += [("transfer-encoding", "chunked") for _ in encodings]
    if upgrades:
        if not is_websocket(method, headers):
            return refuse("not-plain-http", "an upgrade to another protocol than WebSocket")
        framing += [("connection", "Upgrade"), ("upgrade", "websocket")]
    if [value.lower() for value in expects] == ["100-continue"]:
        framing.append(("expect", "100-continue"))  # answered by mitmproxy, never sent on
    return framing


def is_websocket(method: str, headers: Sequence[tuple[str, str]]) -> bool:
    """True for a WebSocket handshake (RFC 6455) and for no other upgrade."""
    return (
        method == "GET"
        and [value.lower() for value in _values(headers, "upgrade")] == ["websocket"]
        and "upgrade" in connection_names(headers)
        and _values(headers, "sec-websocket-version") == ["13"]
    )


def has_body(framing: Sequence[tuple[str, str]]) -> bool:
    """True when a body of some length is announced."""
    return any(
        name == "transfer-encoding" or (name == "content-length" and value != "0")
        for name, value in framing
    )


def answer_framing(
    status: int,
    headers: Sequence[tuple[str, str]],
    *,
    client_is_http11: bool,
    is_rewritten: bool,
) -> Headers:
    """The framing headers of an answer, for the client that gets it.

    is_rewritten: its body changes on the way, so that no length is known ahead.
    """
    if status < 200:
        return []
    lengths = _values(headers, "content-length")
    if lengths and not is_rewritten and not _values(headers, "transfer-encoding"):
        return [("content-length", lengths[0])]
    if status in (204, 304) or not client_is_http11:
        return []  # in HTTP/2 the stream ends, in HTTP/1.0 the connection
    return [("transfer-encoding", "chunked")]


def _values(headers: Sequence[tuple[str, str]], wanted: str) -> list[str]:
    return [value for name, value in headers if name.lower() == wanted]
