"""From recorded waits to a table, and whether the table is right: Kolmogorov–Smirnov.

Floor 1, pure, the standard library only. Read next: `learned_file.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

QUANTILES: Final = 101
FINE_QUANTILES: Final = 1_001
FINE_FROM: Final = 10_000

_CRITICAL_5: Final = math.sqrt(-math.log(0.05 / 2) / 2)
"""1.358: how far apart two samples may be by chance, in units of sqrt(1/n + 1/m), one in twenty."""


def points_for(count: int) -> int:
    """How fine a table so many waits deserve: with ten thousand, p99.9 is a point of its own."""
    return FINE_QUANTILES if count >= FINE_FROM else QUANTILES


def quantiles_of(ascending_ms: Sequence[float], points: int) -> tuple[float, ...]:
    """Evenly spaced quantiles of ascending waits, to the microsecond; no more than there are waits.

    Raises ValueError when there is none.
    """
    if not ascending_ms:
        raise ValueError("there are no waits to learn from")
    points = min(points, len(ascending_ms))
    last = len(ascending_ms) - 1
    steps = [last * n / max(points - 1, 1) for n in range(points)]
    table = [_at(ascending_ms, step) for step in steps]
    return tuple(accumulate((round(ms, 3) for ms in table), max))


def _at(ascending: Sequence[float], place: float) -> float:
    low = int(place)
    below, above = ascending[low], ascending[min(low + 1, len(ascending) - 1)]
    return below + (above - below) * (place - low)


def ks_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The greatest difference of two ascending samples' shares below any wait, 0 to 1.

    Raises ValueError for an empty sample.
    """
    if not one or not other:
        raise ValueError("a distance needs two samples")
    greatest, i, j = 0.0, 0, 0
    while i < len(one) and j < len(other):
        value = min(one[i], other[j])
        while i < len(one) and one[i] == value:
            i += 1
        while j < len(other) and other[j] == value:
            j += 1
        greatest = max(greatest, abs(i / len(one) - j / len(other)))
    return greatest


def ks_distance_to(ascending: Sequence[float], cdf: Callable[[float], float]) -> float:
    """The same of an ascending sample and a continuous distribution."""
    count = len(ascending)
    shares = [cdf(value) for value in ascending]
    return max(max((n + 1) / count - share, share - n / count) for n, share in enumerate(shares))


def ks_critical(*counts: int) -> float:
    """The distance that chance passes one time in twenty, between samples of so many.

    One count: a sample and a known distribution. More of them: each is a source of chance of its
    own, such as the waits a table was learned from, those it is checked against and its samples.
    """
    return _CRITICAL_5 * math.sqrt(sum(1 / count for count in counts))
