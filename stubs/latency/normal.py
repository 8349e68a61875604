"""The bell curve, without the part of it that lies before zero. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from stubs.latency.model import LAST_U, MAX_MS

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution truncated at 0: what would be negative is drawn from the rest.

    mean_ms and sd_ms are those of the whole curve; where much of it lies before zero, the mean of
    the waits is higher. Raises ValueError for limits amiss.
    """

    mean_ms: float
    sd_ms: float
    _below_zero: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (0 <= self.mean_ms <= MAX_MS and 0 <= self.sd_ms <= MAX_MS):
            raise ValueError("a normal latency needs mean_ms and sd_ms from 0 to a day")
        # A spread so small beside the mean that the ratio is no float leaves nothing below zero.
        ratio = self.mean_ms / self.sd_ms if self.sd_ms > 0 else 40.0
        object.__setattr__(self, "_below_zero", _NORMAL.cdf(-min(ratio, 40.0)))

    def sample_s(self, u: float) -> float:
        u = self._below_zero + (1 - self._below_zero) * u
        z = _NORMAL.inv_cdf(min(max(u, 1 - LAST_U), LAST_U))
        return min(max(self.mean_ms + self.sd_ms * z, 0.0), MAX_MS) / 1000
