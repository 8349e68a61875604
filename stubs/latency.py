"""How long a stub takes to answer: one small model each, NoDelay first.

A model is a quantile function: it maps a seeded draw in [0, 1) to seconds, so the same request of
the same seed is always equally slow, whatever the timing. Every model passes the one contract in
`tests/stubs/test_latency.py`. Floor 1, pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, log
from statistics import NormalDist
from typing import Final, Protocol

MAX_MS: Final = 24 * 3_600_000.0
"""A day. A longer wait is a mistake, and an endless one would never free its connection."""

_NORMAL: Final = NormalDist()
_Z99: Final = _NORMAL.inv_cdf(0.99)
_LOG_MAX_S: Final = log(MAX_MS / 1000)
_LAST_U: Final = 1 - 2**-20
"""The tail of a log-normal has no end; draws beyond one in a million are that long."""


class LatencyModel(Protocol):
    """Anything that turns a draw into a wait."""

    def sample_s(self, u: float) -> float:
        """Seconds for a draw u in [0, 1): finite, never negative, never falling as u grows."""


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
        if not 0 <= self.min_ms <= self.max_ms <= MAX_MS:
            raise ValueError("a uniform latency needs 0 <= min_ms <= max_ms <= a day")

    def sample_s(self, u: float) -> float:
        return (self.min_ms + (self.max_ms - self.min_ms) * u) / 1000


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Half the waits are under the median, one in a hundred is over p99. ValueError otherwise."""

    median_ms: float
    p99_ms: float
    _mu: float = field(init=False, repr=False, compare=False)
    _sigma: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.median_ms <= self.p99_ms <= MAX_MS:
            raise ValueError("a log-normal latency needs 0 < median_ms <= p99_ms <= a day")
        # A difference of logarithms: the ratio itself may be too large for a float.
        sigma = (log(self.p99_ms) - log(self.median_ms)) / _Z99
        object.__setattr__(self, "_mu", log(self.median_ms) - log(1000))
        object.__setattr__(self, "_sigma", sigma)

    def sample_s(self, u: float) -> float:
        z = _NORMAL.inv_cdf(min(max(u, 1 - _LAST_U), _LAST_U))
        return exp(min(self._mu + self._sigma * z, _LOG_MAX_S))


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was recorded: a table of evenly spaced quantiles in ms, joined by straight lines."""

    quantiles_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        table = self.quantiles_ms
        if not table or not all(0 <= q <= MAX_MS for q in table):
            raise ValueError("an empirical latency needs quantiles of 0 ms to a day, at least one")
        if any(b < a for a, b in pairwise(table)):
            raise ValueError("an empirical latency needs its quantiles in ascending order")

    def sample_s(self, u: float) -> float:
        table = self.quantiles_ms
        at = u * (len(table) - 1)
        low = int(at)
        below, above = table[low], table[min(low + 1, len(table) - 1)]
        # Rounding may step past the end of the line; the next line starts exactly there.
        return min(below + (above - below) * (at - low), above) / 1000


def choose_weighted(weights: Sequence[float], u: float) -> int:
    """The index that a draw u in [0, 1) falls on, each as likely as its weight.

    weights: cumulative, ascending, the last one the total, > 0.
    """
    return min(bisect_right(weights, u * weights[-1]), len(weights) - 1)
