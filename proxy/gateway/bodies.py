"""Bodies of requests as they come in, and how long a client may take for either direction.

Floor 1, pure. Read next: `chunks.py`, `client_wire.py`.
"""

from __future__ import annotations

from proxy.gateway.chunks import ChunkDecoder
from proxy.gateway.limits import Limits
from proxy.gateway.lines import BadMessage
from proxy.gateway.request_head import CHUNKED


class BodyReader:
    """One body: fed with what the client sends, gives what is in it.

    length: of the body, or CHUNKED. Raises BadMessage, also for a length over the limit.
    """

    __slots__ = ("_body_bytes", "_chunks", "_left", "_limits", "_seen_bytes", "_since", "is_done",
                 "rest")  # fmt: skip

    def __init__(self, length: int, limits: Limits, now: float) -> None:
        self._limits = limits
        self._chunks = ChunkDecoder() if length == CHUNKED else None
        self._left = length
        self._body_bytes = 0
        self._seen_bytes = 0
        self._since = now
        self.is_done = False
        self.rest = b""
        """What came behind the body; only when it is done."""
        check_size(length, limits)

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in this piece."""
        self._seen_bytes += len(data)
        chunks = self._chunks
        if chunks is not None:
            piece = chunks.feed(data)
            self._body_bytes += len(piece)
            check_size(self._body_bytes, self._limits)
            self.is_done, self.rest = chunks.is_done, chunks.rest
            return piece
        left = self._left
        self._left = left - len(data)
        self.is_done = self._left <= 0
        if self._left < 0:
            self.rest = data[left:]
            return data[:left]
        return data

    def wait_anew(self, now: float) -> None:
        """The client was held back until now, which is not its fault."""
        self._since, self._seen_bytes = now, 0

    def is_late(self, now: float) -> bool:
        """True when too little came for too long."""
        if now - self._since < self._limits.body_timeout_s:
            return False
        is_late = self._seen_bytes < self._limits.min_body_bytes
        self.wait_anew(now)
        return is_late


def check_size(size_bytes: int, limits: Limits) -> None:
    """Raise BadMessage for a body over the limit."""
    most_bytes = limits.max_body_bytes
    if most_bytes is not None and size_bytes > most_bytes:
        raise BadMessage("body-too-large", f"over {most_bytes:,} bytes")


class Backlog:
    """What a client has not taken yet, and since when it takes nothing."""

    __slots__ = ("_bytes", "_since")

    def __init__(self, waiting_bytes: int, now: float) -> None:
        self._bytes = waiting_bytes
        self._since = now

    def is_stuck(self, waiting_bytes: int, now: float, timeout_s: float) -> bool:
        """True when it took nothing for too long."""
        if waiting_bytes < self._bytes:
            self._since = now
        self._bytes = waiting_bytes
        return now - self._since > timeout_s
