"""A few percentiles, as dashboards and agreements give them. Floor 1, pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from stubs.latency.lines import between
from stubs.latency.model import MAX_MS

LOW_END = 0.5
HIGH_END = 2.0
"""Where p0 and p100 are not given: half of the lowest wait in the table, twice the highest."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles and their waits in ms, joined by straight lines.

    table: (percentile from 0 to 100, ms), ascending in both. Without p0 the waits begin at half of
    the lowest one, without p100 they end at twice the highest. Raises ValueError otherwise.
    """

    table: tuple[tuple[float, float], ...]
    _us: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _ms: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = self.table
        if not table or not all(0 <= p <= 100 and 0 <= ms <= MAX_MS for p, ms in table):
            raise ValueError("percentiles need p0 to p100 with 0 ms to a day, at least one of them")
        if any(p >= q or a > b for (p, a), (q, b) in pairwise(table)):
            raise ValueError(
                "percentiles need waits that never fall from one percentile to a higher"
            )
        points = list(table)
        if points[0][0] > 0:
            points.insert(0, (0.0, points[0][1] * LOW_END))
        if points[-1][0] < 100:
            points.append((100.0, min(points[-1][1] * HIGH_END, MAX_MS)))
        object.__setattr__(self, "_us", tuple(p / 100 for p, _ in points))
        object.__setattr__(self, "_ms", tuple(ms for _, ms in points))

    def sample_s(self, u: float) -> float:
        us, ms = self._us, self._ms
        if len(us) == 1:
            return ms[0] / 1000
        low = min(bisect_right(us, u), len(us) - 1) - 1
        part = (u - us[low]) / (us[low + 1] - us[low])
        return between(ms[low], ms[low + 1], part) / 1000
