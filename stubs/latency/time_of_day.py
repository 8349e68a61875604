"""Waits that follow the clock: a table for the night, another for the noon rush. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stubs.latency.model import LatencyModel, Moment

HOURS: Final = 24
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some hours and their latency: from `from_h` o'clock until before `until_h` o'clock.

    Hours are those of the recorded day, UTC, from 0 to 24; 22 until 6 goes past midnight.
    Raises ValueError for other hours.
    """

    from_h: int
    until_h: int
    latency: LatencyModel

    def __post_init__(self) -> None:
        is_right = 0 <= self.from_h < HOURS and 0 < self.until_h <= HOURS
        if not is_right or self.from_h == self.until_h:
            raise ValueError("a bucket goes from an hour (0 to 23) until another (1 to 24)")

    @property
    def hours(self) -> tuple[int, ...]:
        end = self.until_h if self.until_h > self.from_h else self.until_h + HOURS
        return tuple(hour % HOURS for hour in range(self.from_h, end))


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A latency for each hour of the recorded day.

    otherwise: for the hours of no bucket; None when the buckets fill the day. Raises ValueError
    for an hour in two buckets, or in none.
    """

    buckets: tuple[Bucket, ...]
    otherwise: LatencyModel | None = None
    _by_hour: tuple[LatencyModel, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_hour = [self.otherwise] * HOURS
        taken: set[int] = set()
        for bucket in self.buckets:
            for hour in bucket.hours:
                if hour in taken:
                    raise ValueError(f"the hour from {hour} o'clock is in two buckets")
                taken.add(hour)
                by_hour[hour] = bucket.latency
        full = tuple(model for model in by_hour if model is not None)
        if len(full) < HOURS:
            missing = by_hour.index(None)
            raise ValueError(f"the hour from {missing} o'clock is in no bucket; add `otherwise`")
        object.__setattr__(self, "_by_hour", full)

    def wait_s(self, u: float, moment: Moment) -> float:
        return self._by_hour[int(moment.day_s // HOUR_S) % HOURS].sample_s(u)
