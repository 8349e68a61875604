"""The stubs' sleep: every wait of a process on one exact timer, however many there are.

uvloop's timers step in milliseconds, which is too coarse for an answer that shall take 100 ms. All
waits lie in one heap, and one ticker is armed for the earliest. A wait costs a future and an entry.
Floor 1. Read next: `switchboard/edge/ticker.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from switchboard.edge.ticker import NS_PER_S, Ticker, choose_ticker

NowNs = Callable[[], int]
OpenTicker = Callable[[asyncio.AbstractEventLoop, Callable[[], None], NowNs], Ticker]

LONGEST_S: Final = 366 * 86_400.0
FEW: Final = 64
"""So many waits that were given up may lie in the heap before it is tidied."""


class PreciseSleep:
    """`await sleep(0.1)`, never early and, on Linux, late by some tens of microseconds.

    Called like `asyncio.sleep`. It belongs to the loop that first sleeps with it, and keeps a file
    descriptor there until `close`.
    """

    def __init__(
        self, open_ticker: OpenTicker = choose_ticker, now_ns: NowNs = time.monotonic_ns
    ) -> None:
        self._open_ticker = open_ticker
        self._now_ns = now_ns
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: Ticker | None = None
        self._waits: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self.waiting = 0
        """How many waits are under way."""

    async def __call__(self, seconds: float) -> None:
        """Come back after so many seconds, at once for none. RuntimeError on another loop."""
        if not seconds > 0:
            return
        loop = asyncio.get_running_loop()
        ticker = self._ticker_of(loop)
        due_ns = self._now_ns() + int(min(seconds, LONGEST_S) * NS_PER_S)
        future = loop.create_future()
        heappush(self._waits, (due_ns, next(self._numbers), future))
        if self._waits[0][2] is future:
            ticker.arm(due_ns)
        self.waiting += 1
        try:
            await future
        finally:
            self.waiting -= 1
            self._tidy()

    def close(self) -> None:
        """Let the timer go; whoever still waits is cancelled."""
        for _, _, future in self._waits:
            future.cancel()
        if self._ticker is not None:
            self._ticker.close()
        self._ticker = self._loop = None

    def _ticker_of(self, loop: asyncio.AbstractEventLoop) -> Ticker:
        if self._ticker is None:
            self._loop = loop
            self._ticker = self._open_ticker(loop, self._fired, self._now_ns)
        elif loop is not self._loop:
            raise RuntimeError("a PreciseSleep serves one event loop; make another for this one")
        return self._ticker

    def _fired(self) -> None:
        """Wake all that are due, and be called again for the next."""
        now_ns = self._now_ns()
        while self._waits and self._waits[0][0] <= now_ns:
            future = heappop(self._waits)[2]
            if not future.done():
                future.set_result(None)
        if self._waits and self._ticker is not None:
            self._ticker.arm(self._waits[0][0])

    def _tidy(self) -> None:
        """A wait that was given up lies in the heap until its time, unless there are many."""
        given_up = len(self._waits) - self.waiting
        if given_up > max(FEW, len(self._waits) // 2):
            self._waits = [wait for wait in self._waits if not wait[2].done()]
            heapify(self._waits)
