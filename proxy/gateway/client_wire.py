"""One connection of a client, as a Protocol: heads and bodies in, answers out, one at a time.

Floor 1. A request is read strictly (`request_head.py`, `chunks.py`), decided (`desk.py`) and given
to whoever does the work: a passage, a stub's, a tunnel. Whatever goes wrong here refuses; nothing
that was not understood reaches an upstream. Pipelined requests are served in order: what comes
early waits in the socket. Read next: `passage.py`, `server.py`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from math import inf
from time import time_ns
from typing import TYPE_CHECKING, Final, cast

from proxy.gateway.bodies import Backlog, BodyReader, check_size
from proxy.gateway.book import StubWay, Way
from proxy.gateway.lines import BadMessage
from proxy.gateway.passage import Passage
from proxy.gateway.plan import Plan
from proxy.gateway.readers import Pair, with_pair
from proxy.gateway.refusals import refusal_bytes
from proxy.gateway.request_head import (
    END,
    RequestHead,
    why_hopeless,
)
from proxy.gateway.stub_passage import StubPassage
from proxy.gateway.tls import why_mismatch
from proxy.gateway.troubled import trouble_of
from proxy.gateway.work import Work
from switchboard.decide import Refuse, refuse
from switchboard.exchange import Refusal

if TYPE_CHECKING:
    from proxy.gateway.desk import Desk
    from proxy.gateway.tunnel import Tunnel

_HEAD, _BODY, _BUSY, _TUNNEL, _CLOSING = range(5)
_RESET: Final = struct.pack("ii", 1, 0)


class ClientWire(asyncio.Protocol):
    """A client's connection."""

    __slots__ = (
        "_backlog",
        "_body",
        "_bound_host",
        "_desk",
        "_has_eof",
        "_held",
        "_is_advancing",
        "_is_in_head",
        "_is_paused",
        "_server_name",
        "_state",
        "_transport",
        "deadline",
        "is_full",
        "is_tls",
        "peer",
        "work",
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._state = _HEAD
        self._held = b""
        self._body: BodyReader | None = None
        self._backlog: Backlog | None = None
        self._has_eof = False
        self._is_advancing = False
        self._is_in_head = False
        self._is_paused = False
        self._server_name: str | None = None
        self._bound_host: str | None = None
        self.is_tls = False
        self.is_full = False
        """The client takes less than it is sent."""
        self.deadline = inf
        """When `check` is to be called; not later than this, though rounded to a sweep."""
        self.peer = ""
        self.work: Work | None = None

    def __repr__(self) -> str:
        states = ("head", "body", "busy", "tunnel", "closing")
        return f"<ClientWire {self.peer} {states[self._state]}>"

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there; too many of them are told so."""
        self._transport = cast("asyncio.Transport", transport)
        self.peer = _shown_peer(transport.get_extra_info("peername"))
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.is_tls = True
            self._server_name = self._desk.names.of(tls)
        desk = self._desk
        desk.statistics.accepted += 1
        if desk.is_over or len(desk.clients) >= desk.limits.max_connections:
            self.refuse(refuse("too-many-connections"), None)
            return
        desk.clients.add(self)
        self.deadline = desk.now + desk.limits.head_timeout_s

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        try:
            state = self._state
            if state == _HEAD:
                self._held = self._held + data if self._held else data
                self._advance()
            elif state == _BODY:
                self._take_body(data)
            elif state == _TUNNEL:
                if self.work is not None:
                    self.work.take_body(data, is_last=False)
            elif state == _BUSY:
                # The next request: it waits, and what follows it waits in the socket.
                self._held += data
                self.pause()
        except BadMessage as bad:
            self._fail(refuse(bad.rule, bad.detail))
        except Exception as error:
            self._fail(refuse("no-rules", f"the gateway failed with {type(error).__name__}"))

    def eof_received(self) -> bool:
        """The client will send no more; it may still wait for an answer."""
        self._has_eof = True
        return self._state == _BUSY and not self.is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._desk.clients.discard(self)
        self._state = _CLOSING
        self._held = b""
        work, self.work = self.work, None
        if work is not None:
            work.on_client_gone()
        self._desk.changed()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self.is_full = True
        self._note_backlog()
        if self.work is not None:
            self.work.on_client_full()

    def resume_writing(self) -> None:
        """It caught up."""
        self.is_full = False
        self._backlog = None
        if self.work is not None:
            self.work.on_client_ready()
        elif self._state == _HEAD:
            self._go_on()

    # What the work calls.

    def write(self, data: bytes) -> None:
        """Send a part of the answer."""
        self._transport.write(data)

    def finish(self, *, keeps_alive: bool) -> None:
        """The answer was written whole: close, or take the next request."""
        self.work = None
        desk = self._desk
        if desk.is_draining or self._has_eof:
            keeps_alive = False
        if self._state == _BODY:
            self._linger()
        elif not keeps_alive:
            self._close()
        else:
            self._state = _HEAD
            self._is_in_head = False
            self.deadline = desk.now + desk.limits.idle_timeout_s
            if self._held or self._is_paused:
                self._go_on()
        desk.changed()

    def refuse(self, refusal: Refuse, head: RequestHead | None) -> None:
        """Answer with a problem document; go on only where the request was read to its end."""
        self.work = None
        self.tell_refused(refusal, head)
        keeps_alive = (
            head is not None
            and head.keeps_alive
            and self._state == _BUSY
            and refusal.status != 400
            and not self._desk.is_draining
        )
        is_head = head is not None and head.method == "HEAD"
        host = head.host if head is not None else ""
        self.write(refusal_bytes(refusal, host, closes=not keeps_alive, is_head=is_head))
        if keeps_alive:
            self.finish(keeps_alive=True)
        else:
            self._linger()
            self._desk.changed()

    def tell_refused(self, refusal: Refuse, head: RequestHead | None) -> None:
        """Tell the observer, without answering."""
        host = ascii(head.host.rpartition("@")[2][:100])[1:-1] if head is not None else ""
        method = head.method if head is not None else ""
        self._desk.refused(
            Refusal(time_ns(), "gateway", self.peer, host, method, refusal.rule, refusal.reason)
        )

    def begin_tunnel(self, tunnel: Tunnel, data: bytes) -> None:
        """From now on everything belongs to the tunnel."""
        self.work = tunnel
        self._state = _TUNNEL
        self.write(data)
        held, self._held = self._held, b""
        if held:
            tunnel.take_body(held, is_last=False)
        self.resume()

    def cut_off(self) -> None:
        """End the connection so that nobody can take what was sent for a whole answer."""
        self.work = None
        self._state = _CLOSING
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def hang_up(self) -> None:
        """Close once everything was written."""
        self.work = None
        self._close()
        self._desk.changed()

    def pause(self) -> None:
        """Take nothing more from the client for now."""
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take more again."""
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            if self._body is not None:
                self._body.wait_anew(self._desk.now)
            self._transport.resume_reading()

    @property
    def is_asked_for_body(self) -> bool:
        """It is the client's turn: more of the body is to come from it."""
        return self._state == _BODY and not self._is_paused

    # What the sweep calls.

    def check(self, now: float) -> None:
        """Look after the timeouts of this connection."""
        state = self._state
        if self._is_stuck(now):
            self._drop_work()
            self.cut_off()
        elif state == _CLOSING:
            # What was written must reach a slow client, however long the linger is.
            if self._transport.get_write_buffer_size():
                self._note_backlog()
            else:
                self._transport.abort()
        elif self.work is not None:
            if self.is_asked_for_body and self._body is not None and self._body.is_late(now):
                self._fail(refuse("timeout", "the body came too slowly"))
            else:
                self.work.check(now)
        elif self._is_in_head:
            self._fail(refuse("timeout", "the head came too slowly"))
        else:
            self._close()

    @property
    def is_idle(self) -> bool:
        """Nothing is under way on it."""
        return self._state == _HEAD and self.work is None

    def end_idle(self) -> None:
        """Close a connection that has nothing under way: the gateway stops."""
        if self.is_idle:
            self._close()

    @property
    def is_tunnelled(self) -> bool:
        return self._state == _TUNNEL

    def end_work(self, refusal: Refuse) -> None:
        """End what is under way, by force."""
        if self.work is not None:
            self._fail(refusal)

    # Reading.

    def _advance(self) -> None:
        """Take as many requests as can be answered at once."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._held and self._state == _HEAD and not self.is_full:
                if not self._take_head():
                    break
        finally:
            self._is_advancing = False
        if self._held and (self.is_full or self._state == _BUSY):
            self.pause()

    def _go_on(self) -> None:
        """Ready for the next request, which may be here already."""
        if not self.is_full:
            self.resume()
        self._advance_or_fail()

    def _advance_or_fail(self) -> None:
        try:
            self._advance()
        except BadMessage as bad:
            self._fail(refuse(bad.rule, bad.detail))

    def _take_head(self) -> bool:
        """Take one request; False while its head is not whole."""
        data = self._held
        limits = self._desk.limits
        end = data.find(END)
        if end > limits.max_head_bytes or (end < 0 and len(data) > limits.max_head_bytes):
            raise BadMessage("head-too-large", f"over {limits.max_head_bytes:,} bytes")
        if end < 0:
            self._wait_for_head(data)
            return False
        self._held = b""
        head, aside = self._desk.reader.read(data[:end])
        self._desk.statistics.requests += 1
        self._begin(head, aside, data[end + 4 :])
        return True

    def _wait_for_head(self, data: bytes) -> None:
        why = why_hopeless(data)
        if why is not None:
            raise BadMessage(*why)
        if not self._is_in_head:
            self._is_in_head = True
            self.deadline = self._desk.now + self._desk.limits.head_timeout_s

    def _begin(self, head: RequestHead, aside: Pair | None, rest: bytes) -> None:
        piece, is_last = self._first_piece(head, rest)
        self._state = _BUSY if is_last else _BODY
        way = self._choose(head)
        if isinstance(way, Refuse):
            self.refuse(way, head)
            return
        self.deadline = 0.0  # looked after in every sweep
        if self._desk.troubles is not None:
            troubled = trouble_of(self._desk, self, way, head, aside)
            if isinstance(troubled, Refuse):
                self.refuse(troubled, head)
                return
            if troubled is not None:
                self.work = troubled
                troubled.start(piece, is_last=is_last)
                return
        self._start(way, head, aside, piece, is_last=is_last)

    def start_after_all(
        self, head: RequestHead, aside: Pair | None, piece: bytes, *, is_last: bool
    ) -> None:
        """A request that was held goes its way, which is decided anew: much may have changed."""
        self.work = None
        self.resume()
        try:
            way = self._choose(head)
            if isinstance(way, Refuse):
                self.refuse(way, head)
            else:
                self._start(way, head, aside, piece, is_last=is_last)
        except Exception as error:
            self._fail(refuse("no-rules", f"the gateway failed with {type(error).__name__}"))

    def _choose(self, head: RequestHead) -> Way:
        way = self._desk.choose("https" if self.is_tls else "http", head)
        if self.is_tls and not isinstance(way, Refuse):
            return self._why_mismatch(way) or way
        return way

    def _start(
        self,
        way: Plan | StubWay,
        head: RequestHead,
        aside: Pair | None,
        piece: bytes,
        *,
        is_last: bool,
    ) -> None:
        desk = self._desk
        if isinstance(way, Plan):
            if aside is not None and not way.drops_set_aside:
                head, aside = with_pair(head, aside), None
            passage = Passage(desk, self, way, head, aside)
            self.work = passage
            passage.start(piece, is_last=is_last)
        else:
            stub_passage = StubPassage(desk, self, way, with_pair(head, aside))
            self.work = stub_passage
            stub_passage.start(piece, is_last=is_last)

    def _why_mismatch(self, way: Plan | StubWay) -> Refuse | None:
        """The name in the handshake is the only one this connection may speak to."""
        host = way.host if isinstance(way, Plan) else way.ask.host
        if host == self._bound_host:
            return None
        mismatch = why_mismatch(self._server_name, host)
        if mismatch is None:
            self._bound_host = host
        return mismatch

    def _first_piece(self, head: RequestHead, rest: bytes) -> tuple[bytes, bool]:
        """What is here of the body, and whether that is all of it."""
        length = head.length
        if not length:
            self._held = rest
            return b"", True
        limits = self._desk.limits
        if length == len(rest):
            check_size(length, limits)
            return rest, True  # by far the most common
        self._body = BodyReader(length, limits, self._desk.now)
        return self._read_body(self._body, rest)

    def _take_body(self, data: bytes) -> None:
        body = self._body
        if body is None:
            return
        piece, is_last = self._read_body(body, data)
        if is_last:
            self._state = _BUSY
            if self._held:
                self.pause()
            else:
                self.resume()
        if self.work is not None and (piece or is_last):
            self.work.take_body(piece, is_last=is_last)

    def _read_body(self, body: BodyReader, data: bytes) -> tuple[bytes, bool]:
        """The body's next piece, and whether it is the last; what is behind it is held."""
        piece = body.feed(data)
        if body.is_done:
            self._held = body.rest
            self._body = None
        return piece, body.is_done

    # Ending.

    def _fail(self, refusal: Refuse) -> None:
        """A fault on this side of the door: whoever works on a request ends it."""
        if self._state == _CLOSING:
            return
        work = self.work
        if self._state != _TUNNEL:
            self._state = _BODY  # nothing that follows can be read
        if work is not None:
            work.cut(refusal)
        else:
            self.refuse(refusal, None)

    def _drop_work(self) -> None:
        work, self.work = self.work, None
        if work is not None:
            work.on_client_gone()

    def _note_backlog(self) -> None:
        if self._backlog is None:
            self._backlog = Backlog(self._transport.get_write_buffer_size(), self._desk.now)

    def _is_stuck(self, now: float) -> bool:
        """True when the client took nothing of what was written for too long."""
        if self._backlog is None:
            return False
        waiting_bytes = self._transport.get_write_buffer_size()
        return self._backlog.is_stuck(waiting_bytes, now, self._desk.limits.write_timeout_s)

    def _close(self) -> None:
        self._state = _CLOSING
        self._held = b""
        self.deadline = self._desk.now + self._desk.limits.linger_s
        self._transport.close()

    def _linger(self) -> None:
        """Say that this was all, and let the client finish before the connection is reset.

        Closed with unread bytes in the socket, the answer could be lost on its way.
        """
        self._state = _CLOSING
        self._held = b""
        self.deadline = self._desk.now + self._desk.limits.linger_s
        if self.is_tls or self._has_eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        self.resume()
        self._transport.write_eof()


def _shown_peer(name: object) -> str:
    if not isinstance(name, tuple) or len(name) < 2:
        return ""
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
