"""One request on its way through: to the destination, and the answer back.

Floor 1, callbacks only. It holds a client and an upstream connection together for the time of one
request, frames what passes anew in both directions, and ends in exactly one of three ways: the
answer was passed on, the client was told why not, or the connection was cut so that nobody takes
half an answer for a whole one. Read next: `plan.py`, `upstream_wire.py`, `client_wire.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.gateway.account import Account
from proxy.gateway.answer_head import BAD_ANSWER, AnswerHead
from proxy.gateway.chunks import LAST, chunk_of
from proxy.gateway.framing import answer_framing, has_doubtful_body, request_framing
from proxy.gateway.lines import BadMessage
from proxy.gateway.plan import Plan
from proxy.gateway.readers import Pair
from proxy.gateway.refusals import CONTINUE
from proxy.gateway.request_head import CHUNKED, RequestHead
from proxy.gateway.tunnel import Tunnel
from proxy.gateway.upstream_wire import UpstreamWire
from proxy.gateway.websocket import is_accepted
from switchboard.decide import Refuse, refuse
from switchboard.link_mapper import LinkMapper, is_text
from switchboard.rules import Mode

if TYPE_CHECKING:
    from proxy.gateway.client_wire import ClientWire
    from proxy.gateway.desk import Desk

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_BIG_BYTES: Final = 16_384


class Passage:
    """A request that is forwarded."""

    __slots__ = (
        "_account",
        "_answer_headers",
        "_client",
        "_desk",
        "_first",
        "_head",
        "_is_chunked_out",
        "_is_fresh",
        "_is_over",
        "_is_wire_paused",
        "_keeps_alive",
        "_mapper",
        "_moved_at",
        "_plan",
        "_pool",
        "_wire",
        "is_sent",
        "mode",
    )

    def __init__(
        self, desk: Desk, client: ClientWire, plan: Plan, head: RequestHead, aside: Pair | None
    ) -> None:
        """aside: an Authorization that is in no part of what is sent, but belongs on record."""
        self._desk = desk
        self._client = client
        self._plan = plan
        self._head = head
        self._pool = desk.pool_of(plan)
        self._account = Account(head, aside, client.peer, desk.max_captured_bytes)
        self._answer_headers: list[tuple[str, str]] = []
        self._wire: UpstreamWire | None = None
        self._first = b""
        self._mapper: LinkMapper | None = None
        self._is_chunked_out = False
        self._is_fresh = False
        self._is_over = False
        self._is_wire_paused = False
        self._keeps_alive = False
        self._moved_at = desk.now
        self.is_sent = False
        """The whole request was given to the upstream's connection."""
        self.mode: Mode = plan.mode

    def __repr__(self) -> str:
        return f"<Passage {self._head.method} by {self._plan!r}>"

    # What the client's connection calls.

    def start(self, piece: bytes, *, is_last: bool) -> None:
        """Send the request with what is there of its body."""
        self.is_sent = is_last
        head = self._head
        plan = self._plan
        data = plan.ready_request(head)
        if data is None:
            data = (plan.request_text(head) + request_framing(head)).encode("latin-1")
            plan.keep_request(head, data)
        if piece or (is_last and head.length):
            data += self._framed(piece, is_last=is_last)
        wire = self._pool.take(self._desk.now)
        if wire is not None:
            if is_last:
                self._first = data  # for the case that it was closed a moment ago
            self._attach(wire, data)
        else:
            self._dial(data)

    def take_body(self, piece: bytes, *, is_last: bool) -> None:
        """More of the request's body."""
        self._moved_at = self._desk.now
        self.is_sent = is_last
        data = self._framed(piece, is_last=is_last)
        if self._wire is None:
            self._first += data
        elif data:
            self._wire.transport.write(data)

    def on_client_gone(self) -> None:
        """Nobody wants the answer any more."""
        has_reached = self._wire is not None
        self._end()
        if has_reached:
            self._tell()

    def on_client_full(self) -> None:
        """The client is slower than the upstream."""
        wire = self._wire
        if wire is not None and wire.is_open and not self._is_wire_paused:
            self._is_wire_paused = True
            wire.transport.pause_reading()

    def on_client_ready(self) -> None:
        """It caught up."""
        self._resume_wire()

    def cut(self, refusal: Refuse) -> None:
        """End it now: with a refusal where the client has no part of an answer yet."""
        self._fail(refusal)

    def check(self, now: float) -> None:
        """Look whether the upstream still does something."""
        tripped = self._desk.switch.tripped
        if tripped is not None:
            self._fail(refuse("interlock", tripped))
        elif self._wire is None or self._client.is_full:
            self._moved_at = now  # it waits for the dial, or for the client
        elif self._client.is_asked_for_body:
            return
        elif now - self._moved_at > self._desk.limits.answer_timeout_s:
            self._fail(refuse("upstream-timeout"))

    # What the dialler calls.

    def on_connected(self, wire: UpstreamWire) -> None:
        """A new connection for this request."""
        if self._is_over:
            self._pool.put(wire, self._desk.now)
            return
        data, self._first = self._first, b""
        self._attach(wire, data)
        if not self.is_sent:
            self._client.resume()

    def on_dial_failed(self, refusal: Refuse) -> None:
        """There is no connection to be had."""
        if not self._is_over:
            self._fail(refusal)

    # What the upstream's connection calls.

    def on_answer(self, head: AnswerHead, length: int, piece: bytes, *, is_last: bool) -> None:
        """The head of the answer, and what of its body came with it."""
        self._moved_at = self._desk.now
        asked = self._head
        if is_last and self.is_sent and asked.keeps_alive and asked.minor and length:
            ready = self._plan.ready_answer(head)
            if ready is not None and not self._desk.is_draining:
                self._keeps_alive = True
                self._begin_answer(head, ready + piece)
                self._account.give(piece)
                self._finish()
                return
        self._edit_answer(head, length, piece, is_last=is_last)

    def _begin_answer(self, head: AnswerHead, data: bytes) -> None:
        self._account.status = head.status
        self._answer_headers = head.headers
        self._client.write(data)

    def _edit_answer(self, head: AnswerHead, length: int, piece: bytes, *, is_last: bool) -> None:
        is_mapped = self._is_mapped(head)
        text = self._plan.answer_text(self._head, head, is_mapped=is_mapped)
        if isinstance(text, Refuse):
            self._fail(text)
            return
        if is_mapped and length:
            plan = self._plan
            self._mapper = LinkMapper(plan.ask_of(self._head), plan.forward, plan.rules)
        asked = self._head
        framing = answer_framing(
            asked,
            head,
            length,
            is_mapped=is_mapped,
            keeps_alive=asked.keeps_alive and self.is_sent and not self._desk.is_draining,
        )
        self._is_chunked_out, self._keeps_alive = framing.is_chunked, framing.keeps_alive
        status_line = f"HTTP/1.1 {head.status} {head.reason}\r\n"
        start = f"{status_line}{text}{framing.text}\r\n".encode("latin-1")
        if length > 0 and self._keeps_alive and asked.minor and not is_mapped:
            self._plan.keep_answer(head, start)
        out = self._outgoing(piece, is_last=is_last) if length else b""
        self._begin_answer(head, start + out)
        if is_last:
            self._finish()

    def on_body(self, piece: bytes, *, is_last: bool) -> None:
        """More of the answer."""
        self._moved_at = self._desk.now
        out = self._outgoing(piece, is_last=is_last)
        if out:
            self._client.write(out)
        if is_last:
            self._finish()

    def on_switched(self, head: AnswerHead, rest: bytes) -> None:
        """The upstream agreed to a WebSocket; any other protocol is refused."""
        wire = self._wire
        if wire is None or not is_accepted(self._head.socket_key, head):
            raise BadMessage(BAD_ANSWER, "it switches to a protocol that nobody asked for")
        text = self._plan.answer_text(self._head, head, is_mapped=False)
        if isinstance(text, Refuse):
            self._fail(text)
            return
        self._account.status = head.status
        self._answer_headers = head.headers
        self._is_over = True
        start = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        tunnel = Tunnel(self._desk, self._client, wire, self._account, self._plan, self._tell)
        wire.change_owner(tunnel)
        self._client.begin_tunnel(tunnel, f"{start}{text}\r\n".encode("latin-1") + rest)

    def on_tunnelled(self, data: bytes) -> None:
        """Never: a tunnel has another owner."""
        raise BadMessage(BAD_ANSWER, "it speaks another protocol")

    def on_bad_answer(self, bad: BadMessage) -> None:
        """The answer is not well-formed, so nothing of it can be believed."""
        self._fail(refuse(bad.rule, bad.detail))

    def on_failure(self, error: Exception) -> None:
        """A mistake of our own refuses."""
        self._fail(refuse("no-rules", f"the answer could not be edited: {type(error).__name__}"))

    def on_lost(self, *, is_clean: bool) -> None:
        """The upstream hung up before its answer was complete."""
        wire, self._wire = self._wire, None
        if wire is not None and not wire.has_answered and not self._is_fresh:
            # A kept connection that was closed before it saw the request, as far as one can tell.
            if self._head.method in _REPEATABLE and not self._head.length and self._first:
                self._desk.statistics.retries += 1
                self._dial(self._first)
            else:
                self._fail(refuse("upstream-unreachable", "the kept connection was closed"))
            return
        self._desk.statistics.upstream_deaths += 1
        self._fail(refuse("upstream-died"))

    def on_upstream_full(self) -> None:
        """The upstream is slower than the client."""
        self._client.pause()

    def on_upstream_ready(self) -> None:
        """It caught up."""
        self._moved_at = self._desk.now
        if not self.is_sent:
            self._client.resume()

    # How a request is sent.

    def _dial(self, data: bytes) -> None:
        self._first = data
        self._is_fresh = True
        if not self.is_sent:
            self._client.pause()
        self._desk.dialler.dial(self._pool, self)

    def _attach(self, wire: UpstreamWire, data: bytes) -> None:
        self._wire = wire
        self._moved_at = self._desk.now
        wire.begin(self, self._head.method, data)
        if self._head.expects_continue and not self.is_sent and not self._account.bytes_in:
            self._client.write(CONTINUE)

    def _framed(self, piece: bytes, *, is_last: bool) -> bytes:
        if piece:
            self._account.take(piece)
        if self._head.length != CHUNKED:
            return piece
        return chunk_of(piece) + LAST if is_last else chunk_of(piece)

    # How an answer is passed on.

    def _is_mapped(self, head: AnswerHead) -> bool:
        if not (self._plan.maps_links and is_text(head.content_type)):
            return False
        if head.is_encoded:
            raise BadMessage(BAD_ANSWER, "its text is encoded, so its links cannot be mapped")
        return True

    def _outgoing(self, piece: bytes, *, is_last: bool) -> bytes:
        mapper = self._mapper
        if mapper is not None:
            piece = mapper.feed(piece) + (mapper.flush() if is_last else b"")
        if piece:
            self._account.give(piece)
        if not self._is_chunked_out:
            return piece
        return chunk_of(piece) + LAST if is_last else chunk_of(piece)

    # How it ends.

    def _finish(self) -> None:
        """The answer was passed on whole."""
        self._is_over = True
        self._release()
        self._tell()
        self._client.finish(keeps_alive=self._keeps_alive and self.is_sent)

    def _release(self) -> None:
        wire, self._wire = self._wire, None
        if wire is None:
            return
        if self._is_wire_paused and wire.is_open:
            wire.transport.resume_reading()
        if not (wire.is_reusable and self.is_sent) or has_doubtful_body(self._head):
            wire.drop()
        elif self._account.bytes_in > _BIG_BYTES and wire.transport.get_write_buffer_size():
            wire.drop()  # it answered before it had read the request: the rest is in the way
        else:
            self._pool.put(wire, self._desk.now)

    def _fail(self, refusal: Refuse) -> None:
        """It cannot be passed on: say why, or cut the connection if half of it was said."""
        has_begun = self._account.status != 0
        self._end()
        if has_begun:
            self._client.tell_refused(refusal, self._head)
            self._client.cut_off()
        else:
            self._client.refuse(refusal, self._head)

    def _end(self) -> None:
        self._is_over = True
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.drop()

    def _resume_wire(self) -> None:
        wire = self._wire
        if self._is_wire_paused and wire is not None and wire.is_open:
            self._is_wire_paused = False
            wire.transport.resume_reading()

    def _tell(self) -> None:
        plan = self._plan
        to = plan.to
        self._desk.passed(
            self._account.close(
                plan.forward.rule,
                to.name,
                to.address,
                to.port,
                plan.scheme,
                plan.authority,
                self._answer_headers,
                is_live=plan.forward.is_live,
            )
        )
