"""Waits without memory: what a queue's textbook server takes for each request. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p

from stubs.latency.model import LAST_U, MAX_MS


@dataclass(frozen=True, slots=True)
class Exponential:
    """Short waits are common, long ones ever rarer. Raises ValueError for a mean amiss."""

    mean_ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.mean_ms <= MAX_MS:
            raise ValueError("an exponential latency needs 0 <= mean_ms <= a day")

    def sample_s(self, u: float) -> float:
        return min(-log1p(-min(u, LAST_U)) * self.mean_ms, MAX_MS) / 1000
