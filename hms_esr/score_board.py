"""The newest scorecard, and whoever waits for the next one. Read next: `api/score.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

Score = Mapping[str, Any]


class ScoreBoard:
    """The newest scorecard and whoever waits for the next. One writer, many readers.

    A slow reader misses scorecards in between rather than making a queue of them.
    """

    def __init__(self) -> None:
        self._newest: Score | None = None
        self._is_over = False
        self._changed = asyncio.Event()

    @property
    def newest(self) -> Score | None:
        return self._newest

    def publish(self, score: Score) -> None:
        """Make `score` the newest and wake every reader."""
        self._newest = score
        self._wake()

    def close(self) -> None:
        """The run is over: readers get the last scorecard, then the end of their stream."""
        self._is_over = True
        self._wake()

    async def follow(self) -> AsyncIterator[Score]:
        """Each new scorecard, the newest first, until the run is over."""
        seen: Score | None = None
        while True:
            changed = self._changed
            if self._newest is not None and self._newest is not seen:
                seen = self._newest
                yield seen
            elif self._is_over:
                return
            else:
                await changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
