"""What is noted about one request while it is under way, until it is told to the observer.

Floor 1. Bodies are kept only where a recorder wants them, and only up to a bound.
"""

from __future__ import annotations

from time import monotonic_ns, time_ns
from typing import Final

from proxy.gateway.readers import Pair
from proxy.gateway.request_head import RequestHead
from switchboard.exchange import Exchange

CLIENT_GONE: Final = 499
"""The client went away before it had an answer."""


class Capture:
    """A body that is kept, or nothing of it once it is over the bound."""

    __slots__ = ("_bytes", "_most_bytes", "_pieces")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: list[bytes] | None = []

    def add(self, piece: bytes) -> None:
        """One more piece."""
        if self._pieces is None:
            return
        self._bytes += len(piece)
        if self._bytes > self._most_bytes:
            self._pieces = None
        else:
            self._pieces.append(piece)

    @property
    def body(self) -> bytes | None:
        return None if self._pieces is None else b"".join(self._pieces)


class Account:
    """One request's beginning, its sizes and its bodies."""

    __slots__ = (
        "_asked",
        "_at_ns",
        "_head",
        "_headers",
        "_started_ns",
        "_told",
        "bytes_in",
        "bytes_out",
        "client",
        "status",
    )

    def __init__(
        self, head: RequestHead, aside: Pair | None, client: str, max_captured_bytes: int
    ) -> None:
        self._head = head
        self._headers = head.headers if aside is None else [*head.headers, aside]
        self._at_ns = time_ns()
        self._started_ns = monotonic_ns()
        self._asked = Capture(max_captured_bytes) if max_captured_bytes else None
        self._told = Capture(max_captured_bytes) if max_captured_bytes else None
        self.client = client
        self.bytes_in = 0
        self.bytes_out = 0
        self.status = 0

    def take(self, piece: bytes) -> None:
        """Of the request's body."""
        self.bytes_in += len(piece)
        if self._asked is not None:
            self._asked.add(piece)

    def give(self, piece: bytes) -> None:
        """Of the answer's body."""
        self.bytes_out += len(piece)
        if self._told is not None:
            self._told.add(piece)

    def close(
        self,
        rule: str,
        upstream: str,
        address: str | None,
        port: int,
        scheme: str,
        authority: str,
        answer_headers: list[tuple[str, str]],
        *,
        is_live: bool,
    ) -> Exchange:
        """The exchange as the observer is told of it."""
        head = self._head
        return Exchange(
            self._at_ns,
            "gateway",
            self.client,
            rule,
            upstream,
            address,
            port,
            scheme,
            authority,
            head.method,
            head.target,
            self.status or CLIENT_GONE,
            (monotonic_ns() - self._started_ns) / 1e6,
            self._headers,
            answer_headers,
            self._asked.body if self._asked is not None else None,
            self._told.body if self._told is not None else None,
            self.bytes_in,
            self.bytes_out,
            is_live,
        )
