"""scorecard.json: everything that a run measured, in one object whose keys and order are a promise.

`snapshot` is a plain function from what was tallied to that object, used live once a second and
once more at the end. A number nobody measured is None, never 0. docs/scorecard.md explains every
field. Floor 2, pure. Read next: `tally.py`, `slo.py`, `certificate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict

from replay.account import Account, account_to_json
from scorecard.certificate import Verdict, milliseconds, percent
from scorecard.histogram import Histogram
from scorecard.payments import PaymentsTruth
from scorecard.slo import Slo, SloResult, judge
from scorecard.tally import Tally

SCHEMA: Final = "esr.scorecard/1"

State = Literal["ready", "starting", "running", "paused", "done", "failed", "aborted"]


class Requests(TypedDict):
    planned: int
    sent: int
    ok: int
    failed: int
    late: int | None
    skipped: int
    held: int


class Times(TypedDict):
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None


class LagTimes(TypedDict):
    p50: float | None
    p99: float | None
    max: float | None


class RouteLine(TypedDict):
    route: str
    count: int
    error_pct: float
    p50: float | None
    p95: float | None
    p99: float | None
    rps: float | None


class Injector(TypedDict):
    workers: int
    cpu_s: float | None
    rss_mb: float | None


class Production(TypedDict):
    connections: int
    refused: int


class Scorecard(TypedDict):
    """The object of scorecard.json."""

    schema: str
    run_id: str
    scenario: str
    env: str
    state: State
    verdict: Verdict | None
    speed: str
    users: int
    avg_wait: float | None
    error_pct: float | None
    latency_p95_ms: float | None
    payment_success: float | None
    compliance_hits: int | None
    esq_rule_violations: list[str]
    trainee_accuracy: float | None
    notes: str
    elapsed_s: float
    trace_time_s: float
    requests: Requests
    service_ms: Times
    response_ms: Times
    lag_ms: LagTimes
    routes: list[RouteLine]
    slo: list[SloResult]
    injector: Injector
    reason: str | None
    failures: dict[str, int]
    statuses: dict[str, int]
    trace: dict[str, Any]
    production: Production | None
    double_charges: int | None
    lost_payments: int | None
    ghost_charges: int | None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known before the first request leaves and does not change.

    speed: as a person writes it, "2x" or "max".   skipped: requests of the trace not planned.
    trace: the trace's account, from `trace_of`.
    """

    run_id: str
    scenario: str
    speed: str
    planned: int
    skipped: int = 0
    workers: int = 1
    slos: tuple[Slo, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """What changes from one scorecard to the next.

    verdict and reason: None until the run is over.   cpu_s, rss_mb: None until measured.
    production: what the interlock counted.   payments: what the ledger of the stubs and the
    callers' beliefs come to; None where no ledger was kept.
    """

    state: State
    elapsed_s: float
    trace_time_s: float
    verdict: Verdict | None = None
    reason: str | None = None
    cpu_s: float | None = None
    rss_mb: float | None = None
    production: Production | None = None
    payments: PaymentsTruth | None = None


def snapshot(facts: RunFacts, tally: Tally, moment: Moment) -> Scorecard:
    """The scorecard of this moment."""
    numbers = measured(tally, moment.payments)
    truth = moment.payments or PaymentsTruth()
    return {
        "schema": SCHEMA,
        "run_id": facts.run_id,
        "scenario": facts.scenario,
        "env": "sandbox",
        "state": moment.state,
        "verdict": moment.verdict,
        "speed": facts.speed,
        "users": tally.users,
        "avg_wait": numbers["avg_wait_s"],
        "error_pct": numbers["error_pct"],
        "latency_p95_ms": numbers["p95_ms"],
        "payment_success": numbers["payment_success"],
        "compliance_hits": None,
        "esq_rule_violations": [],
        "trainee_accuracy": None,
        "notes": describe(facts, tally, moment),
        "elapsed_s": round(moment.elapsed_s, 3),
        "trace_time_s": round(moment.trace_time_s, 3),
        "requests": _requests(facts, tally),
        "service_ms": _times_ms(tally.service),
        "response_ms": _times_ms(tally.response),
        "lag_ms": _lag_ms(tally.lag),
        "routes": _routes(tally, moment.elapsed_s),
        "slo": judge(facts.slos, numbers),
        "injector": {
            "workers": facts.workers,
            "cpu_s": _rounded(moment.cpu_s, 3),
            "rss_mb": _rounded(moment.rss_mb, 1),
        },
        "reason": moment.reason,
        "failures": dict(sorted(tally.failures.items())),
        "statuses": {str(code): tally.statuses[code] for code in sorted(tally.statuses)},
        "trace": dict(facts.trace),
        "production": moment.production,
        "double_charges": truth.double_charges,
        "lost_payments": truth.lost_payments,
        "ghost_charges": truth.ghost_charges,
    }


def measured(tally: Tally, truth: PaymentsTruth | None = None) -> dict[str, float | None]:
    """What objectives are judged by: the names are those of `slo.SLO_NAMES`.

    truth: where a ledger was kept, it says which payments succeeded; else their answers do.
    """
    known = truth or PaymentsTruth()
    times = _times_ms(tally.times)
    mean_ns = tally.times.mean
    payments, paid = tally.payments
    return {
        "p50_ms": times["p50"],
        "p90_ms": times["p90"],
        "p95_ms": times["p95"],
        "p99_ms": times["p99"],
        "p999_ms": times["p999"],
        "max_ms": times["max"],
        "avg_wait_s": None if mean_ns is None else round(mean_ns / 1e9, 6),
        "error_pct": _rounded(percent(tally.failed, tally.sent), 4),
        "payment_success": _rounded(
            percent(paid, payments) if truth is None else truth.payment_success, 4
        ),
        "double_charges": known.double_charges,
        "lost_payments": known.lost_payments,
        "ghost_charges": known.ghost_charges,
    }


def trace_of(account: Account) -> dict[str, Any]:
    """The account of the trace as the scorecard carries it: without the examples."""
    return {key: value for key, value in account_to_json(account).items() if key != "examples"}


def describe(facts: RunFacts, tally: Tally, moment: Moment) -> str:
    """The scorecard in a sentence or two."""
    if moment.verdict == "pass":
        return _describe_pass(facts, tally)
    if moment.verdict is not None:
        return f"{_VERDICT_NOTES[moment.verdict]} {moment.reason or 'no reason was given'}."
    if moment.state == "failed":
        return f"The run failed: {moment.reason or 'no reason was given'}."
    if moment.state == "aborted":
        return f"The run was aborted after {tally.sent:,} of {facts.planned:,} requests."
    return f"{_STATE_NOTES[moment.state]} {tally.sent:,} of {facts.planned:,} requests so far."


def _describe_pass(facts: RunFacts, tally: Tally) -> str:
    kept = "every objective was kept" if facts.slos else "no objective was set"
    note = f"The replay was faithful and {kept}."
    if tally.failed:
        note += f" {tally.failed:,} of {tally.sent:,} requests failed."
    return note


_VERDICT_NOTES: Final[Mapping[Verdict, str]] = {
    "fail": "The replay was faithful, but not every objective was kept:",
    "void": "The replay was not faithful, so its numbers mean nothing:",
}

_STATE_NOTES: Final[Mapping[str, str]] = {
    "ready": "Ready.",
    "starting": "Starting.",
    "running": "Running.",
    "paused": "Paused.",
    "done": "Done.",
}


def _requests(facts: RunFacts, tally: Tally) -> Requests:
    return {
        "planned": facts.planned,
        "sent": tally.sent,
        "ok": tally.ok,
        "failed": tally.failed,
        "late": tally.late if tally.pace == "open" else None,
        "skipped": facts.skipped,
        "held": tally.held,
    }


def _times_ms(histogram: Histogram) -> Times:
    return {
        "p50": milliseconds(histogram.quantile(0.50)),
        "p90": milliseconds(histogram.quantile(0.90)),
        "p95": milliseconds(histogram.quantile(0.95)),
        "p99": milliseconds(histogram.quantile(0.99)),
        "p999": milliseconds(histogram.quantile(0.999)),
        "max": milliseconds(histogram.max),
    }


def _lag_ms(histogram: Histogram) -> LagTimes:
    return {
        "p50": milliseconds(histogram.quantile(0.50)),
        "p99": milliseconds(histogram.quantile(0.99)),
        "max": milliseconds(histogram.max),
    }


def _routes(tally: Tally, elapsed_s: float) -> list[RouteLine]:
    """One line for each route that was asked, busiest first."""
    asked = [number for number, count in enumerate(tally.route_sent.tolist()) if count]
    asked.sort(key=lambda number: (-int(tally.route_sent[number]), tally.routes[number].name))
    return [_route_line(tally, number, elapsed_s) for number in asked]


def _route_line(tally: Tally, number: int, elapsed_s: float) -> RouteLine:
    count = int(tally.route_sent[number])
    failed = count - int(tally.route_ok[number])
    p50, p95, p99 = tally.route_times.quantiles(number, (0.5, 0.95, 0.99))
    return {
        "route": tally.routes[number].name,
        "count": count,
        "error_pct": round(100 * failed / count, 4),
        "p50": milliseconds(p50),
        "p95": milliseconds(p95),
        "p99": milliseconds(p99),
        "rps": round(count / elapsed_s, 3) if elapsed_s > 0 else None,
    }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
