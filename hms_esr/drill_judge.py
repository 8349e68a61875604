"""Did the drill's hypothesis hold, was each breach noticed in time, was it over in time? Pure.

Read next: `drill_run.py`, which asks; `scorecard/course.py`, which measured when.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from scenarios.drill import Drill
from scenarios.drill_parts import Hypothesis
from scenarios.slo import Slo as Limit
from scorecard.blame import FaultSpan
from scorecard.course import Timeline, find_breach, find_recovery_ms
from scorecard.slo import Slo

Card = Mapping[str, Any]

_COUNTS: Final = ("double_charges", "lost_payments", "ghost_charges")


@dataclass(frozen=True, slots=True)
class Check:
    """One limit of the hypothesis against what was measured. `why` is None when it was kept."""

    name: str
    route: str | None
    limit: float
    actual: float | None
    ok: bool
    why: str | None


@dataclass(frozen=True, slots=True)
class Noticed:
    """An expected detection. after_s: of recorded time since the fault began; None is never."""

    slo: str
    fault: str
    within_s: float
    after_s: float | None
    ok: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a fault did to the limits over time, in recorded seconds.

    detected_after_s: from its beginning to the first breach of `by`; None when there was none.
    recovered_after_s: from its end until every limit was kept again; None when never, or when
    there was nothing to recover from.   ok: None where nothing was expected.
    """

    fault: str
    by: str | None
    detected_after_s: float | None
    recovered_after_s: float | None
    within_s: float | None
    ok: bool | None


def check_hypothesis(hypothesis: Hypothesis, card: Card) -> tuple[Check, ...]:
    """Every limit against the scorecard, in the order of the file."""
    numbers = numbers_of(card)
    plain = [_check(limit, None, numbers.get(limit.name)) for limit in hypothesis.limits]
    routes = [
        _check(each.limit, each.route, route_number(card, each.route, each.limit.name))
        for each in hypothesis.routes
    ]
    return (*plain, *routes)


def _check(limit: Limit, route: str | None, actual: float | None) -> Check:
    ok = actual is not None and _is_kept(limit, actual)
    why = None if ok else _why(limit, route, actual)
    return Check(limit.name, route, limit.limit, actual, ok, why)


def _is_kept(limit: Limit, actual: float) -> bool:
    return actual <= limit.limit if limit.direction == "at_most" else actual >= limit.limit


def _why(limit: Limit, route: str | None, actual: float | None) -> str:
    name = f"{limit.name} of {route}" if route else limit.name
    if actual is None:
        return f"{name} was not measured"
    word = "at most" if limit.direction == "at_most" else "at least"
    return f"{name} was {_plain(actual)} where {word} {_plain(limit.limit)} was to hold"


def numbers_of(card: Card) -> dict[str, float | None]:
    """The scorecard's numbers by the names of limits; what it does not have was not measured."""
    is_open = card["response_ms"]["p50"] is not None
    times = card["response_ms" if is_open else "service_ms"]
    numbers: dict[str, float | None] = {f"{name}_ms": value for name, value in times.items()}
    numbers["avg_wait_s"] = card["avg_wait"]
    numbers["error_pct"] = card["error_pct"]
    numbers["payment_success"] = card["payment_success"]
    return numbers | {name: card.get(name) for name in _COUNTS}


def route_number(card: Card, route: str, name: str) -> float | None:
    """A number of all routes that are meant: the mean share of errors, the slowest time."""
    lines = [line for line in card["routes"] if is_meant(route, str(line["route"]))]
    if name == "error_pct":
        count = sum(line["count"] for line in lines)
        failed = sum(line["count"] * line["error_pct"] for line in lines)
        return round(failed / count, 4) if count else None
    times = [line[name.removesuffix("_ms")] for line in lines]
    known = [time for time in times if time is not None]
    return max(known) if known else None


def is_meant(wanted: str, route: str) -> bool:
    """`ach POST /payments` means `ach-payments POST /payments` too, and any word in braces."""
    service, _, path = wanted.partition(" ")
    asked, _, template = route.partition(" ")
    is_service = asked == service or asked.startswith(f"{service}-")
    return is_service and _shape(path) == _shape(template)


def _shape(template: str) -> str:
    parts = template.split("/")
    return "/".join("{}" if part.startswith("{") else part for part in parts)


def watch_detections(
    drill: Drill, timeline: Timeline, spans: Sequence[FaultSpan], idle: Container[str] = ()
) -> tuple[Noticed, ...]:
    """Each expected detection against the course of the run.

    idle: ids of faults that touched nobody, so that no breach is theirs.
    """
    limits = {limit.name: limit for limit in (*drill.hypothesis.limits, *drill.slo)}
    by_id = {span.id: span for span in spans if span.id not in idle}
    found = []
    for each in drill.detections:
        span, limit = by_id.get(each.fault), to_slo(limits[each.slo])
        after_s = None if span is None else _detected(timeline, [limit], span)[1]
        within_s = each.within_ms / 1000
        ok = after_s is not None and after_s <= within_s
        found.append(Noticed(each.slo, each.fault, within_s, after_s, ok))
    return tuple(found)


def watch_recoveries(
    drill: Drill, timeline: Timeline, spans: Sequence[FaultSpan], idle: Container[str] = ()
) -> tuple[Recovery, ...]:
    """When each fault was first noticed, and how soon after its end all limits were kept again.

    idle: ids of faults that touched nobody, so that there was nothing to notice.
    """
    limits = [to_slo(limit) for limit in drill.course_limits]
    within_s = None if drill.recover_within_ms is None else drill.recover_within_ms / 1000
    return tuple(
        _recovery(timeline, () if span.id in idle else limits, span, within_s) for span in spans
    )


def _recovery(
    timeline: Timeline, limits: Sequence[Slo], span: FaultSpan, within_s: float | None
) -> Recovery:
    by, detected_s = _detected(timeline, limits, span)
    recovered_s = None
    if detected_s is not None and span.end_ms is not None:
        recovered_ms = find_recovery_ms(timeline, limits, span.end_ms)
        recovered_s = None if recovered_ms is None else round(recovered_ms / 1000, 3)
    ok = None
    if within_s is not None:
        ok = detected_s is None or (recovered_s is not None and recovered_s <= within_s)
    return Recovery(span.id, by, detected_s, recovered_s, within_s, ok)


def _detected(
    timeline: Timeline, limits: Sequence[Slo], span: FaultSpan
) -> tuple[str | None, float | None]:
    breach = find_breach(timeline, limits, span.start_ms, span.end_ms)
    if breach is None:
        return None, None
    return breach.name, round((breach.at_ms - span.start_ms) / 1000, 3)


def to_slo(limit: Limit) -> Slo:
    """A limit as a file has it, in the scorecard's words."""
    return Slo(limit.name, limit.limit, limit.direction)


def reasons_against(
    after: Sequence[Check],
    noticed: Sequence[Noticed],
    recoveries: Sequence[Recovery],
    halted: str | None,
) -> list[str]:
    """Why the drill did not pass, a sentence each; none when it did."""
    reasons = [] if halted is None else [f"it was ended early: {halted}"]
    reasons += [check.why for check in after if check.why is not None]
    reasons += [_why_unnoticed(each) for each in noticed if not each.ok]
    reasons += [_why_unrecovered(each) for each in recoveries if each.ok is False]
    return reasons


def _why_unnoticed(each: Noticed) -> str:
    when = "never" if each.after_s is None else f"{_plain(each.after_s)} s after it began"
    return f"{each.fault} showed in {each.slo} {when}, expected within {_plain(each.within_s)} s"


def _why_unrecovered(each: Recovery) -> str:
    if each.recovered_after_s is None:
        return f"after {each.fault} the limits were never kept again for certain"
    took, within_s = _plain(each.recovered_after_s), _plain(each.within_s or 0.0)
    return f"{each.fault} took {took} s to recover from, expected within {within_s} s"


def to_json(
    values: Sequence[Check] | Sequence[Noticed] | Sequence[Recovery],
) -> list[dict[str, Any]]:
    """One object each."""
    return [asdict(value) for value in values]


def _plain(number: float) -> str:
    """`1,234.5`, never `1.2345e+03`."""
    return f"{number:,.3f}".rstrip("0").rstrip(".")
