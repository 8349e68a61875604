"""No wait at all. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoDelay:
    """Answers at once."""

    def sample_s(self, u: float) -> float:
        return 0.0
