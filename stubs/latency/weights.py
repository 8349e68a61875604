"""A choice among several, each as likely as its weight. Floor 1, pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def choose_weighted(weights: Sequence[float], u: float) -> int:
    """The index that a draw u in [0, 1) falls on, each as likely as its weight.

    weights: cumulative, ascending, the last one the total, > 0.
    """
    return min(bisect_right(weights, u * weights[-1]), len(weights) - 1)
