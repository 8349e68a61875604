"""Any wait between two limits. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass

from stubs.latency.model import MAX_MS


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every wait between two limits is equally likely. Raises ValueError for limits amiss."""

    min_ms: float
    max_ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.min_ms <= self.max_ms <= MAX_MS:
            raise ValueError("a uniform latency needs 0 <= min_ms <= max_ms <= a day")

    def sample_s(self, u: float) -> float:
        return (self.min_ms + (self.max_ms - self.min_ms) * u) / 1000
