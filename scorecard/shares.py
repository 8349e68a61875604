"""Whose doing a missed objective is: its bad requests, divided among the faults.

A bad request is one that counts against the objective: it failed, or took longer than the limit.
It is shared in equal parts among the faults that touched it (for times also those that held it).
What was just as bad without the faults is put down to none of them, and the rest is unexplained;
all shares of one objective add up to 1. Floor 2, pure. Read next: `blame.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from replay.tape import Route
from scorecard.blame import Ledger
from scorecard.measures import QUANTILES, Flags, Values
from scorecard.slo import Slo
from scorecard.tally import is_payment


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a miss. requests: those in it, also when they are shared with others."""

    requests: int
    share: float


@dataclass(frozen=True, slots=True)
class Miss:
    """One missed objective. actual, baseline: the number of this run, and of that without faults.

    requests: how many counted against it.   by_fault: in the order of the timetable.
    anyway: just as bad without the faults.
    """

    name: str
    limit: float
    actual: float | None
    baseline: float | None
    requests: int
    by_fault: Mapping[str, Share]
    anyway: Share
    unexplained: Share

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def share_miss(
    ledger: Ledger,
    routes: Sequence[Route],
    slo: Slo,
    actual: float | None,
    baseline: float | None = None,
) -> Miss | None:
    """The parts of one missed objective; None for one that is not about single requests."""
    weight = _weights(ledger, routes, slo)
    if weight is None:
        return None
    total = float(weight.sum())
    influence = ledger.touched if slo.name in _ABOUT_FAILURES else ledger.touched | ledger.held
    anyway = (weight > 0) & _was_bad_anyway(ledger, slo)
    caused = (weight > 0) & ~anyway
    sharers = influence.sum(axis=0)

    def part(flags: Flags, divided: Values) -> Share:
        share = float(divided[flags].sum()) / total if total else 0.0
        return Share(int(np.count_nonzero(flags)), round(share, 6))

    each = np.divide(weight, np.maximum(sharers, 1))
    return Miss(
        name=slo.name,
        limit=slo.limit,
        actual=actual,
        baseline=baseline,
        requests=int(np.count_nonzero(weight)),
        by_fault={
            fault.id: part(caused & influence[place], each)
            for place, fault in enumerate(ledger.faults)
        },
        anyway=part(anyway, weight),
        unexplained=part(caused & (sharers == 0), weight),
    )


_ABOUT_FAILURES: Final = frozenset(
    {"error_pct", "payment_success", "double_charges", "ghost_charges"}
)
"""What a fault does to these it does by a touch; who is held is only late."""


def _weights(ledger: Ledger, routes: Sequence[Route], slo: Slo) -> Values | None:
    """How much each request counts against the objective; 0 for those that do not."""
    if slo.name == "error_pct":
        return ledger.failed.astype(np.float64)
    if slo.name == "payment_success":
        pays = np.array([is_payment(route) for route in routes], dtype=bool)
        failed = ledger.failed & pays[ledger.rows["route"]]
        return np.asarray(failed | (ledger.charged > 1), dtype=np.float64)
    if slo.name == "double_charges":
        return np.maximum(ledger.charged - 1, 0).astype(np.float64)
    if slo.name == "ghost_charges":
        return np.asarray(ledger.failed & (ledger.charged > 0), dtype=np.float64)
    if slo.name == "avg_wait_s":
        return _added(ledger)
    if slo.name in QUANTILES:
        return np.asarray(ledger.timed & (ledger.response_ms > slo.limit), dtype=np.float64)
    return None


def _added(ledger: Ledger) -> Values:
    """What each adds to the mean: the time more than without faults, or else its whole time."""
    usual = np.nan_to_num(ledger.base.response_ms) if ledger.base else 0.0
    return np.where(ledger.timed, np.maximum(ledger.response_ms - usual, 0.0), 0.0)


def _was_bad_anyway(ledger: Ledger, slo: Slo) -> Flags:
    if ledger.base is None or slo.name not in {"error_pct", "payment_success", *QUANTILES}:
        return np.zeros(len(ledger.index), dtype=bool)
    if slo.name in _ABOUT_FAILURES:
        return ledger.base.failed
    return np.nan_to_num(ledger.base.response_ms) > slo.limit
