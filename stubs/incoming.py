"""A request as it comes off the wire: head, then body, within limits. Floor 1, no sockets.

Read next: `transport.py`, which fills it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stubs.answering import MAX_BODY_BYTES
from stubs.service import Answer, answer_problem
from stubs.turn import Ahead

MAX_HEAD_BYTES: Final = 128 * 1024
MAX_HEADERS: Final = 1_000
MAX_WIRE_BYTES: Final = 16 * MAX_BODY_BYTES
"""A request with whatever is round its body: chunk sizes, trailers, blank lines."""

NO_HTTP: Final = answer_problem(400, "Bad request", "this is no HTTP request that can be read")
HEAD_TOO_LARGE: Final = answer_problem(
    431,
    "Head too large",
    f"this sandbox takes heads of up to {MAX_HEAD_BYTES:,} bytes and {MAX_HEADERS:,} headers",
)
BROKEN: Final = answer_problem(500, "Broken gateway", "this is a fault of the gateway's own")
TOO_SLOW: Final = answer_problem(408, "Too slow", "the request did not come within its time")


class Incoming:
    """One request.

    refused: what is answered without looking any further.   ahead: what was decided before its
    body came.
    ready_s: when the last byte of a body that is read slowly would have come, on the loop's clock.
    """

    __slots__ = (
        "ahead", "body", "expects_100", "has_head", "headers", "is_absolute", "is_whole",
        "keeps_alive", "method", "pairs", "parts", "parts_bytes", "path", "query", "ready_s",
        "refused", "target",
    )  # fmt: skip

    def __init__(self) -> None:
        self.target = b""
        self.pairs: list[tuple[bytes, bytes]] = []
        self.headers: dict[bytes, bytes] = {}
        self.method = ""
        self.path = ""
        self.query = ""
        self.body = b""
        self.parts: list[bytes] | None = None
        self.parts_bytes = 0
        self.has_head = False
        self.is_whole = False
        self.is_absolute = False
        self.keeps_alive = True
        self.expects_100 = False
        self.refused: Answer | None = None
        self.ahead: Ahead | None = None
        self.ready_s = 0.0

    def take_body(self, part: bytes) -> bool:
        """Keep a part of the body; False when there is too much of it."""
        self.parts_bytes += len(part)
        if self.parts_bytes > MAX_BODY_BYTES:
            return False
        if self.parts is not None:
            self.parts.append(part)
        elif self.body:
            self.parts = [self.body, part]
        else:
            self.body = part
        return True

    def end_body(self) -> None:
        """The request is whole."""
        if self.parts is not None:
            self.body = b"".join(self.parts)
            self.parts = None
        self.is_whole = True

    def split_target(self) -> bool:
        """Path and query of the target, and the Host of an absolute one; False for neither."""
        target = self.target
        if not target.isascii():
            return False
        if target[:1] != b"/" and target != b"*":
            scheme, colon, rest = target.partition(b"://")
            if not colon or not scheme.isalpha():
                return False
            cut = min(at for at in (rest.find(b"/"), rest.find(b"?"), len(rest)) if at >= 0)
            authority, after = rest[:cut], rest[cut:]
            # Whom an absolute URL is for says the URL (RFC 9112, section 3.2.2).
            self.is_absolute = True
            self.headers[b"host"] = authority.rpartition(b"@")[2]
            target = after if after[:1] == b"/" else b"/" + after
        if b"#" in target:
            target = target.partition(b"#")[0]
        path, _, self.query = target.decode("ascii").partition("?")
        self.path = path or "/"
        return True


def announced_bytes(headers: Mapping[bytes, bytes]) -> int:
    """What Content-Length promises, 0 where it says nothing; the parser has checked its shape."""
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) <= 20 else 0
