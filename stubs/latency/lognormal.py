"""The usual shape of a service's waits: many short ones, a long tail. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, log
from statistics import NormalDist
from typing import Final

from stubs.latency.model import LAST_U, MAX_MS, MAX_S

_NORMAL: Final = NormalDist()
_Z99: Final = _NORMAL.inv_cdf(0.99)
_LOG_MAX_S: Final = log(MAX_S)


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

    @classmethod
    def of_sigma(cls, median_ms: float, sigma: float) -> LogNormal:
        """From the spread of the waits' logarithms, as other tools write it. Raises ValueError."""
        if not 0 < median_ms <= MAX_MS or not 0 <= sigma < inf:
            raise ValueError("a log-normal latency needs 0 < median_ms <= a day and 0 <= sigma")
        p99_ms = median_ms * exp(min(sigma * _Z99, 700.0))
        if p99_ms > MAX_MS:
            raise ValueError(f"a log-normal latency with sigma {sigma:g} has a p99 of over a day")
        return cls(median_ms, p99_ms)

    def sample_s(self, u: float) -> float:
        z = _NORMAL.inv_cdf(min(max(u, 1 - LAST_U), LAST_U))
        return exp(min(self._mu + self._sigma * z, _LOG_MAX_S))
