"""Answers that the interceptor gives itself: problem documents, as mitmproxy's values and as bytes.

Read next: `limits.py`, which puts them in place of mitmproxy's own error pages.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from copy import copy
from typing import Any, Final

from mitmproxy.http import Headers, Request, Response

from switchboard.decide import REFUSALS, Refuse, problem, refuse

_OURS: Final = re.compile(r"Connection killed: ([a-z.-]+)(?:: (.{1,200}))?", re.DOTALL)
_BY_STATUS: Final = {
    400: "bad-request",
    413: "body-too-large",
    431: "head-too-large",
    504: "upstream-timeout",
}
_DIED: Final = ("server closed connection", "peer closed connection", "HTTP/1 protocol error")
NO_HOST: Final = "HTTP request has no host header"
_MALFORMED: Final = (
    "Cannot parse HTTP response",
    "unexpected server response",
    "Received ",
    "Response body exceeds",
)


def fields(headers: Sequence[tuple[str, str]]) -> Headers:
    """Headers as mitmproxy keeps them."""
    return Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


def pairs(headers: Headers) -> list[tuple[str, str]]:
    """Headers as the switchboard reads them."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields]


_REQUEST: Final = Request("", 0, b"GET", b"http", b"", b"/", b"HTTP/1.1", (), None, None, 0.0, None)
_RESPONSE: Final = Response(b"HTTP/1.1", 200, b"", (), None, None, 0.0, None)


def blank_request() -> Request:
    """An HTTP/1.1 request with nothing in it.

    A copy of one that exists: to make one, mitmproxy looks at the type of every field, which takes
    longer than all that we do with it.
    """
    request = copy(_REQUEST)
    request.data = copy(_REQUEST.data)
    return request


def blank_response() -> Response:
    """An HTTP/1.1 answer with nothing in it. Give it headers of its own."""
    answer = copy(_RESPONSE)
    answer.data = copy(_RESPONSE.data)
    return answer


def response(status: int, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Response:
    """An answer; its headers say what its body is."""
    answer = blank_response()
    data = answer.data
    data.status_code = status
    data.headers = fields(headers)
    data.content = body
    data.timestamp_start = data.timestamp_end = time.time()
    return answer


def refused_response(refusal: Refuse, host: str, *, method: str = "GET") -> Response:
    """The problem document for a refused request. After a malformed one the connection ends."""
    status, headers, body = problem(refusal, host)
    if status in (400, 408, 413, 431):
        headers.append(("connection", "close"))
    return response(status, headers, b"" if method == "HEAD" else body)


def error_bytes(status: int, message: str = "") -> bytes:
    """What stands in for mitmproxy's error page on an HTTP/1.1 connection, which then ends."""
    code, headers, body = problem(refusal_of(status, message), "")
    lines = [f"HTTP/1.1 {code} Refused", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join([*lines, "connection: close", "", ""])
    return head.encode("latin-1") + body


def refusal_of(status: int, message: str) -> Refuse:
    """Which refusal an error of mitmproxy's is; its words, which may quote traffic, are dropped."""
    ours = _OURS.match(message)
    if ours is not None and ours[1] in REFUSALS:
        return refuse(ours[1])
    if message.startswith("Request body exceeds"):
        return refuse("body-too-large")
    if message.startswith(NO_HOST):
        return refuse("bad-host")
    if status in _BY_STATUS:
        return refuse(_BY_STATUS[status])
    if message.startswith(_DIED):
        return refuse("upstream-died")
    if message.startswith(_MALFORMED):
        return refuse("bad-answer")
    if message.startswith("Certificate verify failed"):
        return refuse("upstream-unreachable", "its certificate is not of the sandbox's authority")
    return refuse("upstream-unreachable")


def status_of(event: Any) -> int | None:
    """The status that mitmproxy gives an error, or None where it gives no answer at all."""
    code = event.code
    if isinstance(code, int):  # up to 11.0
        return code if 400 <= code < 600 and code != 444 else None
    found: int | None = code.http_status_code()
    return found
