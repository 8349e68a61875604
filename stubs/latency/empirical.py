"""Waits as they were recorded. Floor 1, pure. Read next: `fit.py`, which makes such a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from stubs.latency.lines import between
from stubs.latency.model import MAX_MS


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
        return between(table[low], table[min(low + 1, len(table) - 1)], at - low) / 1000
