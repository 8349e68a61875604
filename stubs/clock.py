"""The recorded clock: how far into the trace the run is, however fast it plays.

One link from the run drives it: where recorded time stood at an instant of the machine's monotonic
clock, and how fast it runs from there. Pausing is speed 0, seeking is another anchor. Everything
that happens "at 15m" asks this clock, so a timetable follows speed, pause and seek. Without a run
it starts at zero with the gateway and runs at speed 1.

Floor 1; the monotonic clock is an argument. Read next: `faults/fault.py`, which lives by it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_SPEED: Final = 1e6
_NS_PER_MS: Final = 1e6

NowNs = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment of the link.

    at_ns: of the monotonic clock (CLOCK_MONOTONIC, shared by every process of the machine).
    recorded_ms: recorded time since the trace's start at that moment.   speed: recorded seconds a
    second; 0 is paused.   epoch_ms: the trace's start, Unix time. Raises ValueError.
    """

    at_ns: int
    recorded_ms: float = 0.0
    speed: float = 1.0
    epoch_ms: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.recorded_ms, self.speed, self.epoch_ms)
        if not all(map(math.isfinite, numbers)) or not 0 <= self.speed <= MAX_SPEED:
            raise ValueError(f"a clock needs finite numbers and a speed of 0 to {MAX_SPEED:,.0f}")


class RecordedClock:
    """Recorded time now. Replaced anchors take effect at once."""

    def __init__(self, anchor: Anchor | None = None, now_ns: NowNs = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._anchor = anchor or Anchor(now_ns(), epoch_ms=time.time() * 1000)

    @property
    def anchor(self) -> Anchor:
        return self._anchor

    @property
    def speed(self) -> float:
        return self._anchor.speed

    def follow(self, anchor: Anchor) -> None:
        """Go on from another anchor: a run began, paused, sought or changed its speed."""
        self._anchor = anchor

    def now_ms(self) -> float:
        """Recorded milliseconds since the trace's start; negative before a run has begun."""
        anchor = self._anchor
        return anchor.recorded_ms + (self._now_ns() - anchor.at_ns) / _NS_PER_MS * anchor.speed

    def epoch_ms(self, recorded_ms: float) -> float:
        """Unix time in ms of a moment of the trace."""
        return self._anchor.epoch_ms + recorded_ms

    def wall_s(self, recorded_ms: float) -> float:
        """How many wall seconds a stretch of recorded time takes now; infinite while paused."""
        speed = self._anchor.speed
        return recorded_ms / 1000 / speed if speed else math.inf
