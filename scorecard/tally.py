"""The running count of a run: folds outcome rows in, a second's worth at a time.

Floor 2, pure: it knows no clock and keeps nothing that grows with the number of requests.
Read next: `card.py` (the scorecard made of it), `certificate.py` (the other half).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from replay.outcome import FAILURE_NAMES, Failure, Outcomes
from replay.tape import Route
from scorecard.drift import Drift
from scorecard.histogram import Histogram, HistogramBank
from scorecard.order import OrderWatch

Pace = Literal["open", "max"]
"""Whether requests have a due time (`open`), or follow one another as fast as answers allow."""

FIRST_ERROR_STATUS = 400
PAYMENT_SERVICE: Final = "ach"

LATE_NS: Final = 10_000_000
LATE_SHARE: Final = 0.01
"""What left within 10 ms of the plan's end, or 1 % of its length, kept up with it."""


@dataclass(frozen=True, slots=True)
class Lap:
    """What happened since the previous lap. `rate` is requests per second."""

    sent: int
    users: int
    rate: float | None


class Tally:
    """Everything the scorecard and the certificate are made of.

    routes: the tape's routes, which rows point into.   lanes: how many lanes the plan has.
    plan_end_ns: when the plan's last request is due; no matter with pace `max`.
    Requests that never left are counted apart and are in no other number; requests cancelled in
    flight count as failed, but how long they would have taken was not measured.
    """

    def __init__(
        self, routes: Sequence[Route], lanes: int, pace: Pace, plan_end_ns: int = 0
    ) -> None:
        self.routes = tuple(routes)
        self.pace = pace
        self.sent = 0
        self.ok = 0
        self.late = 0
        self.held = 0
        self.never_sent = 0
        self.bytes = 0
        self.users = 0
        self.statuses: dict[int, int] = {}
        self.failures: dict[str, int] = {}
        self.service = Histogram()
        self.response = Histogram()
        self.lag = Histogram()
        self.lateness = Histogram()
        """How long after it could have left each request did leave: the injector's own delay."""
        self.drift = Drift()
        self.order = OrderWatch(lanes)
        self.plan_end_ns = plan_end_ns
        self.could_leave = 0
        """How many requests could leave before the plan was over."""
        self.did_leave = 0
        """How many of those did, give or take what counts as late."""
        self.route_sent = np.zeros(len(self.routes), dtype=np.int64)
        self.route_ok = np.zeros(len(self.routes), dtype=np.int64)
        self.route_times = HistogramBank(len(self.routes))
        self._is_payment = np.array([is_payment(route) for route in self.routes], dtype=bool)
        self._lap_of_lane = np.zeros(lanes, dtype=np.int32)
        self._row_of_lane = np.zeros(lanes, dtype=np.int32)
        self._lap = 1
        self._lap_sent = 0
        self._lap_users = 0
        self._lap_began_s = 0.0

    def fold(self, rows: Outcomes) -> None:
        """Add outcomes. A lane's rows come in the order they were done."""
        is_sent = rows["sent_ns"] >= 0
        if not is_sent.all():
            self.never_sent += len(rows) - int(np.count_nonzero(is_sent))
            rows = rows[is_sent]
        if not len(rows):
            return
        self.sent += len(rows)
        self._lap_sent += len(rows)
        self.bytes += int(rows["bytes"].sum(dtype=np.int64))
        self.held += int(np.count_nonzero(rows["held"]))
        self._fold_answers(rows)
        self._fold_users(rows)
        self._fold_times(rows)
        self._fold_replay(rows)

    @property
    def failed(self) -> int:
        return self.sent - self.ok

    @property
    def times(self) -> Histogram:
        """What a user would have felt: response times; service times when nothing was due."""
        return self.response if self.pace == "open" else self.service

    @property
    def payments(self) -> tuple[int, int]:
        """How many payments were sent, and how many of them succeeded."""
        chosen = self._is_payment
        return int(self.route_sent[chosen].sum()), int(self.route_ok[chosen].sum())

    def lap(self, elapsed_s: float) -> Lap:
        """What happened since the previous lap, and begin the next. Ask once a second."""
        wall_s = elapsed_s - self._lap_began_s
        rate = self._lap_sent / wall_s if wall_s > 0 else None
        lap = Lap(self._lap_sent, self._lap_users, rate)
        self._lap += 1
        self._lap_sent = self._lap_users = 0
        self._lap_began_s = elapsed_s
        return lap

    def _fold_answers(self, rows: Outcomes) -> None:
        status, failure, route = rows["status"], rows["failure"], rows["route"]
        is_ok = (status > 0) & (status < FIRST_ERROR_STATUS) & (failure == Failure.NONE)
        self.ok += int(np.count_nonzero(is_ok))
        size = len(self.routes)
        self.route_sent += np.bincount(route, minlength=size)
        self.route_ok += np.bincount(route[is_ok], minlength=size)
        for code, count in _counted(status[failure == Failure.NONE]):
            self.statuses[code] = self.statuses.get(code, 0) + count
        for code, count in _counted(failure):
            if code != Failure.NONE:
                name = FAILURE_NAMES[code]
                self.failures[name] = self.failures.get(name, 0) + count

    def _fold_users(self, rows: Outcomes) -> None:
        """Count lanes that sent for the first time, ever and in this lap, without sorting."""
        lane = rows["lane"]
        position = np.arange(len(lane), dtype=np.int32)
        # Of a lane's several rows the last write stays, so exactly one row finds itself there.
        self._row_of_lane[lane] = position
        lanes = lane[self._row_of_lane[lane] == position]
        seen = self._lap_of_lane[lanes]
        self.users += len(lanes) - int(np.count_nonzero(seen))
        self._lap_users += int(np.count_nonzero(seen != self._lap))
        self._lap_of_lane[lanes] = self._lap

    def _fold_times(self, rows: Outcomes) -> None:
        is_measured = rows["failure"] != Failure.CANCELLED
        if not is_measured.all():
            rows = rows[is_measured]
        done_ns = rows["done_ns"]
        times = service = done_ns - rows["sent_ns"]
        self.service.add(service)
        if self.pace == "open":
            times = done_ns - rows["due_ns"]
            self.response.add(times)
        self.route_times.add(rows["route"], times)

    def _fold_replay(self, rows: Outcomes) -> None:
        """What says whether the replay kept to its plan."""
        sent_ns = rows["sent_ns"]
        self.order.fold(rows["lane"], rows["index"], sent_ns, rows["done_ns"])
        if self.pace == "max":
            return
        ready_ns = rows["ready_ns"]
        lateness = sent_ns - ready_ns
        self.late += int(np.count_nonzero(rows["late"]))
        self.lag.add(sent_ns - rows["due_ns"])
        self.lateness.add(lateness)
        self.drift.fold(sent_ns, lateness)
        grace_ns = max(LATE_NS, LATE_SHARE * self.plan_end_ns)
        could_leave = ready_ns <= self.plan_end_ns
        self.could_leave += int(np.count_nonzero(could_leave))
        did_leave = could_leave & (sent_ns <= self.plan_end_ns + grace_ns)
        self.did_leave += int(np.count_nonzero(did_leave))


def is_payment(route: Route) -> bool:
    """Whether requests of `route` pay: POST to a payments resource of `ach` or an `ach-…`.

    Taking a payment back is none.
    """
    segments = route.template.lower().split("/")
    if segments[-1] == "reversal":
        return False
    is_about_payments = any(segment in ("payment", "payments") for segment in segments)
    is_rail = route.service.partition("-")[0] == PAYMENT_SERVICE
    return is_rail and route.method == "POST" and is_about_payments


def _counted(codes: Outcomes) -> list[tuple[int, int]]:
    """Each code that occurs, and how often."""
    counts = np.bincount(codes)
    return [(int(code), int(counts[code])) for code in np.flatnonzero(counts)]
