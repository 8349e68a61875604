"""What is running in a process right now, and how it is ended when the mode is flipped.

Floor 0's edge: threads, event loops and a clock. Each request has a ticket that says in which mode
it began. A ticket is in the set before the mode is read, so that whoever flips finds every
request that may have read the old mode. Read next: `asgi_door.py`, `wsgi_door.py`, `listener.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Protocol

from switchboard.decide import Refuse
from switchboard.edge.listener import Drain, Listener, ModeError, remember
from switchboard.routes import route_template
from switchboard.rules import SANDBOX, Mode

DRAIN_S: Final = 5.0
CUT_S: Final = 2.0
"""How long what was cut off may take to end."""
ASK_AGAIN_S: Final = 0.005
SIGN_IN_AGAIN_S: Final = 1.0
FLIPPED: Final = Refuse(
    "flipped", "the mode was flipped while the request was running; ask again", 503
)

log = logging.getLogger("switchboard.middleware")


class OldWayClosedError(ConnectionError):
    """The request began in another mode, and was cut off by a flip."""


class ModeCell(Protocol):
    """A MemoryMode or a FileMode."""

    def read(self) -> Mode:
        """The mode now."""

    def listen(self, drain: Drain | None = None) -> Listener:
        """Be waited for at a flip."""


class Ticket:
    """One request that is running; of a request in a thread, which cannot be cancelled."""

    __slots__ = ("is_cut", "mode", "name", "thread")

    def __init__(self, name: str = "") -> None:
        self.mode: Mode | None = None
        self.name = name
        self.is_cut = False
        self.thread = threading.get_ident()

    def notify(self) -> None:
        """The mode was flipped: end when it suits, if you can."""

    def cut(self) -> None:
        """End now: whatever it wants to say next is refused."""
        self.is_cut = True

    def is_stuck(self) -> bool:
        """True when it cannot go on before whoever asks does."""
        return self.thread == threading.get_ident()


class TaskTicket(Ticket):
    """One request that is running as an asyncio task."""

    __slots__ = ("_is_done", "_loop", "_task", "socket")

    def __init__(self, name: str = "") -> None:
        self.mode = None
        self.name = name
        self.is_cut = False
        self.thread = 0
        self.socket: Closing | None = None
        self._is_done = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        try:
            self._task = asyncio.current_task()
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # a server that is not built on asyncio
            self._task = None

    def notify(self) -> None:
        """Close a WebSocket; what else is running may end by itself."""
        if self.socket is not None:
            self._call(self.socket.close_soon)

    def cut(self) -> None:
        """Cancel the task; the door turns that into an end of the answer."""
        if self._loop is not None and self._loop.is_closed():
            self._is_done = True
        self._call(self._cut)

    def is_stuck(self) -> bool:
        """True on the thread of its own event loop."""
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def done(self) -> None:
        """The request ended; take back a cancellation that was ours."""
        self._is_done = True
        if self.is_cut and self._task is not None:
            self._task.uncancel()

    @property
    def is_over(self) -> bool:
        """True when nothing of it can ever run again."""
        return self._is_done or (self._loop is not None and self._loop.is_closed())

    @property
    def is_cancelled_by_others(self) -> bool:
        """True when not only a flip, but also somebody else wants it to end."""
        return self._task is not None and self._task.cancelling() > int(self.is_cut)

    def _call(self, do: Callable[[], None]) -> None:
        if self._loop is None:
            self.is_cut = True
        elif self.is_stuck():
            do()
        else:
            try:
                self._loop.call_soon_threadsafe(do)
            except RuntimeError:  # closed in this very moment
                self._is_done = True

    def _cut(self) -> None:
        if not self._is_done and not self.is_cut and self._task is not None:
            self.is_cut = True
            self._task.cancel()


class Closing(Protocol):
    """An open WebSocket."""

    def close_soon(self) -> None:
        """Close it; on the thread of its event loop."""


current: ContextVar[Ticket | None] = ContextVar("switchboard_request", default=None)
"""The request that runs here, so that one that flips the mode does not wait for itself."""


class InFlight:
    """The tickets of one middleware."""

    def __init__(self, cell: ModeCell, drain_s: float) -> None:
        self._read = cell.read
        self._cell = cell
        self._drain_s = drain_s
        self.begin()
        remember(self)

    def __repr__(self) -> str:
        return f"<InFlight {len(self._tickets)} running>"

    def __len__(self) -> int:
        return len(self._tickets)

    def begin(self) -> None:
        """Start with nothing running; also in a child of a fork."""
        self._tickets: set[Ticket] = set()
        self._listener: Listener | None = None
        self._signing_in = threading.Lock()
        self._not_before_s = 0.0

    def enter(self, ticket: Ticket) -> Mode:
        """The request begins; in which mode, it is told."""
        if self._listener is None and not self.sign_in():
            # Whoever cannot be waited for must not go the live way.
            ticket.mode = SANDBOX
            return SANDBOX
        self._tickets.add(ticket)
        try:
            mode = self._read()
        except Exception:
            log.exception("the mode cannot be read, so it is sandbox")
            mode = SANDBOX
        ticket.mode = mode
        return mode

    def leave(self, ticket: Ticket) -> None:
        """The request ended."""
        self._tickets.discard(ticket)

    def drain(self, mode: Mode, limit_s: float) -> str:
        """End what runs in another mode: by itself in time, then by force; what is left."""
        asker = current.get()
        until = time.monotonic() + min(self._drain_s, limit_s * 0.7)
        for ticket in self._old(mode, asker):
            ticket.notify()
        self._wait(mode, asker, until)
        for ticket in self._old(mode, asker):
            ticket.cut()
        left = self._wait(mode, asker, time.monotonic() + min(CUT_S, limit_s * 0.2))
        if not left:
            return ""
        names = sorted({route_template(ticket.name) for ticket in left})[:3]
        return f"{len(left)} requests of the old way are still running: {', '.join(names)}"

    def _old(self, mode: Mode, asker: Ticket | None) -> list[Ticket]:
        """Who runs in another mode, or does not know yet; never whoever asks."""
        old = [each for each in list(self._tickets) if each.mode != mode and each is not asker]
        for each in old:
            if isinstance(each, TaskTicket) and each.is_over:
                self._tickets.discard(each)
        return [each for each in old if each in self._tickets]

    def _wait(self, mode: Mode, asker: Ticket | None, until: float) -> list[Ticket]:
        """Until nothing old is left, or the time is over; what is left."""
        while left := self._old(mode, asker):
            stuck = [each for each in left if each.is_stuck()]
            for each in stuck:
                # It waits for this thread: never another step of it but to end.
                each.cut()
            left = [each for each in left if each not in stuck]
            if not left or time.monotonic() >= until:
                break
            time.sleep(ASK_AGAIN_S)
        return left

    def sign_in(self) -> bool:
        """Ask the mode to wait for this middleware at a flip; True when it does."""
        with self._signing_in:
            if self._listener is not None:
                return True
            now = time.monotonic()
            if now < self._not_before_s:
                return False
            itself = weakref.WeakMethod(self.drain)
            try:
                listener = self._cell.listen(lambda mode, limit_s: _drain(itself, mode, limit_s))
            except ModeError as error:
                log.warning("the mode cannot be followed, so it is sandbox: %s", error)
                self._not_before_s = now + SIGN_IN_AGAIN_S
                return False
            weakref.finalize(self, listener.close).atexit = False
            self._listener = listener
        return True


def _drain(itself: Callable[[], Drain | None], mode: Mode, limit_s: float) -> str:
    drain = itself()
    return drain(mode, limit_s) if drain is not None else ""
