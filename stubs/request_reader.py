"""Bytes in, requests out: the parser of a connection, and how much it takes.

The parser calls us while it reads; whoever takes the requests is told of each head whose body is
still to come, of each whole request, and of what cannot be read. Floor 1, no sockets.
Read next: `incoming.py`, `transport.py`.
"""

from __future__ import annotations

from typing import Final, Protocol

import httptools

from stubs.incoming import (
    HEAD_TOO_LARGE,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_WIRE_BYTES,
    NO_HTTP,
    Incoming,
)
from stubs.service import Answer
from stubs.slow_reader import SlowReader

_FRAMED: Final = (b"content-length", b"transfer-encoding")


class Taker(Protocol):
    """Who takes the requests of a connection."""

    def begin_request(self) -> None:
        """The first byte of a request is here."""

    def take_head(self, incoming: Incoming) -> None:
        """A body is announced, and not refused yet."""

    def take_request(self, incoming: Incoming) -> None:
        """The request is whole."""

    def refuse(self, incoming: Incoming, answer: Answer) -> None:
        """It is not read any further."""

    def refuse_body(self, incoming: Incoming) -> None:
        """It has too much of a body."""

    def stop_reading(self) -> None:
        """What follows is no HTTP, nor meant to be."""


class RequestReader:
    """Reads one connection. `slow`: set by the taker while a body is to be read slowly."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._parser = httptools.HttpRequestParser(self)
        # Whatever follows a request that closes the connection is none of our business.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.incoming = Incoming()
        self.incoming.is_whole = True  # as after any request
        self.slow: SlowReader | None = None
        self._wire_bytes = 0
        self._is_large_read = False

    def feed(self, data: bytes) -> None:
        """What has come. Nothing is fed after a refusal."""
        self._wire_bytes += len(data)
        self._is_large_read = len(data) > MAX_HEAD_BYTES
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._taker.stop_reading()
        except httptools.HttpParserError:
            if self.incoming.is_whole:  # it is what follows that cannot be read
                self.incoming = Incoming()
            self._taker.refuse(self.incoming, NO_HTTP)
            return
        incoming = self.incoming
        if not incoming.is_whole and incoming.refused is None:
            if not incoming.has_head and self._wire_bytes > MAX_HEAD_BYTES:
                self._taker.refuse(incoming, HEAD_TOO_LARGE)
            elif self._wire_bytes > MAX_WIRE_BYTES:
                self._taker.refuse_body(incoming)

    def is_too_much(self, size: int) -> bool:
        """Whether a caller that was refused sends on for too long."""
        self._wire_bytes += size
        return self._wire_bytes > MAX_WIRE_BYTES

    # What the parser tells us

    def on_message_begin(self) -> None:
        self.incoming = Incoming()
        self._wire_bytes = 0
        self._taker.begin_request()

    def on_url(self, part: bytes) -> None:
        self.incoming.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.incoming.pairs.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        incoming, parser = self.incoming, self._parser
        incoming.has_head = True
        incoming.headers = headers = dict(incoming.pairs)
        incoming.method = parser.get_method().decode("ascii")
        incoming.keeps_alive = (
            parser.should_keep_alive()
            and parser.get_http_version() != "1.0"
            and not parser.should_upgrade()
        )
        if not incoming.split_target() or parser.get_http_version() == "0.9":
            self._taker.refuse(incoming, NO_HTTP)
        elif len(incoming.pairs) > MAX_HEADERS or self._is_long_head():
            self._taker.refuse(incoming, HEAD_TOO_LARGE)
        elif _FRAMED[0] in headers or _FRAMED[1] in headers:
            self._taker.take_head(incoming)

    def _is_long_head(self) -> bool:
        """Whether it is over the limit, also when all of it came in one read."""
        if not self._is_large_read:
            return False
        pairs = self.incoming.pairs
        size = len(self.incoming.target) + sum(len(name) + len(value) + 4 for name, value in pairs)
        return size > MAX_HEAD_BYTES

    def on_body(self, part: bytes) -> None:
        incoming = self.incoming
        if incoming.refused is not None:
            return
        if self.slow is not None:
            self.slow.take(len(part))
        if not incoming.take_body(part):
            self._taker.refuse_body(incoming)

    def on_message_complete(self) -> None:
        incoming = self.incoming
        if incoming.refused is not None:
            return
        incoming.end_body()
        if self.slow is not None:
            incoming.ready_s, self.slow = self.slow.due_s, None
        self._taker.take_request(incoming)
