"""The same wait for everybody. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass

from stubs.latency.model import MAX_MS


@dataclass(frozen=True, slots=True)
class Fixed:
    """Every answer takes `ms`. Raises ValueError for a limit amiss."""

    ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.ms <= MAX_MS:
            raise ValueError("a fixed latency needs 0 <= ms <= a day")

    def sample_s(self, u: float) -> float:
        return self.ms / 1000
