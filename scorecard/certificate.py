"""Was the replay itself faithful? If it was not, the run's other numbers mean nothing.

A slow target must never be mistaken for a slow injector, so everything here counts from when a
request *could* leave: its due time or, later, its own user's previous answer. Floor 2, pure.
Read next: `tally.py` (where the figures come from), `slo.py` (the other half of a verdict).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from scorecard.histogram import Histogram
from scorecard.slo import SloResult
from scorecard.tally import Pace, Tally

SCHEMA: Final = "esr.certificate/1"

Verdict = Literal["pass", "fail", "void"]

MAX_LATE_PCT: Final = 1.0
"""Above this share of late requests a run is void."""

MIN_KEPT_PCT: Final = 95.0
"""Below this share of the planned rate a run is void."""

BUSY: Final = 0.8
"""Workers that use this much of their cores are the bottleneck themselves."""

IDLE: Final = 0.5
"""Workers that use less than this much wait for something else."""

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Course:
    """What was meant to happen, and how the run ended.

    speed: as a person writes it, "60x".
    stopped: a person ended the run early, so that requests are missing for a good reason.
    lost_workers: how many of the workers ended before their work was done.
    cpu_s: what the workers used while sending; None when it was not measured.
    broken: what broke beneath the run and ended it, in one sentence; None when nothing did.
    """

    planned: int
    elapsed_s: float
    speed: str
    stopped: bool = False
    workers: int = 1
    lost_workers: int = 0
    cpu_s: float | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A few milliseconds that say how a delay was spread; None when there was none to measure."""

    p50: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """certificate.json. `faithful` is False exactly when the run is void, and `reason` says why."""

    pace: Pace
    faithful: bool
    reason: str | None
    planned: int
    sent: int
    stopped: bool
    late: int | None
    late_pct: float | None
    lag_ms: Spread
    lateness_ms: Spread
    drift_ms_per_minute: float | None
    planned_per_s: float | None
    kept_per_s: float | None
    kept_pct: float | None
    held: int
    held_pct: float | None
    order_violations: int
    lost_workers: int
    busy_pct: float | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of certificate.json, its `schema` first."""
        return {"schema": SCHEMA, **asdict(self), "notes": list(self.notes)}


def certify(tally: Tally, course: Course) -> Certificate:
    """Judge how the replay went from what was tallied."""
    is_open = tally.pace == "open"
    late_pct = percent(tally.late, tally.sent) if is_open else None
    planned_per_s = _planned_per_s(tally, course) if is_open else None
    kept_pct = _kept_pct(tally, course) if is_open else None
    kept_per_s = None
    if planned_per_s is not None and kept_pct is not None:
        kept_per_s = planned_per_s * kept_pct / 100
    busy = _busy(course)
    reason = _why_void(tally, course, late_pct, kept_pct, busy)
    return Certificate(
        pace=tally.pace,
        faithful=reason is None,
        reason=reason,
        planned=course.planned,
        sent=tally.sent,
        stopped=course.stopped,
        late=tally.late if is_open else None,
        late_pct=_rounded(late_pct),
        lag_ms=spread_ms(tally.lag),
        lateness_ms=spread_ms(tally.lateness),
        drift_ms_per_minute=_rounded(tally.drift.ms_per_minute) if is_open else None,
        planned_per_s=_rounded(planned_per_s),
        kept_per_s=_rounded(kept_per_s),
        kept_pct=_rounded(kept_pct),
        held=tally.held,
        held_pct=_rounded(percent(tally.held, tally.sent)),
        order_violations=tally.order.violations,
        lost_workers=course.lost_workers,
        busy_pct=None if busy is None else round(100 * busy, 1),
        notes=_notes(tally, course),
    )


def verdict(certificate: Certificate, slos: Sequence[SloResult]) -> tuple[Verdict, str | None]:
    """The run's verdict and why: void beats fail, fail beats pass; a pass needs no reason."""
    if not certificate.faithful:
        return "void", certificate.reason
    missed = [slo["why"] or slo["name"] for slo in slos if not slo["ok"]]
    if missed:
        return "fail", "; ".join(missed)
    return "pass", None


def spread_ms(histogram: Histogram) -> Spread:
    return Spread(
        p50=milliseconds(histogram.quantile(0.5)),
        p99=milliseconds(histogram.quantile(0.99)),
        max=milliseconds(histogram.max),
    )


def milliseconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / 1e6, 3)


def percent(part: float, whole: float) -> float | None:
    """None when there is no whole to have a share of."""
    return 100 * part / whole if whole else None


def _planned_per_s(tally: Tally, course: Course) -> float | None:
    if tally.plan_end_ns <= 0:
        return None
    return course.planned / (tally.plan_end_ns / _NS_PER_S)


def _kept_pct(tally: Tally, course: Course) -> float | None:
    """Of the requests that could leave before the plan was over, the share that did.

    What a user's own slow answers held past the plan's end is the target's doing and left out;
    what never left at all counts against the injector. A run that was stopped has no such share:
    nobody knows what it would have kept.
    """
    if course.stopped:
        return None
    missing = max(0, course.planned - tally.sent)
    return percent(tally.did_leave, tally.could_leave + missing)


def _busy(course: Course) -> float | None:
    """How much of their cores the workers used, 0..1."""
    if course.cpu_s is None or course.elapsed_s <= 0 or course.workers < 1:
        return None
    return min(1.0, course.cpu_s / (course.elapsed_s * course.workers))


def _why_void(
    tally: Tally,
    course: Course,
    late_pct: float | None,
    kept_pct: float | None,
    busy: float | None,
) -> str | None:
    """The first thing that makes the run void, in one sentence a person can act on."""
    missing = course.planned - tally.sent
    if course.broken is not None:
        return course.broken
    if not tally.sent:
        return "nothing was sent, so nothing was measured: let the run last longer"
    if tally.order.violations:
        return (
            f"{tally.order.violations:,} requests overtook an earlier one of their own user, which "
            "is a fault of the replay itself: please report it with this run folder"
        )
    if missing > 0 and not course.stopped and course.lost_workers:
        return (
            f"{missing:,} of {course.planned:,} planned requests were never sent because "
            f"{course.lost_workers} of {course.workers} workers ended early: "
            "see worker-*.log in the run folder, then run again"
        )
    if late_pct is not None and late_pct > MAX_LATE_PCT:
        return (
            f"{_pct(late_pct)} of the requests were sent late (at most 1 % may be; the slowest by "
            f"{_duration(tally.lateness.max)}): {_remedy(busy)}"
        )
    if missing > 0 and not course.stopped:
        return (
            f"{missing:,} of {course.planned:,} planned requests were never sent: {_remedy(busy)}"
        )
    if kept_pct is not None and kept_pct < MIN_KEPT_PCT:
        return f"only {_pct(kept_pct)} of the planned rate was kept: {_remedy(busy)}"
    return None


def _remedy(busy: float | None) -> str:
    if busy is not None and busy >= BUSY:
        return (
            f"the workers were busy {100 * busy:.0f} % of the time, so add --workers, "
            "lower --speed, or free the CPU"
        )
    if busy is not None and busy < IDLE:
        return (
            f"the workers were busy only {100 * busy:.0f} % of the time, so raise --connections, "
            "lower --speed, or free the CPU that others use"
        )
    return "lower --speed, add --workers, raise --connections, or free the CPU"


def _notes(tally: Tally, course: Course) -> tuple[str, ...]:
    """What a reader should know although it makes nothing void."""
    notes = []
    if tally.pace == "max":
        notes.append(
            "--speed max has no plan to be faithful to: each request left as soon as a connection "
            "and its user were free, so lag and response time do not exist"
        )
    elif tally.held:
        share = percent(tally.held, tally.sent) or 0.0
        why = f"at {course.speed} gaps shrink but answers do not"
        if course.speed == "1x":
            why = "answers took longer than the recorded gaps"
        notes.append(
            f"{_pct(share)} of requests waited for their own user's previous answer: {why}"
        )
    if course.stopped:
        notes.append(
            f"the run was stopped after {tally.sent:,} of {course.planned:,} planned requests; "
            "the numbers are about those"
        )
    return tuple(notes)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _pct(share: float) -> str:
    """`12 %`, `1.2 %`, `0.03 %`; what is just under 100 is not shown as 100."""
    if share >= 10:
        return f"{min(share, 99.9) if share < 100 else share:.3g} %"
    return f"{share:.2g} %"


def _duration(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "an unknown time"
    if nanoseconds >= _NS_PER_S:
        return f"{nanoseconds / _NS_PER_S:,.1f} s"
    return f"{nanoseconds / 1e6:,.0f} ms"
