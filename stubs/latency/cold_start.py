"""The first requests after a start are slow: caches are cold, code is not yet compiled.

Floor 1, pure; a model keeps the state of one route.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stubs.latency.model import MAX_MS, MAX_S, LatencyModel, Moment, Wait, wait_of
from stubs.latency.queue import Queue
from stubs.latency.time_of_day import TimeOfDay

MAX_REQUESTS: Final = 1_000_000


@dataclass(slots=True)
class ColdStart:
    """`latency`, and more of it after a start: `first_ms`, falling in a straight line to nothing.

    It falls over `warm_s` wall seconds since the start, or over the first `requests` requests,
    counted as they come. The start is that of the run, then each `restart`.
    Raises ValueError for limits amiss.
    """

    first_ms: float
    warm_s: float | None = None
    requests: int | None = None
    latency: LatencyModel | TimeOfDay | Queue | None = None
    _inner: Wait | None = field(init=False, repr=False, compare=False)
    _started_s: float = field(init=False, repr=False, compare=False)
    _asked: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.first_ms <= MAX_MS:
            raise ValueError("a cold start needs 0 <= first_ms <= a day")
        if (self.warm_s is None) == (self.requests is None):
            raise ValueError("a cold start needs either warm_s or requests")
        if self.warm_s is not None and not 0 < self.warm_s <= MAX_S:
            raise ValueError("a cold start's warm_s is over 0 s and up to a day")
        if self.requests is not None and not 1 <= self.requests <= MAX_REQUESTS:
            raise ValueError(f"a cold start's requests are from 1 to {MAX_REQUESTS:,}")
        self._inner = None if self.latency is None else wait_of(self.latency)
        self.restart(0.0)

    def restart(self, at_s: float) -> None:
        """It is cold again. at_s: wall seconds since the run's start."""
        self._started_s = at_s
        self._asked = 0
        if isinstance(self.latency, Queue):
            self.latency.restart()

    def wait_s(self, u: float, moment: Moment) -> float:
        inner_s = 0.0 if self._inner is None else self._inner(u, moment)
        if moment.is_full:
            return inner_s
        extra_s = self.first_ms / 1000 * self._coldness(moment.arrival_s)
        return min(inner_s + extra_s, MAX_S)

    def _coldness(self, arrival_s: float) -> float:
        """How cold it still is: 1 at the start, 0 from when it is warm."""
        if self.warm_s is not None:
            since_s = arrival_s - self._started_s
            return min(max(1 - since_s / self.warm_s, 0.0), 1.0)
        if self.requests is None or self._asked >= self.requests:
            return 0.0
        self._asked += 1
        return 1 - (self._asked - 1) / self.requests
