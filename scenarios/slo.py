"""Service-level objectives as a scenario or `--slo` writes them: a name and a limit.

Floor 2, pure. Measuring them is the scorecard's work; here they are only read and checked.
Read next: `spec.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

Direction = Literal["at_most", "at_least"]


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective: the measured number must be at most, or at least, the limit."""

    name: str
    limit: float
    direction: Direction

    def __str__(self) -> str:
        return f"{self.name} {'<=' if self.direction == 'at_most' else '>='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class SloKey:
    """What one name in `slo` means: its unit, which way it goes, and the limits of the limit."""

    meaning: str
    unit: str
    example: str
    direction: Direction = "at_most"
    greatest: float = 31_622_400_000.0  # a year, in milliseconds


_MS: Final = "milliseconds"

_MAY_BE_NONE: Final = ("percent", "payments")

SLO_KEYS: Final[Mapping[str, SloKey]] = {
    "p50_ms": SloKey("half of the response times are at most this", _MS, "200"),
    "p90_ms": SloKey("90 % of the response times are at most this", _MS, "500"),
    "p95_ms": SloKey("95 % of the response times are at most this", _MS, "800"),
    "p99_ms": SloKey("99 % of the response times are at most this", _MS, "2000"),
    "p999_ms": SloKey("99.9 % of the response times are at most this", _MS, "5000"),
    "max_ms": SloKey("every response time is at most this", _MS, "10000"),
    "avg_wait_s": SloKey("the mean response time is at most this", "seconds", "0.5"),
    "error_pct": SloKey("at most this share of requests fails", "percent", "1", greatest=100),
    "double_charges": SloKey("at most so many payments were charged twice", "payments", "0"),
    "lost_payments": SloKey("at most so many were believed made and are not", "payments", "0"),
    "ghost_charges": SloKey("at most so many were charged and believed failed", "payments", "0"),
    "payment_success": SloKey(
        "at least this share of payments succeeds", "percent", "99.5", "at_least", 100
    ),
}


def build_slo(name: str, limit: object) -> Slo:
    """The objective of one name and limit. Raises ValueError that says what would be right."""
    key = SLO_KEYS.get(name)
    if key is None:
        raise ValueError(unknown_slo(name))
    hint = f"write a number of {key.unit}, such as {name}: {key.example}"
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise ValueError(f"is not a number; {hint}")
    if not 0 <= limit <= key.greatest:  # also refuses NaN
        raise ValueError(f"is outside 0 to {key.greatest:,.0f}; {hint}")
    if limit == 0 and key.unit not in _MAY_BE_NONE:
        raise ValueError(f"is 0, which nothing can keep; {hint}")
    return Slo(name, float(limit), key.direction)


def unknown_slo(name: str) -> str:
    """What to say of a name that is no objective: the nearest one, or all of them."""
    near = get_close_matches(name.lower(), SLO_KEYS, 1, 0.5)
    meant = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(SLO_KEYS)}"
    return f"is not an objective that is measured; {meant}"


def parse_slos(text: str) -> tuple[Slo, ...]:
    """The objectives of a command line's `p95_ms=800,error_pct=1`.

    Raises ValueError naming every wrong part at once.
    """
    slos: dict[str, Slo] = {}
    wrong: list[str] = []
    for part in text[:10_000].split(","):
        name, equals, limit = (piece.strip() for piece in part.partition("="))
        shown = "".join(char if char.isprintable() else "?" for char in (name or part)[:40])
        try:
            if not equals:
                raise ValueError("has no limit; write it as p95_ms=800")
            if name in slos:
                raise ValueError("is given twice; keep one of them")
            slos[name] = build_slo(name, _number(limit))
        except ValueError as error:
            wrong.append(f"`{shown}` {error}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(slos.values())


def merge_slos(base: Sequence[Slo], over: Sequence[Slo]) -> tuple[Slo, ...]:
    """All of both; where both name one objective, the one in `over` counts."""
    return tuple({slo.name: slo for slo in (*base, *over)}.values())


def _number(text: str) -> object:
    try:
        return float(text) if text.isascii() and len(text) <= 40 else text
    except ValueError:
        return text
