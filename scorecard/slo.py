"""Was each objective kept? A measured number against its limit, and how much room is left.

Floor 2, pure. An objective whose number nobody measured is not kept: silence is no proof.
Read next: `card.py`, which measures the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

Direction = Literal["at_most", "at_least"]


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective: the measured number must be at most, or at least, the limit."""

    name: str
    limit: float
    direction: Direction


class SloResult(TypedDict):
    """One line of the scorecard's `slo`. `why` is None when the objective was kept."""

    name: str
    limit: float
    actual: float | None
    ok: bool
    budget_left: float | None
    why: str | None


@dataclass(frozen=True, slots=True)
class _Number:
    direction: Direction
    best: float
    """The value that uses none of the budget."""
    unmeasured: str
    """What it means when the number is missing."""


_NO_ANSWER: Final = "no request was answered, so no time was measured"
_TIME: Final = _Number("at_most", 0.0, _NO_ANSWER)

_LEDGER: Final = _Number("at_most", 0.0, "no ledger of payments was kept for the run")

_NUMBERS: Final[Mapping[str, _Number]] = {
    "p50_ms": _TIME,
    "p90_ms": _TIME,
    "p95_ms": _TIME,
    "p99_ms": _TIME,
    "p999_ms": _TIME,
    "max_ms": _TIME,
    "avg_wait_s": _TIME,
    "error_pct": _Number("at_most", 0.0, "no request was sent"),
    "double_charges": _LEDGER,
    "lost_payments": _LEDGER,
    "ghost_charges": _LEDGER,
    "payment_success": _Number(
        "at_least", 100.0, "no payment was sent (POST to a payments route of ach)"
    ),
}

SLO_NAMES: Final[tuple[str, ...]] = tuple(_NUMBERS)


def slo_named(name: str, limit: float) -> Slo:
    """The objective of that name. Raises ValueError that lists the names there are."""
    number = _NUMBERS.get(name)
    if number is None:
        raise ValueError(f"{name!r} is not an objective; there are {', '.join(SLO_NAMES)}")
    return Slo(name, float(limit), number.direction)


def judge(slos: Sequence[Slo], actuals: Mapping[str, float | None]) -> list[SloResult]:
    """Every objective against what was measured, in the order given.

    actuals: numbers by objective name; a missing one and None both mean nobody measured it.
    """
    return [_judge_one(slo, actuals.get(slo.name)) for slo in slos]


def _judge_one(slo: Slo, actual: float | None) -> SloResult:
    ok = actual is not None and _is_kept(slo, actual)
    return {
        "name": slo.name,
        "limit": slo.limit,
        "actual": actual,
        "ok": ok,
        "budget_left": None if actual is None else budget_left(slo, actual),
        "why": None if ok else _why(slo, actual),
    }


def _is_kept(slo: Slo, actual: float) -> bool:
    return actual <= slo.limit if slo.direction == "at_most" else actual >= slo.limit


def budget_left(slo: Slo, actual: float) -> float | None:
    """The share of the budget that is left: 1 untouched, 0 used up, negative overspent.

    None when the limit leaves no budget to speak of (an error_pct of 0).
    """
    best = _NUMBERS[slo.name].best
    budget = abs(slo.limit - best)
    if budget == 0 or not math.isfinite(budget):
        return None
    return round(1 - abs(actual - best) / budget, 4)


def _why(slo: Slo, actual: float | None) -> str:
    if actual is None:
        return f"{slo.name} was not measured: {_NUMBERS[slo.name].unmeasured}"
    word = "at most" if slo.direction == "at_most" else "at least"
    return f"{slo.name} was {_plain(actual)} where {word} {_plain(slo.limit)} was wanted"


def _plain(number: float) -> str:
    """`1,234.5`, never `1.2345e+03`."""
    return f"{number:,.3f}".rstrip("0").rstrip(".")
