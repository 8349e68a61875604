"""One-second stamps spread inside their second on the way out, as a tape spreads them.

A log whose stamps have one-second steps would else be written with all requests of a second at its
very start, and replayed as bursts. The k-th of n falls at (k + u) / n, with u drawn from the seed
and its number. Read next: `replay/building/arrange.py`, which does the same for a tape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from replay.writing.sorting import Placed
from switchboard.event import NS_PER_S
from switchboard.seeded import unit

MAX_HELD: Final = 20_000
"""Requests of one second held at once; past that it is spread in parts."""


class Seconds:
    """Passes entries on; coarse ones wait until their second is over."""

    def __init__(self, emit: Callable[[Placed], None], seed: int) -> None:
        self.spread = 0
        """How many were moved inside their second."""
        self._emit = emit
        self._seed = seed
        self._held: list[Placed] = []

    def take(self, placed: Placed) -> None:
        if self._held and not _is_same(self._held[0], placed):
            self.flush()
        if not self._held and not placed.coarse:
            self._emit(placed)
            return
        self._held.append(placed)
        if len(self._held) >= MAX_HELD:
            self.flush()

    def flush(self) -> None:
        """Pass on what waits, in order of time."""
        coarse = [placed for placed in self._held if placed.coarse]
        exact = [placed for placed in self._held if not placed.coarse]
        moved = [self._move(at, len(coarse), placed) for at, placed in enumerate(coarse)]
        self._held = []
        self.spread += len(moved)
        for placed in sorted(moved + exact, key=lambda each: each.ns) if exact else moved:
            self._emit(placed)

    def _move(self, at: int, count: int, placed: Placed) -> Placed:
        share = (at + unit(self._seed, placed.row)) / count
        start = placed.ns - placed.ns % NS_PER_S
        return placed._replace(ns=start + min(int(share * NS_PER_S), NS_PER_S - 1))


def _is_same(one: Placed, other: Placed) -> bool:
    return one.ns // NS_PER_S == other.ns // NS_PER_S
