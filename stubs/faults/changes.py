"""Waiting for a timetable to change: a fault begins or ends, comes or goes, or the clock jumps.

Floor 1; it waits by the loop's timers and futures, never by a task. Read next: `chaos.py`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

from stubs.clock import RecordedClock

_LEAST_S: Final = 0.001
_MOST_S: Final = 3600.0

NextMs = Callable[[float], float]
"""Takes recorded time, gives when something changes next after it; infinite for never."""


class Changes:
    """Wakes whoever waits. Everything here belongs to one event loop."""

    def __init__(self, clock: RecordedClock, next_ms: NextMs) -> None:
        self._clock = clock
        self._next_ms = next_ms
        self._waiters: set[asyncio.Future[None]] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.is_stopped = False

    def call(self, callback: Callable[[], None]) -> None:
        """Have a function called at every change from now on."""
        self._callbacks.append(callback)
        self._set_timer()

    def notify(self) -> None:
        """Something changed: wake everybody, and look anew at when the next change is."""
        self._drop_timer()
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        for callback in self._callbacks:
            callback()
        self._set_timer()

    async def wait_change(self) -> None:
        """Return at the next change, or when all is stopped."""
        if self.is_stopped:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        self._set_timer()
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def stop(self) -> None:
        """Let everybody go, for good."""
        self.is_stopped = True
        self.notify()

    def _set_timer(self) -> None:
        if self._timer is not None or self.is_stopped or not (self._waiters or self._callbacks):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nothing runs yet: whoever waits first sets it
            return
        now_ms = self._clock.now_ms()
        next_ms = self._next_ms(now_ms)
        wait_s = math.inf if math.isinf(next_ms) else self._clock.wall_s(next_ms - now_ms)
        if not math.isinf(wait_s):
            delay_s = min(max(wait_s, _LEAST_S), _MOST_S)
            self._timer = loop.call_later(delay_s, self.notify)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
