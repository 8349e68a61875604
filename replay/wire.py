"""One HTTP/1.1 connection to the target, as a Protocol: bytes out, one outcome back.

The hot path of a replay. A connection carries one request at a time; the owner (`pool.py`) gives
it bytes that are ready to send and is told, exactly once, how that request ended. Nothing here
knows plans, users or clocks beyond a function that reads the time. Bodies are counted, not kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol, cast

import httptools

from replay.outcome import Failure

MAX_HEAD_BYTES = 64 * 1024
"""Larger heads end as `protocol` (nginx and h11 stop at 8 to 100 KiB)."""

_BIG_REQUEST_BYTES = 16 * 1024
_FRAMED = re.compile(
    rb"\r\n(content-length:|transfer-encoding:[^\r\n]*chunked[ \t]*\r)", re.IGNORECASE
)
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d")
_END_OF_HEAD = b"\r\n\r\n"

IDLE = -1


class Owner(Protocol):
    """Who is told what became of a connection's request."""

    def on_outcome(
        self, wire: Wire, index: int, status: int, failure: Failure, body_bytes: int, done_ns: int
    ) -> None:
        """Request `index` of `wire` ended. `wire.is_open` says whether it can carry another."""

    def on_closed(self, wire: Wire) -> None:
        """`wire` is gone; called once, after the outcome if one was due."""


class Wire(asyncio.Protocol):
    """A keep-alive connection. `index` is the request it carries, or IDLE."""

    __slots__ = (
        "_body_bytes",
        "_complete",
        "_head",
        "_headers_done",
        "_is_big",
        "_is_head_request",
        "_keeps_alive",
        "_now_ns",
        "_on_closed",
        "_on_outcome",
        "_parser",
        "_status",
        "_transport",
        "index",
        "is_open",
        "ready_ns",
        "sent_ns",
    )

    def __init__(self, owner: Owner, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self._on_outcome = owner.on_outcome
        self._on_closed = owner.on_closed
        self._now_ns = now_ns
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = False
        # Per request: set by `send`, read by the owner.
        self.index = IDLE
        self.sent_ns = 0
        self.ready_ns = 0
        self._is_head_request = False
        self._is_big = False
        # Per answer.
        self._status = 0
        self._body_bytes = 0
        self._head = b""
        self._headers_done = False
        self._complete = False
        self._keeps_alive = False

    def __repr__(self) -> str:
        carries = "idle" if self.index == IDLE else f"carries {self.index}"
        return f"<Wire {'open' if self.is_open else 'closed'}, {carries}>"

    # What the owner calls.

    def send(self, index: int, request: bytes, ready_ns: int, now_ns: int) -> None:
        """Write one whole request. Only on an open, idle connection."""
        self.index = index
        self.ready_ns = ready_ns
        self.sent_ns = now_ns
        self._is_head_request = request.startswith(b"HEAD ")
        self._is_big = len(request) > _BIG_REQUEST_BYTES
        self._transport.write(request)

    def end(self, failure: Failure) -> None:
        """Give up on the request in flight, if there is one, and drop the connection."""
        self._drop()
        if self.index != IDLE:
            self._finish(0, failure)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self.index == IDLE:
            # Bytes nobody asked for: whatever follows could be taken for the next answer.
            self._drop()
            return
        had_headers = self._headers_done
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parse_failed()
            return
        is_complete = self._complete
        if (
            not had_headers
            # The common answer comes whole, and then its head need not be looked at.
            and (not is_complete or self._head or len(data) > MAX_HEAD_BYTES)
            and not self._keep_head(data)
        ):
            self.end(Failure.PROTOCOL)
        elif is_complete:
            self._answered()

    def eof_received(self) -> bool:
        # The transport closes by itself, a moment later: nobody must send on it until then.
        self.is_open = False
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self.index != IDLE:
            if self._is_close_delimited() and exc is None:
                self._finish(self._status, Failure.NONE)
            else:
                self._finish(0, Failure.RESET)
        self._on_closed(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._complete:
            # An answer that nobody asked for, or its beginning.
            self._keeps_alive = False

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        if self._status < 100:
            raise ValueError("no such status")  # the parser passes it on as its own error
        if self._status >= 200:
            self._headers_done = True
            # Only here and in on_message_complete does the parser still know: afterwards it has
            # forgotten the framing and would answer for a message that never was.
            self._keeps_alive = self._parser.should_keep_alive()
            # httptools cannot be told that an answer to HEAD has no body, whatever its length says.
            self._complete = self._is_head_request

    def on_body(self, body: bytes) -> None:
        if self._complete:
            self._keeps_alive = False
        else:
            self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        if self._headers_done:
            self._complete = True
        # An interim answer (1xx) is over; the real one is still to come.

    def _answered(self) -> None:
        """The whole answer is here: decide whether the connection lives on, then tell."""
        if not self._keeps_alive:
            self._drop()
        elif self._is_big and self._transport.get_write_buffer_size() > 0:
            # It came before the request was written, and the rest of that must not be taken for
            # the next request.
            self._drop()
        elif self._is_head_request:
            # The old parser still waits for the body that the answer's length announced.
            self._parser = httptools.HttpResponseParser(self)
        self._finish(self._status, Failure.NONE)

    def _parse_failed(self) -> None:
        """A good answer followed by rubbish is still an answer; anything else is `protocol`."""
        self._drop()
        if self._complete:
            self._finish(self._status, Failure.NONE)
        else:
            self._finish(0, Failure.PROTOCOL)

    def _keep_head(self, data: bytes) -> bool:
        """Add to the head of an answer that trickles in. False when it grows too large."""
        head = self._head + data
        if self._headers_done:
            # Keep the head of the answer alone: no interim answers before it, no body after.
            while _INTERIM.match(head := head.lstrip(b"\r\n")):
                head = head.partition(_END_OF_HEAD)[2]
            head = head[: head.find(_END_OF_HEAD) + len(_END_OF_HEAD)]
        self._head = head
        return len(head) <= MAX_HEAD_BYTES

    def _is_close_delimited(self) -> bool:
        return self._headers_done and not _FRAMED.search(self._head)

    def _drop(self) -> None:
        self.is_open = False
        self._transport.abort()

    def _finish(self, status: int, failure: Failure) -> None:
        done_ns = self._now_ns()
        index = self.index
        body_bytes = self._body_bytes
        # The owner may send the next request from inside the call, so the slate is cleaned first.
        self.index = IDLE
        self._body_bytes = 0
        self._headers_done = False
        self._complete = False
        if self._head:
            self._head = b""
        self._on_outcome(self, index, status, failure, body_bytes, done_ns)
