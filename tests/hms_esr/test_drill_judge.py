"""Whether a hypothesis held, and whether breaches were noticed and over in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hms_esr.drill_judge import (
    Check,
    Noticed,
    Recovery,
    check_hypothesis,
    is_meant,
    numbers_of,
    reasons_against,
    route_number,
    watch_detections,
    watch_recoveries,
)
from replay.outcome import OUTCOME
from scenarios.drill import Drill, parse_drill
from scorecard.blame import FaultSpan
from scorecard.course import Timeline

CARD: dict[str, Any] = {
    "error_pct": 4.0,
    "avg_wait": 0.25,
    "payment_success": 90.0,
    "double_charges": 3,
    "response_ms": {"p50": 100.0, "p90": 200.0, "p95": 300.0, "p99": 400.0, "p999": 1.0, "max": 2},
    "service_ms": {"p50": 10.0, "p90": 20.0, "p95": 30.0, "p99": 40.0, "p999": 1.0, "max": 2},
    "routes": [
        {"route": "ach-eu POST /payments", "count": 10, "error_pct": 50.0, "p95": 80.0},
        {"route": "ach-us POST /payments", "count": 90, "error_pct": 10.0, "p95": 120.0},
        {"route": "act-x GET /applications/{id}", "count": 5, "error_pct": 0.0, "p95": None},
    ],
}  # fmt: skip


def a_drill(**changes: Any) -> Drill:
    mapping = {
        "id": "small",
        "scenario": "stimulus_2020",
        "hypothesis": {"error_pct": 10},
        "chaos": [{"id": "down", "kind": "down", "target": "ach", "at": "20s", "for": "20s"}],
        **changes,
    }
    return parse_drill(mapping, "drill.yml")


def a_course(marks: str) -> Timeline:
    """A request in the middle of each 10 s: `x` failed, `.` did not."""
    rows = np.zeros(len(marks), OUTCOME)
    rows["status"] = [503 if mark == "x" else 200 for mark in marks]
    rows["done_ns"] = 10_000_000
    at_ms = np.arange(len(marks), dtype=np.float64) * 10_000 + 5_000
    return Timeline(rows, at_ms, 10_000, np.array([False]))


SPAN = FaultSpan(0, "down", 20_000, 40_000, {})


def test_numbers_have_the_names_of_limits() -> None:
    numbers = numbers_of(CARD)
    assert (numbers["p95_ms"], numbers["avg_wait_s"], numbers["double_charges"]) == (300, 0.25, 3)
    assert numbers["lost_payments"] is None


def test_without_due_times_service_times_are_judged() -> None:
    no_response = dict.fromkeys(CARD["response_ms"])
    assert numbers_of({**CARD, "response_ms": no_response})["p95_ms"] == 30


@pytest.mark.parametrize(
    ("hypothesis", "actual", "why"),
    [
        ({"error_pct": 5}, 4.0, None),
        ({"error_pct": 3}, 4.0, "error_pct was 4 where at most 3 was to hold"),
        ({"payment_success": 90}, 90.0, None),
        ({"payment_success": 95}, 90.0, "payment_success was 90 where at least 95 was to hold"),
        ({"lost_payments": 0}, None, "lost_payments was not measured"),
        ({"routes": {"ach POST /payments": {"error_pct": 14}}}, 14.0, None),
        (
            {"routes": {"ach POST /payments": {"p95_ms": 100}}},
            120.0,
            "p95_ms of ach POST /payments was 120 where at most 100 was to hold",
        ),
        (
            {"routes": {"svc POST /login": {"error_pct": 1}}},
            None,
            "error_pct of svc POST /login was not measured",
        ),
    ],
)
def test_a_limit_against_the_scorecard(
    hypothesis: dict[str, Any], actual: float | None, why: str | None
) -> None:
    (check,) = check_hypothesis(a_drill(hypothesis=hypothesis).hypothesis, CARD)
    assert (check.actual, check.ok, check.why) == (actual, why is None, why)


@pytest.mark.parametrize(
    ("wanted", "route", "expected"),
    [
        ("ach POST /payments", "ach POST /payments", True),
        ("ach POST /payments", "ach-payments POST /payments", True),
        ("ach-us POST /payments", "ach-eu POST /payments", False),
        ("ach POST /payments", "achim POST /payments", False),
        ("ach POST /payments", "ach GET /payments", False),
        ("act GET /applications/{application}", "act-x GET /applications/{id}", True),
        ("act GET /applications/{application}", "act-x GET /applications/{id}/notes", False),
    ],
)
def test_which_routes_are_meant(wanted: str, route: str, expected: bool) -> None:
    assert is_meant(wanted, route) is expected


def test_a_route_that_took_no_measured_time_has_none() -> None:
    assert route_number(CARD, "act GET /applications/{id}", "p95_ms") is None


@pytest.mark.parametrize(
    ("marks", "within", "after_s", "ok"),
    [
        ("..xx....", "10s", 10, True),
        ("..xx....", "9s", 10, False),
        ("...x....", "30s", 20, True),
        ("........", "30s", None, False),
    ],
)
def test_a_detection_is_in_time_or_not(
    marks: str, within: str, after_s: float | None, ok: bool
) -> None:
    drill = a_drill(expect={"detections": [{"slo": "error_pct", "within": within}]})
    (noticed,) = watch_detections(drill, a_course(marks), [SPAN])
    assert (noticed.after_s, noticed.ok) == (after_s, ok)


def test_a_fault_that_was_never_played_is_never_noticed() -> None:
    drill = a_drill(expect={"detections": [{"slo": "error_pct", "within": "60s"}]})
    (noticed,) = watch_detections(drill, a_course("..xx"), [])
    assert noticed == Noticed("error_pct", "down", 60, None, False)


@pytest.mark.parametrize(
    ("marks", "detected_s", "recovered_s", "ok"),
    [
        ("..xx....", 10, 0, True),
        ("..xxxx....", 10, 20, True),
        ("..xxxxxxx....", 10, 50, False),
        ("..xxxxxxxx", 10, None, False),
        ("..........", None, None, True),
    ],
)
def test_a_recovery_is_in_time_or_not(
    marks: str, detected_s: float | None, recovered_s: float | None, ok: bool
) -> None:
    (found,) = watch_recoveries(a_drill(recover_within="30s"), a_course(marks), [SPAN])
    assert (found.detected_after_s, found.recovered_after_s, found.ok) == (
        detected_s, recovered_s, ok,
    )  # fmt: skip
    assert found.by == (None if detected_s is None else "error_pct")


def test_what_was_not_expected_is_told_and_not_judged() -> None:
    (found,) = watch_recoveries(a_drill(), a_course("..xx...."), [SPAN])
    assert (found.recovered_after_s, found.within_s, found.ok) == (0, None, None)


def test_a_fault_that_never_ends_is_never_recovered_from() -> None:
    endless = FaultSpan(0, "down", 20_000, None, {})
    (found,) = watch_recoveries(a_drill(recover_within="30s"), a_course("..xx...."), [endless])
    assert (found.detected_after_s, found.recovered_after_s, found.ok) == (10, None, False)


def test_every_reason_is_a_sentence() -> None:
    reasons = reasons_against(
        [Check("x", None, 1, 4, False, "error_pct was 4"), Check("x", None, 1, 0, True, None)],
        [Noticed("p95_ms", "slow", 60, None, False), Noticed("p95_ms", "slow", 60, 90.5, False)],
        [
            Recovery("slow", "p95_ms", 5, None, 30, False),
            Recovery("slow", "p95_ms", 5, 45, 30, False),
            Recovery("slow", None, None, None, None, None),
        ],
        "error_pct was 90",
    )  # fmt: skip
    assert reasons == [
        "it was ended early: error_pct was 90",
        "error_pct was 4",
        "slow showed in p95_ms never, expected within 60 s",
        "slow showed in p95_ms 90.5 s after it began, expected within 60 s",
        "after slow the limits were never kept again for certain",
        "slow took 45 s to recover from, expected within 30 s",
    ]
    assert reasons_against([], [], [], None) == []
