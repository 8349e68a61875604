"""Log-linear histograms over int64 nanoseconds, folded a column at a time.

A bucket is a power of two split into equal steps, which is what the top bits of a float64 already
say: the bucket index is one shift, and no logarithm is taken. `Histogram` is for whole-run
numbers, `HistogramBank` holds one coarser histogram a route. Floor 2, pure.
Read next: `tally.py`, which folds outcomes into them.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
"""One-dimensional int64 nanoseconds."""

_MANTISSA_BITS = 52
_EXPONENT_BIAS = 1023

LOWEST_NS = 1 << 9
"""Everything at or below half a microsecond shares the first bucket."""

HIGHEST_NS = 1 << 47
"""Everything past 39 hours shares the last bucket. Minimum, maximum and sum stay exact."""

FINE_BITS = 7
"""128 steps in each power of two: a quantile is off by at most 0.4 %."""

COARSE_BITS = 6
"""64 steps in each power of two: off by at most 0.8 %, at half the memory."""


class Scale:
    """Where the buckets are: `2**bits` of them in each power of two."""

    __slots__ = ("_base", "_shift", "buckets", "middles")

    def __init__(self, bits: int) -> None:
        octaves = HIGHEST_NS.bit_length() - LOWEST_NS.bit_length()
        lowest_exponent = _EXPONENT_BIAS + LOWEST_NS.bit_length() - 1
        self._shift = _MANTISSA_BITS - bits
        self._base = lowest_exponent << bits
        self.buckets = octaves << bits
        edges = (np.arange(self.buckets + 1, dtype=np.int64) + self._base) << self._shift
        bounds = edges.view(np.float64)
        self.middles: npt.NDArray[np.float64] = (bounds[:-1] + bounds[1:]) / 2
        """What a value of each bucket is taken to be."""

    def bucket_of(self, values: Values) -> npt.NDArray[np.int64]:
        """The bucket of each value; what lies outside goes to the first or the last."""
        index: npt.NDArray[np.int64] = values.astype(np.float64).view(np.int64)
        index >>= self._shift
        index -= self._base
        return np.clip(index, 0, self.buckets - 1, out=index)


FINE = Scale(FINE_BITS)
COARSE = Scale(COARSE_BITS)


class Histogram:
    """How one number is spread. Count, sum, minimum and maximum are exact."""

    __slots__ = ("_counts", "count", "max", "min", "sum")

    def __init__(self) -> None:
        self._counts = np.zeros(FINE.buckets, dtype=np.int64)
        self.count = 0
        self.sum = 0
        self.min: int | None = None
        self.max: int | None = None

    def __repr__(self) -> str:
        return f"<Histogram {self.count} values, {self.min}..{self.max} ns>"

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None

    def add(self, values: Values) -> None:
        """Fold a column of nanoseconds in."""
        if not len(values):
            return
        self._counts += np.bincount(FINE.bucket_of(values), minlength=FINE.buckets)
        self.count += len(values)
        self.sum += exact_sum(values)
        self._widen(int(values.min()), int(values.max()))

    def merge(self, other: Histogram) -> None:
        """Fold another histogram in, as if its values had been added here."""
        if other.min is None or other.max is None:
            return
        self._counts += other._counts
        self.count += other.count
        self.sum += other.sum
        self._widen(other.min, other.max)

    def quantile(self, q: float) -> float | None:
        """The value that at least `q` of all values do not exceed; None when there are none.

        q: 0..1.   Never outside the exact minimum and maximum.   Raises ValueError for other q.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies in 0..1, not {q}")
        if self.min is None or self.max is None:
            return None
        rank = nearest_rank(q, self.count)
        if rank == self.count:
            return float(self.max)
        bucket = int(np.searchsorted(self._counts.cumsum(), rank))
        return min(max(float(FINE.middles[bucket]), float(self.min)), float(self.max))

    def copy(self) -> Self:
        twin = type(self)()
        twin.merge(self)
        return twin

    def _widen(self, low: int, high: int) -> None:
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)


class HistogramBank:
    """One coarse histogram a row; memory is bounded by the number of rows, some 20 KB each."""

    __slots__ = ("_counts", "_max", "_size", "counts")

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts = np.zeros((size, COARSE.buckets), dtype=np.int64)
        self._max = np.zeros(size, dtype=np.int64)
        self.counts = np.zeros(size, dtype=np.int64)
        """How many values each row has."""

    def add(self, row: Values, values: Values) -> None:
        """Fold values in, each into its row. A row outside the bank is an IndexError."""
        if not len(values):
            return
        key = row.astype(np.int64)
        self.counts += np.bincount(key, minlength=self._size)
        np.maximum.at(self._max, key, values)
        key *= COARSE.buckets
        key += COARSE.bucket_of(values)
        # Unlike bincount this does not walk all buckets of all rows.
        np.add.at(self._counts.reshape(-1), key, 1)

    def quantiles(self, row: int, quantiles: tuple[float, ...]) -> tuple[float | None, ...]:
        """The quantiles of one row, all None when it has no values."""
        count = int(self.counts[row])
        if not count:
            return (None,) * len(quantiles)
        ends = self._counts[row].cumsum()
        highest = float(self._max[row])
        return tuple(_quantile(ends, nearest_rank(q, count), count, highest) for q in quantiles)


def _quantile(ends: Values, rank: int, count: int, highest: float) -> float:
    if rank == count:
        return highest
    return min(float(COARSE.middles[int(np.searchsorted(ends, rank))]), highest)


def nearest_rank(q: float, count: int) -> int:
    """Which value, counted from 1 in ascending order, is the quantile of `count` values."""
    # Decimal quantiles are a hair off as floats: 0.95 * 100 must be rank 95 and not 96.
    return min(count, max(1, math.ceil(q * count - 1e-9 * count)))


def exact_sum(values: Values) -> int:
    """The sum of int64 values, which may well be more than an int64."""
    high = int(np.sum(values >> 32, dtype=np.int64))
    low = int(np.sum(values & 0xFFFF_FFFF, dtype=np.int64))
    return (high << 32) + low
