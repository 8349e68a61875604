"""What became of each request, as fixed-width rows.

A worker never builds an object for an outcome: it writes integers into preallocated columns
and hands them over once a second. The parent completes them with what the plan knows (due time,
lane, route) into `OUTCOME` rows, which is what the scorecard folds and what lands on disk.
Read next: `worker.py` (who writes them), `scorecard/store.py` (who keeps them).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt


class Failure(IntEnum):
    """Why a request has no status. Every request ends in exactly one status or one failure."""

    NONE = 0
    REFUSED = 1
    """No connection could be made: the target refused it or could not be reached."""
    RESET = 2
    """The connection ended before the whole answer had come."""
    TIMEOUT = 3
    """No connection, or no whole answer, within the time allowed."""
    PROTOCOL = 4
    """The answer was not HTTP/1.1 as it should be, or larger than the limits allow."""
    CANCELLED = 5
    """The run was stopped while the request was in flight, or before it could be sent."""


FAILURE_NAMES: tuple[str, ...] = tuple(failure.name.lower() for failure in Failure)

NEVER_SENT = -1
"""`sent_ns` of a request that never left."""

OUTCOME = np.dtype(
    [
        ("due_ns", "<i8"),  # wall nanoseconds from the run's start
        ("ready_ns", "<i8"),  # max(due, end of the same user's previous answer)
        ("sent_ns", "<i8"),  # NEVER_SENT when it never left
        ("done_ns", "<i8"),  # when its status or its failure was known
        ("index", "<u4"),  # position in the plan, which is also the request id
        ("lane", "<u4"),  # whose turn: one user, real or cloned; requests of a lane never overtake
        ("bytes", "<u4"),  # body bytes of the answer, capped at 2**32 - 1
        ("route", "<u2"),  # index into the tape's routes
        ("status", "<u2"),  # HTTP status, 0 when there was a failure
        ("failure", "u1"),  # a Failure
        ("held", "u1"),  # 1 when it had to wait for its own user's previous answer
        ("late", "u1"),  # 1 when the injector itself sent it too late
        ("retries", "u1"),  # attempts after the first; the outcome is that of the last
    ]
)

Outcomes = npt.NDArray[Any]
"""A one-dimensional array of dtype `OUTCOME`."""
