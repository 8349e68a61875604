"""The gateway's end of a connection: HTTP/1.1 on a socket, and all that faults do to one.

Everything that leans on the server underneath (uvicorn's life cycle, a transport's socket) is
here and nowhere else; `tests/integration/test_stub_faults.py` holds it to what is installed. A
request that is answered at once is answered here and now, without a task; one that waits, or that a
fault touches, becomes a task of its own. Answers leave in the order in which requests came.

Floor 1. Read next: `wire_plan.py`, which decides what is written and when, and `gateway.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, Final, cast

from starlette.types import ASGIApp
from uvicorn.server import ServerState

from stubs.admin.place import PREFIX
from stubs.answering import MAX_BODY_BYTES
from stubs.asgi_bridge import run_asgi
from stubs.faults.course import USUAL, Course, Cut, Hold
from stubs.framing import frame, plain_bytes, sendable
from stubs.gateway import Gateway
from stubs.incoming import BROKEN, NO_HTTP, TOO_SLOW, Incoming, announced_bytes
from stubs.request_reader import RequestReader
from stubs.service import DUE, Answer
from stubs.slow_reader import SlowReader
from stubs.turn import ENDINGS, Turn
from stubs.wire_plan import Step, wire_steps
from stubs.wire_player import FullFlag, WirePlayer, is_gone, peer_of, reset

MOST_WAITING: Final = 64
"""Requests on one connection that may wait for those before them; then nobody listens to it."""
LINGER_S: Final = 2.0
"""How long a caller whose request was refused may go on sending, so that it hears why."""
REQUEST_S: Final = 60.0
"""How long a request may take to come, unless a fault is what slows it."""
ECHO_S: Final = 0.02
"""How long a reset takes to come back from a caller who closed its socket and was written to."""
KEEP_ALIVE_S: Final = 3600.0
"""Longer than any run: a connection must not be closed just as a request is due."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNMADE: Final = asyncio.Transport()
_GONE: Final = "gone"
"""How the journal calls an answer that nobody was there to hear."""


class StubConnection(asyncio.Protocol):
    """One connection. `of_port`: the service whose own port it came to; `app`: who is behind a
    port that is not for stubs at all."""

    def __init__(
        self,
        gateway: Gateway,
        state: ServerState,
        of_port: str | None = None,
        app: ASGIApp | None = None,
    ) -> None:
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()
        self._connections = state.connections
        self._tasks = state.tasks
        self._of_port = of_port
        self._app = app
        self._requests = RequestReader(self)
        self._transport = _UNMADE
        self._waiting: deque[Incoming] = deque()
        self._task: asyncio.Task[None] | None = None
        self._turn: Turn | None = None
        self._is_on_wire = False
        self._full = FullFlag()
        self._is_reading = True
        self._is_deaf = False
        self._has_eof = False
        self._is_ending = False
        self._is_closing = False
        self._moved_s = 0.0
        self._is_first = True
        self.opened_ms = 0.0
        self.is_planned = False
        self.service = of_port
        """Whose requests come here, as far as is known."""

    # What the event loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # we listen on TCP
        self.opened_ms = self._gateway.clock.now_ms()
        self._moved_s = self._loop.time()
        self._connections.add(self)  # type: ignore[arg-type]  # it asks for no more than `shutdown`
        self._gateway.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._gateway.connections.discard(self)
        self._is_closing = True
        self._waiting.clear()
        self.resume_writing()
        # While a stub takes its time nothing changes for it: it does what it was asked to do.
        if self._task is not None and self._is_on_wire:
            self._task.cancel()

    def eof_received(self) -> bool:
        """The caller sends no more. It may still listen, unless all it does is hold on."""
        self._is_deaf = self._has_eof = True
        return self._task is not None and not self._is_on_hold

    def pause_writing(self) -> None:
        self._full.set()

    def resume_writing(self) -> None:
        if self._full.clear():
            self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            if self._requests.is_too_much(len(data)):
                self._transport.abort()
            return
        self._requests.feed(data)
        slow = self._requests.slow
        if slow is not None:
            self._rest(slow.due_s)

    # What the reader of requests tells us

    def begin_request(self) -> None:
        self._moved_s = self._loop.time()

    def stop_reading(self) -> None:
        self._is_deaf = True

    def take_head(self, incoming: Incoming) -> None:
        """Refuse the body, ask for it, or see whether it is to be read slowly."""
        if announced_bytes(incoming.headers) > MAX_BODY_BYTES:
            self.refuse_body(incoming)
            return
        if incoming.headers.get(b"expect", b"").lower() == b"100-continue":
            incoming.expects_100 = True
            self._ask_for_body()
        if self._app is None:
            incoming.ahead = ahead = self._gateway.course_ahead(
                incoming, self.opened_ms, self._is_first, self._of_port
            )
            pacing = None if ahead is None else ahead[1].pacing
            if pacing is not None and pacing.direction != "response":
                self._requests.slow = SlowReader(pacing, self._loop.time())

    def take_request(self, incoming: Incoming) -> None:
        if self._is_busy:
            self._wait_in_line(incoming)
        else:
            self._serve(incoming)

    def refuse_body(self, incoming: Incoming) -> None:
        self.refuse(incoming, self._gateway.refuse_body(incoming))

    def refuse(self, incoming: Incoming, answer: Answer) -> None:
        """What cannot be taken any further is answered without being read to its end."""
        incoming.refused = answer
        self._is_deaf = True
        if self._is_busy:
            self._waiting.append(incoming)
        else:
            self._send_refusal(incoming)

    # One request after the other

    @property
    def is_unused(self) -> bool:
        return self._is_first

    @property
    def _is_busy(self) -> bool:
        return self._task is not None or self._full.is_set or self._is_closing

    @property
    def _is_on_hold(self) -> bool:
        return self._is_on_wire and self._turn is not None and self._turn.course.hold is not None

    def _rest(self, until_s: float) -> None:
        """Read on only when what was read would have come on a link that slow."""
        wait_s = until_s - self._loop.time()
        if wait_s > 0 and self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()
            self._loop.call_later(wait_s, self._listen_again)

    def _listen_again(self) -> None:
        if not self._is_reading and not self._is_closing and len(self._waiting) < MOST_WAITING:
            self._is_reading = True
            self._transport.resume_reading()

    def _ask_for_body(self) -> None:
        """`100 Continue`, once everything before it is answered."""
        incoming = self._requests.incoming
        if incoming.expects_100 and not incoming.is_whole and not self._is_busy:
            incoming.expects_100 = False
            self._transport.write(_CONTINUE)

    def _wait_in_line(self, incoming: Incoming) -> None:
        self._waiting.append(incoming)
        if len(self._waiting) >= MOST_WAITING and self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Whoever is next."""
        while self._waiting and not self._is_busy:
            self._serve(self._waiting.popleft())
        if self._is_closing or self._is_busy:
            return
        if self._requests.slow is None:
            self._listen_again()
        self._ask_for_body()
        if self._has_eof:
            self._close()

    def _serve(self, incoming: Incoming) -> None:
        if incoming.refused is not None:
            self._send_refusal(incoming)
            return
        if incoming.ready_s > self._loop.time():
            self._start(self._wait_until_ready(incoming))
            return
        try:
            self._begin(incoming)
        except Exception as error:  # the parser would take it for a caller's mistake
            self._gateway.complain(error)
            incoming.refused = BROKEN
            self._send_refusal(incoming)

    def _begin(self, incoming: Incoming) -> None:
        gateway = self._gateway
        app = self._app
        if app is None and incoming.path.startswith(PREFIX):
            app = gateway.admin_for(incoming, peer_of(self._transport))
        if app is not None:
            self._start(self._pass_on(app, incoming))
            return
        turn = gateway.begin(incoming, self.opened_ms, self._is_first, self._of_port)
        self._is_first = False
        self.is_planned = DUE in incoming.headers
        self.service = turn.asked.service
        if turn.course is not USUAL or turn.wait_s > 0:
            self._turn = turn
            self._start(self._attend(turn, incoming))
            return
        entry = turn.entry
        is_plain = incoming.keeps_alive and incoming.method != "HEAD" and turn.instead is None
        if is_plain and entry is not None and (fixed := entry.route.fixed) is not None:
            if entry.wire is None:
                entry.wire = plain_bytes(fixed, False, True)
            self._transport.write(entry.wire)
            gateway.tell(turn, fixed.status)
        else:
            self._write_answer(turn, incoming, gateway.finish(turn))

    def _write_answer(self, turn: Turn, incoming: Incoming, answer: Answer) -> None:
        """All of it at once, as nearly all are."""
        answer = sendable(answer)
        is_head = incoming.method == "HEAD"
        keeps_alive = incoming.keeps_alive and not self._is_ending
        self._transport.write(plain_bytes(answer, is_head, keeps_alive))
        self._gateway.tell(turn, answer.status)
        if not keeps_alive:
            self._close()

    # Requests that take their time

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """One task at a time, held here and by the server, which ends it when it ends."""
        self._task = task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._task = self._turn = None
        self._is_on_wire = False
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._gateway.complain(error)
            self._transport.abort()
        else:
            self._go_on()

    async def _attend(self, turn: Turn, incoming: Incoming) -> None:
        """Wait, have the stub asked, and say what comes of it."""
        gateway = self._gateway
        try:
            if turn.wait_s > 0:
                await gateway.sleep(turn.wait_s)
            answer = sendable(gateway.finish(turn))
            if turn.course is not USUAL:
                self._is_on_wire = True
                await self._carry_out(turn, incoming, answer)
            elif self._transport.is_closing():
                gateway.settle(turn, 0, _GONE, is_delivered=False)
            elif self._has_eof:
                await self._answer_silence(turn, incoming, answer)
            else:
                self._write_answer(turn, incoming, answer)
        finally:
            if turn.course is not USUAL:
                gateway.faults.done(turn.course)

    async def _answer_silence(self, turn: Turn, incoming: Incoming, answer: Answer) -> None:
        """The caller sends no more. It may listen still; if it has left, writing shows it."""
        self._transport.write(plain_bytes(answer, incoming.method == "HEAD", False))
        if await self._has_left():
            self._gateway.settle(turn, 0, _GONE, is_delivered=False)
        else:
            self._gateway.tell(turn, answer.status)
        self._close()

    async def _has_left(self) -> bool:
        """Whether what was just written met a socket that was closed: the kernel there resets."""
        if self._has_eof and not self._transport.is_closing():
            await self._gateway.sleep(ECHO_S)
        return self._transport.is_closing() or is_gone(self._transport, counts_half=False)

    async def _carry_out(self, turn: Turn, incoming: Incoming, answer: Answer) -> None:
        """The wire's part of a course."""
        course, hold = turn.course, turn.course.hold
        player = WirePlayer(self._transport, self._full, self._gateway.sleep)
        ending = _GONE
        try:
            if hold is not None:
                self._gateway.note_held(turn)
                await self._hold(course, hold)
            if hold is not None and hold.then != "respond":
                self._end(hold.then)
                ending = ENDINGS[hold.then]
            else:
                how = await player.play(self._script(turn, incoming, answer))
                if course.cut is None and await self._has_left():
                    player.said_bytes = 0
                    return
                self._end(how)
                ending = "answered" if course.cut is None else ENDINGS[course.cut.how]
        finally:  # also when the caller has gone, which cancels this
            is_read = player.said_bytes > 0 and course.garble not in ("garbage", "headers")
            is_delivered = ending == "answered" and course.garble is None
            self._gateway.settle(turn, answer.status if is_read else 0, ending, is_delivered)

    def _script(self, turn: Turn, incoming: Incoming, answer: Answer) -> Iterator[Step]:
        keeps_alive = incoming.keeps_alive and not self._is_ending
        date_s = turn.asked.epoch_ms / 1000 if turn.course.skew_s else None
        framed = frame(answer, incoming.method == "HEAD", keeps_alive, date_s)
        return wire_steps(framed, turn.course)

    async def _hold(self, course: Course, hold: Hold) -> None:
        if hold.for_s is None:
            await self._gateway.faults.wait_lifted(course)
        else:
            await self._gateway.sleep(hold.for_s)

    async def _pass_on(self, app: ASGIApp, incoming: Incoming) -> None:
        """To an application of the gateway's own, such as the admin API."""
        answer = await run_asgi(app, incoming, peer_of(self._transport), self._gateway.complain)
        is_head = incoming.method == "HEAD"
        keeps_alive = incoming.keeps_alive and not self._is_ending
        if not self._transport.is_closing():
            self._transport.write(plain_bytes(answer, is_head, keeps_alive))
            if not keeps_alive:
                self._close()

    async def _wait_until_ready(self, incoming: Incoming) -> None:
        """A body that is read slowly is here when its last byte would have come."""
        await self._gateway.sleep(incoming.ready_s - self._loop.time())
        incoming.ready_s = 0.0
        self._waiting.appendleft(incoming)

    # How a connection ends

    def _end(self, how: str) -> None:
        if how == "reset":
            self.reset()
        elif how == "close":
            self._close()

    def _close(self) -> None:
        """What was written still goes out."""
        self._is_closing = True
        self._waiting.clear()
        self._transport.close()

    def reset(self) -> None:
        """End it with a reset, whatever is still to be sent."""
        self._is_closing = True
        reset(self._transport)

    def cut(self, cut: Cut) -> None:
        """A fault ends connections that were there before it."""
        self._loop.call_later(cut.after_ms / 1000, self._end, cut.how)

    def shutdown(self) -> None:
        """The server wants to end: whoever is being answered may still hear it."""
        if self._task is None or self._is_on_hold:
            self._close()
        else:
            self._is_ending = True

    def check(self, now_s: float) -> None:
        """Look after a connection on which nothing happens."""
        if not self._is_reading and is_gone(self._transport, counts_half=self._is_on_hold):
            self._transport.abort()
        elif self._task is None and not self._is_closing:
            idle_s = now_s - self._moved_s
            incoming = self._requests.incoming
            if not incoming.is_whole and idle_s > REQUEST_S and self._requests.slow is None:
                self.refuse(incoming, TOO_SLOW)
            elif idle_s > KEEP_ALIVE_S:
                self._close()

    def _send_refusal(self, incoming: Incoming) -> None:
        """The answer, and then some time to hear it: closing at once would reset what it says."""
        answer = incoming.refused or NO_HTTP
        self._is_deaf = self._is_closing = True
        self._waiting.clear()
        self._transport.write(plain_bytes(answer, incoming.method == "HEAD", False))
        self._transport.write_eof()
        self._loop.call_later(LINGER_S, self._transport.abort)
