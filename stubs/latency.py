"""How long a stub takes to answer: one small model each, NoDelay first.

A model is a quantile function: it maps a seeded draw in [0, 1) to seconds, so the same request of
the same seed is always equally slow, whatever the timing. Floor 1, pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, log
from statistics import NormalDist
from typing import Protocol

_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)
_LAST_U = 1 - 2**-20
"""The tail of a log-normal has no end; draws beyond one in a million are that long."""


class LatencyModel(Protocol):
    """Anything that turns a draw into a wait."""

    def sample_s(self, u: float) -> float:
        """Seconds for a draw u in [0, 1); never negative, growing with u."""


@dataclass(frozen=True, slots=True)
class NoDelay:
    """Answers at once."""

    def sample_s(self, u: float) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every wait between two limits is equally likely. Raises ValueError for limits amiss."""

    min_ms: float
    max_ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.min_ms <= self.max_ms < float("inf"):
            raise ValueError("a uniform latency needs 0 <= min_ms <= max_ms")

    def sample_s(self, u: float) -> float:
        return (self.min_ms + (self.max_ms - self.min_ms) * u) / 1000


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Half the waits are under the median, one in a hundred is over p99. ValueError otherwise."""

    median_ms: float
    p99_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.median_ms <= self.p99_ms < float("inf"):
            raise ValueError("a log-normal latency needs 0 < median_ms <= p99_ms")

    def sample_s(self, u: float) -> float:
        sigma = log(self.p99_ms / self.median_ms) / _Z99
        z = _NORMAL.inv_cdf(min(max(u, 1 - _LAST_U), _LAST_U))
        return self.median_ms * exp(sigma * z) / 1000


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was recorded: a table of evenly spaced quantiles in ms, joined by straight lines."""

    quantiles_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        table = self.quantiles_ms
        if not table or not all(isfinite(q) and q >= 0 for q in table):
            raise ValueError("an empirical latency needs quantiles in ms, none negative")
        if any(b < a for a, b in pairwise(table)):
            raise ValueError("an empirical latency needs its quantiles in ascending order")

    def sample_s(self, u: float) -> float:
        at = u * (len(self.quantiles_ms) - 1)
        low = int(at)
        high = min(low + 1, len(self.quantiles_ms) - 1)
        below, above = self.quantiles_ms[low], self.quantiles_ms[high]
        return (below + (above - below) * (at - low)) / 1000


def choose_weighted(weights: Sequence[float], u: float) -> int:
    """The index that a draw u in [0, 1) falls on, each as likely as its weight.

    weights: cumulative, ascending, the last one the total, > 0.
    """
    return min(bisect_right(weights, u * weights[-1]), len(weights) - 1)
