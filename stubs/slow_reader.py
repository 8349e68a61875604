"""Reading a request's body slowly: how long the bytes that have come take on a link that slow.

Floor 1, pure. Read next: `wire_plan.py`, which does the same for answers.
"""

from __future__ import annotations

from stubs.faults.course import Pacing
from stubs.wire_plan import slice_bytes


class SlowReader:
    """Adds up the time that bytes take. `due_s`: when those so far would have come."""

    def __init__(self, pacing: Pacing, now_s: float) -> None:
        self._pacing = pacing
        self._slice_bytes = slice_bytes(pacing)
        self._stalls = dict(pacing.stalls)
        self._began_s = now_s
        self._bytes = 0
        self._slices = 0
        self._stalled_s = 0.0

    def take(self, size: int) -> None:
        """So many more bytes came."""
        self._bytes += size
        slices = -(-self._bytes // self._slice_bytes)
        for number in [n for n in self._stalls if n < slices]:
            self._stalled_s += self._stalls.pop(number)
        self._slices = slices

    @property
    def due_s(self) -> float:
        pacing = self._pacing
        on_link_s = self._bytes / pacing.bytes_per_s if pacing.bytes_per_s > 0 else 0.0
        between_s = max(0, self._slices - 1) * pacing.chunk_delay_ms / 1000
        return self._began_s + on_link_s + between_s + self._stalled_s
