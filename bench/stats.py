"""The few statistics that the tables need. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median


def quantile(ascending: Sequence[float], q: float) -> float:
    """The nearest-rank quantile of an ascending sequence; nan when it is empty."""
    if not ascending:
        return math.nan
    rank = math.ceil(q * len(ascending))
    return ascending[min(max(rank, 1), len(ascending)) - 1]


def spread(values: Sequence[float]) -> str:
    """Lowest and highest, so that a reader sees how noisy the machine was."""
    return f"{min(values):.3f}..{max(values):.3f}" if values else "-"


def per_10k(cpu_s: float, requests: int) -> float:
    """CPU seconds for 10,000 requests; nan when nothing was answered."""
    return cpu_s / requests * 10_000 if requests else math.nan


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds of ours / theirs, each ratio within one round.

    Rounds lie close together in time, so that a busy neighbour slows both sides of a ratio.
    """
    ratios = [a / b for a, b in zip(ours, theirs, strict=True) if b > 0 and not math.isnan(a + b)]
    return median(ratios) if ratios else math.nan


def medians(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each key over rows that have the same keys."""
    return {key: median(row[key] for row in rows) for key in rows[0]} if rows else {}
