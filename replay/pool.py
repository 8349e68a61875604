"""A bounded pool of keep-alive connections to one target, last used first.

The pool dials, keeps what is idle and knows who waits; `engine.py` decides who is sent. A dial
that fails is told to the owner, so that the request it was made for ends with that failure rather
than waiting for ever. Read next: `wire.py`, `engine.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from replay.outcome import Failure
from replay.wire import Wire

SPARE = 4
"""Idle connections that the pool tries to have ready ahead of need, so that a request that is due
does not wait for a handshake."""

MAX_DIALING = 32
"""Handshakes under way at once: more would be a connection storm of our own making."""

Dial = Callable[[Callable[[], Wire]], Awaitable[object]]
"""Opens a connection and attaches the Wire that the factory makes. Raises OSError or TimeoutError.
"""

Waiting = tuple[int, int, int, bytes]
"""(position, ready_ns or 0, waiting since, request bytes)."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs a coroutine in the worker's task group."""


class PoolOwner(Protocol):
    """Who uses the pool's connections."""

    def on_outcome(
        self,
        pool: Pool,
        wire: Wire,
        index: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        done_ns: int,
    ) -> None:
        """Request `index` of `wire` ended; the wire may be reused when it is still open."""

    def on_available(self, pool: Pool) -> None:
        """A connection has just been opened and is idle, or there is room for another."""

    def on_dial_failed(self, pool: Pool, failure: Failure, started_ns: int) -> None:
        """A dial that began at `started_ns` failed; one waiting request should hear of it."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections to one target, and how long an attempt to make one may take."""

    connections: int = 1000
    connect_timeout_s: float = 5.0


class Pool:
    """Connections to one target."""

    def __init__(
        self,
        dial: Dial,
        owner: PoolOwner,
        spawn: Spawn,
        now_ns: Callable[[], int],
        limits: PoolLimits,
    ) -> None:
        self._dial = dial
        self._owner = owner
        # A partial, not a method: one Python call less for each answer.
        self.on_outcome = partial(owner.on_outcome, self)
        self._spawn = spawn
        self._now_ns = now_ns
        self._limits = limits
        self._dialing = 0
        self.room = limits.connections
        """Connections that may still be made, above those open or being dialled."""
        self.wires: set[Wire] = set()
        self.idle: list[Wire] = []
        self.waiting: deque[Waiting] = deque()
        """Requests that may go as soon as a connection is free. At most one a lane, so it is
        bounded by the users of the run."""

    def __repr__(self) -> str:
        return (
            f"<Pool {len(self.wires)} open, {len(self.idle)} idle, {self._dialing} dialing, "
            f"{len(self.waiting)} waiting>"
        )

    def take(self) -> Wire | None:
        """An idle connection, or None; either way the pool grows ahead of need."""
        idle = self.idle
        if len(idle) <= SPARE and self.room > 0:
            self._grow(SPARE - len(idle) + 1)
        while idle:
            wire = idle.pop()
            if wire.is_open:
                return wire
            # Closed by the target a moment ago; `on_closed` is still to come.
        return None

    def wait(self, position: int, ready_ns: int, since_ns: int, request: bytes) -> None:
        """Queue a request for the next free connection."""
        self.waiting.append((position, ready_ns, since_ns, request))
        self._grow(len(self.waiting))

    def on_closed(self, wire: Wire) -> None:
        """`wire` was closed: it no longer counts, and its place may be needed."""
        if wire in self.wires:
            self.wires.remove(wire)
            self.room += 1
        if wire in self.idle:
            self.idle.remove(wire)
        self._grow(len(self.waiting))
        self._owner.on_available(self)

    async def warm(self, count: int, timeout_s: float) -> Exception | None:
        """Open `count` connections before the run. The first error when none could be made."""
        wanted = min(count, self.room)
        self.room -= wanted
        attempts = (self._attempt(timeout_s) for _ in range(wanted))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        errors = [result for result in results if isinstance(result, Exception)]
        self.room += len(errors)
        return errors[0] if errors and len(errors) == wanted else None

    def close(self) -> None:
        """Drop every connection; what they carried ends as cancelled."""
        for wire in tuple(self.wires):
            wire.end(Failure.CANCELLED)

    def _grow(self, wanted: int) -> None:
        for _ in range(min(self.room, MAX_DIALING - self._dialing, wanted - self._dialing)):
            self._dialing += 1
            self.room -= 1
            self._spawn(self._dial_one())

    async def _dial_one(self) -> None:
        started_ns = self._now_ns()
        failure = Failure.NONE
        try:
            await self._attempt(self._limits.connect_timeout_s)
        except TimeoutError:
            failure = Failure.TIMEOUT
        except OSError:
            failure = Failure.REFUSED
        self._dialing -= 1
        if failure is Failure.NONE:
            self._owner.on_available(self)
        else:
            self.room += 1
            self._owner.on_dial_failed(self, failure, started_ns)
        # More may wait than could be dialled for at once.
        self._grow(len(self.waiting))

    async def _attempt(self, timeout_s: float) -> None:
        wire = Wire(self, self._now_ns)
        try:
            async with asyncio.timeout(timeout_s):
                await self._dial(lambda: wire)
        except BaseException:
            # Given up on in the very moment in which the connection came.
            if wire.is_open:
                wire.end(Failure.CANCELLED)
            raise
        if not wire.is_open:
            raise ConnectionResetError("the target closed the connection at once")
        self.wires.add(wire)
        self.idle.append(wire)
