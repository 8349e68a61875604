"""A service with so many servers and no more: a surge builds a queue, which takes time to drain.

The queue is computed, not acted out: each request joins it at the moment it was planned to arrive
and its place follows from those planned before it, so it is as long at any speed of the machine.
Floor 1, pure; a model keeps the state of one route.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from heapq import heapreplace
from math import inf, isfinite
from operator import itemgetter
from typing import Final

from stubs.latency.model import MAX_S, LatencyModel, Moment, Wait, wait_of
from stubs.latency.time_of_day import TimeOfDay

MAX_SERVERS: Final = 1_000
MAX_QUEUE: Final = 10_000
WINDOW: Final = 256
"""So many of the newest arrivals can still be put in order with one that comes late."""


class _Line:
    """The servers and those who wait for them, after the arrivals so far, in order of arrival."""

    __slots__ = ("_free_s", "_room", "_starts_s")

    def __init__(self, free_s: list[float], starts_s: deque[float], room: int | None) -> None:
        self._free_s = free_s  # a heap: when each server is next free
        self._starts_s = starts_s  # ascending: when those who wait will start; without room nobody
        self._room = room

    def copy(self) -> _Line:
        return _Line(self._free_s.copy(), self._starts_s.copy(), self._room)

    def admit(self, arrival_s: float, service_s: float) -> float | None:
        """Seconds until it is served, or None when there is no room."""
        starts_s = self._starts_s
        while starts_s and starts_s[0] <= arrival_s:
            starts_s.popleft()
        start_s = max(arrival_s, self._free_s[0])
        if start_s > arrival_s and self._room is not None:
            if len(starts_s) >= self._room:
                return None
            starts_s.append(start_s)
        heapreplace(self._free_s, start_s + service_s)
        return start_s - arrival_s + service_s


@dataclass(slots=True)
class Queue:
    """First come, first served by `servers` servers (M/M/c when arrivals and service are random).

    service: how long one request keeps a server.   max_queue: how many may wait besides those
    being served; the next one is refused (`Moment.is_full`, no wait). None is no limit.
    A request that comes after others that were planned later is put in its right place among the
    newest 256; what those were told stays as it was. Of equal arrivals the first asked goes first.
    Raises ValueError for limits amiss.
    """

    servers: int
    service: LatencyModel | TimeOfDay
    max_queue: int | None = None
    _before: _Line = field(init=False, repr=False, compare=False)
    _now: _Line = field(init=False, repr=False, compare=False)
    _newest: list[tuple[float, float]] = field(init=False, repr=False, compare=False)
    _settled_s: float = field(init=False, repr=False, compare=False)
    _serve: Wait = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.servers <= MAX_SERVERS:
            raise ValueError(f"a queue needs 1 to {MAX_SERVERS:,} servers")
        if self.max_queue is not None and not 0 <= self.max_queue <= MAX_QUEUE:
            raise ValueError(f"a queue's max_queue is from 0 to {MAX_QUEUE:,}")
        self._serve = wait_of(self.service)
        self.restart()

    def restart(self) -> None:
        """Empty it: every server is free, nobody waits."""
        self._before = _Line([-inf] * self.servers, deque(), self.max_queue)
        self._now = self._before.copy()
        self._newest = []
        self._settled_s = -inf

    def wait_s(self, u: float, moment: Moment) -> float:
        arrival_s = moment.arrival_s if isfinite(moment.arrival_s) else 0.0
        service_s = self._serve(u, moment)
        if not self._newest or arrival_s >= self._newest[-1][0]:
            self._newest.append((arrival_s, service_s))
            wait_s = self._now.admit(arrival_s, service_s)
        else:
            wait_s = self._admit_late(arrival_s, service_s)
        if len(self._newest) > WINDOW:
            self._settled_s, service_s = self._newest.pop(0)
            self._before.admit(self._settled_s, service_s)
        if wait_s is None:
            moment.is_full = True
            return 0.0
        return min(wait_s, MAX_S)

    def _admit_late(self, arrival_s: float, service_s: float) -> float | None:
        """Put one in its place and let the newest arrivals come again."""
        # What should have come before all that are remembered counts as the first of them.
        arrival_s = max(arrival_s, self._settled_s)
        place = bisect_right(self._newest, arrival_s, key=itemgetter(0))
        self._newest.insert(place, (arrival_s, service_s))
        self._now = self._before.copy()
        waits_s = [self._now.admit(*each) for each in self._newest]
        return waits_s[place]
