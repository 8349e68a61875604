"""What is read off outcomes one by one: did it fail, how long did it take, did it wait.

Floor 2, pure, shared by what looks at requests and not only at their sums.
Read next: `course.py`, `blame.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from replay.outcome import Failure, Outcomes
from scorecard.tally import FIRST_ERROR_STATUS

QUANTILES: Final[Mapping[str, float]] = {
    "p50_ms": 0.5,
    "p90_ms": 0.9,
    "p95_ms": 0.95,
    "p99_ms": 0.99,
    "p999_ms": 0.999,
    "max_ms": 1.0,
}
"""Which share of the response times the objective of that name is about."""

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def is_failed(rows: Outcomes) -> Flags:
    """Which outcomes count as failed: an error status, or no status at all."""
    status = rows["status"]
    good = (status > 0) & (status < FIRST_ERROR_STATUS) & (rows["failure"] == Failure.NONE)
    return np.asarray(~good)


def is_timed(rows: Outcomes) -> Flags:
    """Whose times were measured: nobody knows how long what was cancelled would have taken."""
    return np.asarray(rows["failure"] != Failure.CANCELLED)


def response_ms(rows: Outcomes) -> Values:
    """From when each was due to when its fate was known, in wall milliseconds."""
    return np.asarray((rows["done_ns"] - rows["due_ns"]) / 1e6, dtype=np.float64)


def service_ms(rows: Outcomes) -> Values:
    """From when each was first sent to when its fate was known, in wall milliseconds."""
    return np.asarray((rows["done_ns"] - rows["sent_ns"]) / 1e6, dtype=np.float64)


def wait_ms(rows: Outcomes) -> Values:
    """How long each had to wait for its own user's previous answer, in wall milliseconds."""
    waited = (rows["ready_ns"] - rows["due_ns"]) / 1e6
    return np.asarray(np.where(rows["held"] == 1, waited, 0.0), dtype=np.float64)
