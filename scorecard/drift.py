"""Does a number creep up while a run goes? A least-squares slope from five sums.

Floor 2, pure. A replay that sleeps from gap to gap falls behind more and more; one that counts
from absolute due times does not, and this is how the certificate shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_NS_PER_MS = 1e6
_NS_PER_MINUTE = 60e9

MIN_SPREAD_MINUTES = 1e-3
"""Over less than 60 ms a slope is noise."""


@dataclass(slots=True)
class Drift:
    """Sums over (time, value) pairs; memory does not grow."""

    count: int = 0
    _time: float = 0.0
    _value: float = 0.0
    _time_time: float = 0.0
    _time_value: float = 0.0

    def fold(self, at_ns: npt.NDArray[Any], values_ns: npt.NDArray[Any]) -> None:
        """Add pairs: when it was, and how much it was."""
        time = at_ns / _NS_PER_MINUTE
        value = values_ns / _NS_PER_MS
        self.count += len(time)
        self._time += float(time.sum())
        self._value += float(value.sum())
        self._time_time += float(np.dot(time, time))
        self._time_value += float(np.dot(time, value))

    @property
    def ms_per_minute(self) -> float | None:
        """The slope; None while the pairs are too few or too close to have one."""
        if self.count < 2:
            return None
        mean_time = self._time / self.count
        spread = self._time_time / self.count - mean_time * mean_time
        if spread < MIN_SPREAD_MINUTES**2:
            return None
        together = self._time_value / self.count - mean_time * self._value / self.count
        return together / spread
