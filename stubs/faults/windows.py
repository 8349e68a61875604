"""When any fault is active, put so that the usual answer, "none is", costs two comparisons.

Floor 1, pure. Read next: `chaos.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable


class Windows:
    """The union of a few stretches of recorded time, each from its beginning up to its end."""

    __slots__ = ("_begins", "_ends", "_quiet_from", "_quiet_until")

    def __init__(self, windows: Iterable[tuple[float, float]]) -> None:
        self._begins: list[float] = []
        self._ends: list[float] = []
        for begin, end in sorted(windows):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            elif begin < end:
                self._begins.append(begin)
                self._ends.append(end)
        self._quiet_from = math.inf
        self._quiet_until = -math.inf
        self.is_quiet_at(-math.inf)

    def is_quiet_at(self, at_ms: float) -> bool:
        """Whether the moment lies in none of them."""
        if self._quiet_from <= at_ms < self._quiet_until:
            return True
        return self._look(at_ms)

    def _look(self, at_ms: float) -> bool:
        """Find the quiet stretch around the moment, and remember it for the next one."""
        at = bisect_right(self._begins, at_ms)
        before = self._ends[at - 1] if at else -math.inf
        if at_ms < before:
            return False
        self._quiet_from = before
        self._quiet_until = self._begins[at] if at < len(self._begins) else math.inf
        return True
