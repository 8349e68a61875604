"""What a recorder saw, held against what the log says. Pure.

The plan is not asked: a request should arrive at t0 + its own stamp / speed, and the log's maker
knows every stamp and every user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How arrivals kept to the log; times in milliseconds, arrival minus planned.

    drift_ms: mean of the last hundredth minus mean of the first.
    reordered: requests of a user that arrived before an earlier one of the same user.
    """

    expected: int
    missing: int
    repeated: int
    reordered: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    drift_ms: float


def judge_arrivals(
    numbers: Sequence[int],
    arrivals_ns: Sequence[int],
    stamps_ns: Sequence[int],
    users: int,
    t0_ns: int,
    speed: float,
) -> Arrivals:
    """numbers, arrivals_ns: what was seen, in order of arrival.   stamps_ns: the log's.

    Request n belongs to user n % users. Numbers that the log does not have are ignored.
    """
    number = np.asarray(numbers, dtype=np.int64)
    arrival = np.asarray(arrivals_ns, dtype=np.int64)
    known = (number >= 0) & (number < len(stamps_ns))
    number, arrival = number[known], arrival[known]
    unique, first = np.unique(number, return_index=True)
    due = t0_ns + np.asarray(stamps_ns, dtype=np.int64)[unique] / speed
    late_ms = (arrival[first] - due) / 1e6
    edge = max(1, len(unique) // 100)
    p50, p99, most = np.quantile(late_ms, [0.5, 0.99, 1.0]) if len(unique) else [np.nan] * 3
    return Arrivals(
        expected=len(stamps_ns),
        missing=len(stamps_ns) - len(unique),
        repeated=len(number) - len(unique),
        reordered=_count_reordered(unique, arrival[first], users),
        p50_ms=float(p50),
        p99_ms=float(p99),
        max_ms=float(most),
        drift_ms=float(late_ms[-edge:].mean() - late_ms[:edge].mean()) if len(unique) else np.nan,
    )


def _count_reordered(
    number: npt.NDArray[np.int64], arrival: npt.NDArray[np.int64], users: int
) -> int:
    by_user = np.lexsort((number, number % users))
    same_user = np.diff(number[by_user] % users) == 0
    return int((same_user & (np.diff(arrival[by_user]) < 0)).sum())
