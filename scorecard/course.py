"""How a run went over recorded time: when a limit was first broken, and when it was kept again.

Requests are put into buckets by when they were due, so that the same drill at another speed gives
the same course. Each bucket is judged by the limits of the whole run; a bucket in which nothing was
measured speaks neither for nor against. Floor 2, pure.
Read next: `halt.py` (the same while a run goes), `blame.py` (who broke it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.outcome import Outcomes
from replay.tape import Route
from scorecard.measures import QUANTILES, Flags, Values, is_failed, is_timed, response_ms
from scorecard.slo import Slo
from scorecard.tally import is_payment

MOST_BUCKETS: Final = 240
LEAST_BUCKET_MS: Final = 5_000.0
CLEAN_BUCKETS: Final = 3
"""So many buckets in a row that keep every limit mean that a fault is over and done with."""

LINGER_MS: Final = 60_000.0
"""What breaks later than this after a fault's end is not put down to it."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit was broken. at_ms: the end of the bucket that shows it, which is when it is known."""

    name: str
    at_ms: float


class Timeline:
    """What was measured in each bucket of recorded time.

    count, failed, payments, paid: whole numbers a bucket.   bucket_ms: how long each is.
    """

    def __init__(self, rows: Outcomes, at_ms: Values, bucket_ms: float, pays: Flags) -> None:
        """rows: of a run, in any order.   at_ms: when each was due.   pays: a flag a route.

        Raises ValueError for a bucket of no length.
        """
        if not bucket_ms > 0:
            raise ValueError("a bucket of recorded time is longer than nothing")
        is_sent = rows["sent_ns"] >= 0
        rows, at_ms = rows[is_sent], at_ms[is_sent]
        bucket = np.maximum(at_ms // bucket_ms, 0).astype(np.int64)
        self.bucket_ms = bucket_ms
        self.size = int(bucket.max()) + 1 if len(bucket) else 0
        failed = is_failed(rows)
        pay = pays[rows["route"]]
        self.count = self._counted(bucket)
        self.failed = self._counted(bucket[failed])
        self.payments = self._counted(bucket[pay])
        self.paid = self._counted(bucket[pay & ~failed])
        measured = is_timed(rows)
        self._sort_times(bucket[measured], response_ms(rows[measured]))

    def values(self, name: str) -> Values:
        """The number of that name in each bucket; NaN where there was nothing to measure."""
        if name == "error_pct":
            return _percent(self.failed, self.count)
        if name == "payment_success":
            return _percent(self.paid, self.payments)
        if name == "avg_wait_s":
            return self._means_ms() / 1000
        return self._quantiles_ms(QUANTILES[name])

    def is_broken(self, slo: Slo) -> Flags:
        """In which buckets the limit was not kept."""
        values = self.values(slo.name)
        broken: Flags = values > slo.limit if slo.direction == "at_most" else values < slo.limit
        return broken

    def to_json(self) -> dict[str, Any]:
        """The course as columns; what nobody measured is null."""
        p95 = self.values("p95_ms").tolist()
        return {
            "bucket_s": self.bucket_ms / 1000,
            "count": self.count.tolist(),
            "failed": self.failed.tolist(),
            "p95_ms": [None if math.isnan(value) else round(value, 3) for value in p95],
        }

    def _counted(self, bucket: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.bincount(bucket, minlength=self.size)

    def _sort_times(self, bucket: npt.NDArray[np.int64], times: Values) -> None:
        self._times = times[np.lexsort((times, bucket))]
        self._timed = self._counted(bucket)
        self._starts = np.concatenate(([0], np.cumsum(self._timed)))[: self.size]

    def _means_ms(self) -> Values:
        ends = np.concatenate(([0.0], np.cumsum(self._times)))
        sums = ends[self._starts + self._timed] - ends[self._starts]
        return _divided(sums, self._timed)

    def _quantiles_ms(self, q: float) -> Values:
        count = self._timed
        rank = np.clip(np.ceil(q * count - 1e-9 * count), 1, np.maximum(count, 1)).astype(np.int64)
        found = np.full(self.size, np.nan)
        has = count > 0
        found[has] = self._times[(self._starts + rank - 1)[has]]
        return found


def build_timeline(
    rows: Outcomes, at_ms: Values, routes: Sequence[Route], length_ms: float
) -> Timeline:
    """The timeline of a run of `length_ms` of recorded time, in at most `MOST_BUCKETS`."""
    # Whole seconds: what is read back of when requests were due is off by a hair at high speeds.
    bucket_ms = max(LEAST_BUCKET_MS, math.ceil(length_ms / MOST_BUCKETS / 1000 - 0.001) * 1000.0)
    pays = np.array([is_payment(route) for route in routes], dtype=bool)
    return Timeline(rows, at_ms, bucket_ms, pays)


def find_breach(
    timeline: Timeline, slos: Sequence[Slo], from_ms: float, until_ms: float | None
) -> Breach | None:
    """The first limit that is broken from `from_ms` on; None when all were kept.

    until_ms: when what caused it was over; a bit later still counts, None is the run's end.
    Of several limits in one bucket the first of `slos` is named.
    """
    first = int(max(0.0, from_ms) // timeline.bucket_ms)
    last = timeline.size
    if until_ms is not None:
        last = min(last, math.ceil((until_ms + LINGER_MS) / timeline.bucket_ms))
    found: Breach | None = None
    for slo in slos:
        broken = np.flatnonzero(timeline.is_broken(slo)[first:last])
        if not len(broken):
            continue
        at_ms = (first + int(broken[0]) + 1) * timeline.bucket_ms
        if found is None or at_ms < found.at_ms:
            found = Breach(slo.name, at_ms)
    return found


def find_recovery_ms(
    timeline: Timeline, slos: Sequence[Slo], over_ms: float, clean: int = CLEAN_BUCKETS
) -> float | None:
    """How long after `over_ms` the first of `clean` buckets in a row begins that keep every limit.

    None when that never came. Buckets in which no limit could be measured are passed over.
    """
    first = math.ceil(max(0.0, over_ms) / timeline.bucket_ms - 1e-9)
    broken = np.zeros(timeline.size, dtype=bool)
    known = np.zeros(timeline.size, dtype=bool)
    for slo in slos:
        broken |= timeline.is_broken(slo)
        known |= ~np.isnan(timeline.values(slo.name))
    kept = 0
    began = first
    for bucket in range(first, timeline.size):
        if broken[bucket]:
            kept = 0
        elif known[bucket]:
            began = bucket if kept == 0 else began
            kept += 1
            if kept == clean:
                return max(0.0, began * timeline.bucket_ms - over_ms)
    return None


def _percent(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Values:
    return _divided(100.0 * part, whole)


def _divided(part: npt.NDArray[Any], whole: npt.NDArray[np.int64]) -> Values:
    found = np.full(len(whole), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
