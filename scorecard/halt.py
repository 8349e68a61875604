"""Watches a run while it goes, and says when it has become bad enough to end it.

A drill may not do more harm than it has to teach: over the last stretch of recorded time, each
limit of `halt_when` is compared with what was measured. Memory does not grow with the run.
Floor 2, pure; fed with rows as they come. Read next: `course.py`, the same after the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.outcome import Outcomes
from scorecard.histogram import Histogram
from scorecard.measures import QUANTILES, is_failed, is_timed
from scorecard.slo import Slo

HALT_NAMES: Final = ("error_pct", "avg_wait_s", *QUANTILES)
"""The numbers that can be watched while a run goes."""

STEPS: Final = 6
"""The window moves on by a sixth of its length."""

KEPT_STEPS: Final = 64
"""Answers that come later than so many steps are not looked at any more."""

LEAST: Final = 10
"""Fewer requests in a window prove nothing."""


@dataclass(slots=True)
class _Step:
    """What was measured in one step of recorded time."""

    sent: int = 0
    failed: int = 0
    times: Histogram = field(default_factory=Histogram)

    def add(self, rows: Outcomes) -> None:
        self.sent += len(rows)
        self.failed += int(np.count_nonzero(is_failed(rows)))
        self.times.add((rows["done_ns"] - rows["due_ns"])[is_timed(rows)])


class HaltWatch:
    """The limits past which a run is ended, over a window that moves with recorded time.

    limits: of `HALT_NAMES`, at most.   window_ms: how long a limit must be broken on the whole.
    Raises ValueError for others.
    """

    def __init__(self, limits: Sequence[Slo], window_ms: float) -> None:
        wrong = [limit.name for limit in limits if limit.name not in HALT_NAMES]
        if wrong:
            raise ValueError(f"{wrong[0]} cannot be watched; there are {', '.join(HALT_NAMES)}")
        if not window_ms > 0:
            raise ValueError("a window of recorded time is longer than nothing")
        self.limits = tuple(limits)
        self.window_ms = window_ms
        self.reason: str | None = None
        """Why the run should end; None while it may go on."""
        self._step_ms = window_ms / STEPS
        self._steps: dict[int, _Step] = {}
        self._newest = -1

    def fold(self, rows: Outcomes, at_ms: npt.NDArray[Any]) -> str | None:
        """Add outcomes, each with the recorded time it was due at; the reason to end, or None."""
        is_sent = rows["sent_ns"] >= 0
        rows, at_ms = rows[is_sent], np.asarray(at_ms)[is_sent]
        if self.reason is not None or not len(rows) or not self.limits:
            return self.reason
        number = np.maximum(at_ms // self._step_ms, 0).astype(np.int64)
        order = np.argsort(number, kind="stable")
        steps, starts = np.unique(number[order], return_index=True)
        parts = np.split(rows[order], starts[1:])
        # What was too old before this fold is; a second's worth of rows may span many steps.
        oldest = self._newest - KEPT_STEPS
        for step, part in zip(steps.tolist(), parts, strict=True):
            if step > oldest and self.reason is None:
                self.reason = self._add(step, part)
        return self.reason

    def _add(self, step: int, rows: Outcomes) -> str | None:
        """Add one step's rows, and judge the windows that they complete or change."""
        if step > self._newest:
            first, last = self._newest, min(step, self._newest + STEPS) - 1
            self._newest = step
            self._forget()
        else:
            first, last = step, min(step + STEPS, self._newest) - 1
        self._steps.setdefault(step, _Step()).add(rows)
        for end in range(max(first, STEPS - 1), last + 1):
            reason = self._judge(end)
            if reason is not None:
                return reason
        return None

    def _forget(self) -> None:
        oldest = self._newest - KEPT_STEPS - STEPS
        for step in [step for step in self._steps if step < oldest]:
            del self._steps[step]

    def _judge(self, end: int) -> str | None:
        """Why the window that ends with that step is too bad, or None."""
        numbers = range(end - STEPS + 1, end + 1)
        window = [self._steps[step] for step in numbers if step in self._steps]
        if sum(step.sent for step in window) < LEAST:
            return None
        for limit in self.limits:
            actual = _number(window, limit.name)
            if actual is not None and actual > limit.limit:
                return self._describe(limit, actual, end)
        return None

    def _describe(self, limit: Slo, actual: float, end: int) -> str:
        until_s = (end + 1) * self._step_ms / 1000
        return (
            f"{limit.name} was {actual:,.4g} in the {self.window_ms / 1000:g} s of recorded time "
            f"before {until_s:,.0f} s, and halt_when allows {limit.limit:,g}"
        )


def _number(window: Sequence[_Step], name: str) -> float | None:
    """The number of that name over several steps, in its own unit."""
    if name == "error_pct":
        return 100 * sum(step.failed for step in window) / sum(step.sent for step in window)
    times = Histogram()
    for step in window:
        times.merge(step.times)
    if name == "avg_wait_s":
        return None if times.mean is None else times.mean / 1e9
    quantile = times.quantile(QUANTILES[name])
    return None if quantile is None else quantile / 1e6
