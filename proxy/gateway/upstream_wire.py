"""One connection to a destination, as a Protocol: a request's bytes out, its answer's parts back.

Floor 1. It carries one request at a time and tells its owner (a passage) about the answer as it
streams in, decoded; whatever is not well-formed is told as such. Without an owner it is idle, and
bytes that nobody asked for end it. Read next: `answer_head.py`, `passage.py`, `pool.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from proxy.gateway.answer_head import (
    BAD_ANSWER,
    TO_THE_END,
    AnswerHead,
    body_length,
)
from proxy.gateway.chunks import ChunkDecoder
from proxy.gateway.limits import Limits
from proxy.gateway.lines import BadMessage
from proxy.gateway.readers import AnswerReader
from proxy.gateway.request_head import CHUNKED, END

MOST_INTERIM: Final = 16
SWITCHING: Final = 101

_HEAD, _LENGTH, _CHUNKS, _TO_THE_END, _TUNNEL = range(5)


class Owner(Protocol):
    """Who is told about the answer on a connection."""

    is_sent: bool
    """The whole request was given to the connection."""

    def on_answer(self, head: AnswerHead, length: int, piece: bytes, *, is_last: bool) -> None:
        """The head of the answer, and what of its body came with it."""

    def on_body(self, piece: bytes, *, is_last: bool) -> None:
        """More of the body, decoded."""

    def on_switched(self, head: AnswerHead, rest: bytes) -> None:
        """The upstream speaks another protocol from now on."""

    def on_tunnelled(self, data: bytes) -> None:
        """Bytes of that protocol."""

    def on_bad_answer(self, bad: BadMessage) -> None:
        """The answer is not well-formed."""

    def on_lost(self, *, is_clean: bool) -> None:
        """The connection is gone, and the answer was not complete."""

    def on_failure(self, error: Exception) -> None:
        """A mistake of our own."""

    def on_upstream_full(self) -> None:
        """It takes no more for now."""

    def on_upstream_ready(self) -> None:
        """It takes more again."""


class UpstreamWire(asyncio.Protocol):
    """A keep-alive connection to one destination."""

    __slots__ = (
        "_chunks",
        "_held",
        "_interim",
        "_left",
        "_limits",
        "_on_closed",
        "_owner",
        "_phase",
        "_reader",
        "asked_method",
        "has_answered",
        "idle_since",
        "is_open",
        "is_reusable",
        "transport",
    )

    def __init__(
        self, reader: AnswerReader, limits: Limits, on_closed: Callable[[UpstreamWire], None]
    ) -> None:
        self._reader = reader
        self._limits = limits
        self._on_closed = on_closed
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._owner: Owner | None = None
        self._phase = _HEAD
        self._held = b""
        self._left = 0
        self._interim = 0
        self._chunks: ChunkDecoder | None = None
        self.asked_method = ""
        self.is_open = False
        self.has_answered = False
        """A byte of the answer has come."""
        self.is_reusable = False
        """The answer was complete, and another request may follow."""
        self.idle_since = 0.0

    def __repr__(self) -> str:
        return f"<UpstreamWire {'open' if self.is_open else 'closed'} for {self._owner!r}>"

    # What the owner calls.

    def begin(self, owner: Owner, method: str, data: bytes) -> None:
        """Send the beginning of a request. Only on an open, idle connection."""
        self._owner = owner
        self.asked_method = method
        self._phase = _HEAD
        self._interim = 0
        self.has_answered = False
        self.is_reusable = False
        self.transport.write(data)

    def change_owner(self, owner: Owner) -> None:
        """Another one is told from now on."""
        self._owner = owner

    def leave(self) -> None:
        """The owner wants to hear no more."""
        self._owner = None

    def drop(self) -> None:
        """End the connection now, without a word to the owner."""
        self._owner = None
        self.is_open = False
        self.transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for a request."""
        self.transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        owner = self._owner
        if owner is None:
            # Bytes nobody asked for: they could be taken for the next answer.
            self.drop()
            return
        self.has_answered = True
        try:
            if self._phase == _HEAD:
                self._take_head(owner, data)
            else:
                self._take_body(owner, data)
        except BadMessage as bad:
            owner.on_bad_answer(bad)
        except Exception as error:
            owner.on_failure(error)

    def eof_received(self) -> bool:
        """The transport closes by itself a moment later; nobody must send on it until then."""
        self.is_open = False
        owner = self._owner
        if owner is not None and self._phase == _TO_THE_END:
            self._phase = _HEAD
            self._owner = None
            owner.on_body(b"", is_last=True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, whoever ended it."""
        self.is_open = False
        owner, self._owner = self._owner, None
        self._on_closed(self)
        if owner is not None:
            owner.on_lost(is_clean=exc is None)

    def pause_writing(self) -> None:
        """The destination is slower than the client."""
        if self._owner is not None:
            self._owner.on_upstream_full()

    def resume_writing(self) -> None:
        """It caught up."""
        if self._owner is not None:
            self._owner.on_upstream_ready()

    def _take_head(self, owner: Owner, data: bytes) -> None:
        data = self._held + data if self._held else data
        self._held = b""
        while True:
            end = data.find(END)
            if end > self._limits.max_answer_head_bytes or (
                end < 0 and len(data) > self._limits.max_answer_head_bytes
            ):
                raise BadMessage(BAD_ANSWER, "its head is over the limit")
            if end < 0:
                self._held = data
                return
            head = self._reader.read(data[:end])
            data = data[end + 4 :]
            if head.status >= 200:
                break
            if head.status == SWITCHING:
                self._phase = _TUNNEL
                owner.on_switched(head, data)
                return
            # Interim answers end here: we said 100 ourselves, and the others are hints.
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise BadMessage(BAD_ANSWER, "it never comes to an end of interim answers")
        self._begin_body(owner, head, data)

    def _begin_body(self, owner: Owner, head: AnswerHead, data: bytes) -> None:
        length = body_length(self.asked_method, head)
        if length >= 0:
            self._left = length - len(data)
            if self._left <= 0:
                # More than was announced: the answer counts, the connection does not.
                is_exact = self._left == 0
                self._end(is_reusable=is_exact and head.keeps_alive)
                owner.on_answer(head, length, data if is_exact else data[:length], is_last=True)
                return
            self._phase = _LENGTH
        elif length == CHUNKED:
            self._phase = _CHUNKS
            self._chunks = ChunkDecoder(BAD_ANSWER)
            data = self._chunks.feed(data)
        else:
            self._phase = _TO_THE_END
        self.is_reusable = head.keeps_alive and length != TO_THE_END
        is_last = self._chunks is not None and self._end_of_chunks(self._chunks)
        owner.on_answer(head, length, data, is_last=is_last)

    def _take_body(self, owner: Owner, data: bytes) -> None:
        phase = self._phase
        if phase == _LENGTH:
            self._left -= len(data)
            is_last = self._left <= 0
            if is_last:
                data = data[: len(data) + self._left]
                self._end(is_reusable=self.is_reusable and self._left == 0)
            owner.on_body(data, is_last=is_last)
        elif phase == _CHUNKS and self._chunks is not None:
            piece = self._chunks.feed(data)
            is_last = self._end_of_chunks(self._chunks)
            if piece or is_last:
                owner.on_body(piece, is_last=is_last)
        elif phase == _TUNNEL:
            owner.on_tunnelled(data)
        else:
            owner.on_body(data, is_last=False)

    def _end_of_chunks(self, chunks: ChunkDecoder) -> bool:
        if chunks.is_done:
            self._end(is_reusable=self.is_reusable and not chunks.rest)
        return chunks.is_done

    def _end(self, *, is_reusable: bool) -> None:
        """The answer is complete: the connection has no owner until it is given the next."""
        self._owner = None
        self._phase = _HEAD
        self._chunks = None
        self.is_reusable = is_reusable
