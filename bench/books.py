"""What the parent of a run does with a worker's rows, once a second, and what it reads out.

Rows are completed, folded into the scorecard's tally (histograms, order, lag, drift) and spooled
to a file, as in a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from replay.complete import complete_rows
from replay.plan import Column, Plan, PlanPart
from replay.tape import Route
from scorecard.histogram import Histogram
from scorecard.tally import Tally

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts and lag of a run as the worker's rows tell them.

    overtaken: requests that left before the same user's previous answer was in, or out of turn.
    """

    planned: int
    answered: int
    failed: int
    held: int
    late: int
    overtaken: int
    wall_s: float
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float


class Books:
    """Takes a worker's rows as they come. Set `t0_ns` before the first of them."""

    def __init__(
        self,
        plan: Plan,
        part: PlanPart,
        routes: Sequence[Route],
        route_of_row: Column,
        spool: IO[bytes],
        *,
        is_paced: bool,
    ) -> None:
        self.t0_ns = 0
        self._plan = plan
        self._part = part
        self._route_of_row = route_of_row
        self._is_paced = is_paced
        self._spool = spool
        self._tally = Tally(routes, len(plan.lanes.name), "open" if is_paced else "max")
        self._last_done_ns = 0

    def take(self, payload: bytes) -> None:
        gap_ns = self._plan.lanes.gap_ns
        rows = complete_rows(
            payload, self._part, self._route_of_row, gap_ns, self.t0_ns, self._is_paced
        )
        self._tally.fold(rows)
        self._spool.write(rows.data)
        self._last_done_ns = max(self._last_done_ns, int(rows["done_ns"].max()))

    def close(self) -> Seen:
        tally = self._tally
        lags = [_ms(tally.lag, q) for q in (0.5, 0.99, 1.0)]
        return Seen(
            planned=len(self._plan),
            answered=tally.ok,
            failed=tally.failed + tally.never_sent,
            held=tally.held,
            late=tally.late,
            overtaken=tally.order.violations,
            wall_s=self._last_done_ns / 1e9,
            lag_p50_ms=lags[0],
            lag_p99_ms=lags[1],
            lag_max_ms=lags[2],
        )


def _ms(histogram: Histogram, q: float) -> float:
    found = histogram.quantile(q)
    return NAN if found is None else found / 1e6
