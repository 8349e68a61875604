"""What ends a run that has become too bad, judged while its rows come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replay.outcome import OUTCOME, Outcomes
from scorecard.halt import KEPT_STEPS, LEAST, HaltWatch
from scorecard.slo import slo_named

ERRORS = slo_named("error_pct", 80)


def a_minute(status: int, count: int = 60, wait_ms: float = 10) -> Outcomes:
    rows = np.zeros(count, OUTCOME)
    rows["status"] = status
    rows["done_ns"] = round(wait_ms * 1e6)
    return rows


def at(start_s: float, count: int = 60, length_s: float = 60) -> Any:
    return (start_s + np.arange(count) * length_s / count) * 1000


def test_a_run_goes_on_while_it_is_well() -> None:
    watch = HaltWatch([ERRORS], 30_000)
    assert watch.fold(a_minute(200), at(0)) is None


def test_a_run_ends_when_a_whole_window_is_bad() -> None:
    watch = HaltWatch([ERRORS], 30_000)
    assert watch.fold(a_minute(200), at(0)) is None
    assert watch.fold(a_minute(503, 20), at(60, 20, 20)) is None
    reason = watch.fold(a_minute(503, 20), at(80, 20, 20))
    assert reason == (
        "error_pct was 83.33 in the 30 s of recorded time before 85 s, and halt_when allows 80"
    )
    assert watch.fold(a_minute(200), at(200)) == reason


def test_rows_that_come_late_are_judged_where_they_were_due() -> None:
    watch = HaltWatch([ERRORS], 30_000)
    assert watch.fold(a_minute(200, 1), at(60, 1)) is None
    assert watch.fold(a_minute(503, 30), at(0, 30, 30)) is not None


def test_a_window_that_is_not_over_is_not_judged() -> None:
    watch = HaltWatch([ERRORS], 30_000)
    assert watch.fold(a_minute(503, 29), at(0, 29, 29)) is None


def test_a_handful_of_requests_proves_nothing() -> None:
    watch = HaltWatch([ERRORS], 30_000)
    few = LEAST - 1
    assert watch.fold(a_minute(503, few), at(0, few, 20)) is None
    assert watch.fold(a_minute(200, 1), at(120, 1)) is None
    assert watch.fold(a_minute(503, 1), at(5, 1)) is not None


@pytest.mark.parametrize(
    ("name", "limit"), [("p95_ms", 500), ("max_ms", 500), ("avg_wait_s", 0.5), ("p50_ms", 999)]
)
def test_times_are_watched_too(name: str, limit: float) -> None:
    watch = HaltWatch([slo_named(name, limit)], 30_000)
    assert watch.fold(a_minute(200, wait_ms=100), at(0)) is None
    assert str(watch.fold(a_minute(200, wait_ms=1000), at(60))).startswith(name)


def test_memory_does_not_grow_with_the_run() -> None:
    watch = HaltWatch([ERRORS], 6_000)
    for minute in range(200):
        assert watch.fold(a_minute(200), at(60 * minute)) is None
    assert len(watch._steps) <= 2 * KEPT_STEPS


def test_a_second_of_a_fast_run_may_span_many_windows() -> None:
    rows = a_minute(200, 6_000)
    rows["status"][1_000:1_100] = 503
    watch = HaltWatch([ERRORS], 30_000)
    reason = watch.fold(rows, at(0, 6_000, 6_000))
    assert str(reason).startswith("error_pct was 83.33 in the 30 s of recorded time before 1,025 s")


def test_rows_may_come_in_any_order_within_a_second() -> None:
    rows, at_ms = a_minute(200, 600), at(0, 600, 600)
    rows["status"][300:400] = 503
    order = np.random.default_rng(7).permutation(600)
    shuffled = HaltWatch([ERRORS], 30_000).fold(rows[order], at_ms[order])
    assert shuffled == HaltWatch([ERRORS], 30_000).fold(rows, at_ms)
    assert shuffled is not None


def test_rows_older_than_anybody_remembers_are_passed_over() -> None:
    watch = HaltWatch([ERRORS], 6_000)
    assert watch.fold(a_minute(200), at(6_000)) is None
    assert watch.fold(a_minute(503), at(0)) is None


def test_requests_that_never_left_are_no_failures() -> None:
    rows = a_minute(0)
    rows["sent_ns"] = -1
    watch = HaltWatch([ERRORS], 30_000)
    assert watch.fold(rows, at(0)) is None
    assert watch.fold(np.empty(0, OUTCOME), np.empty(0)) is None


@pytest.mark.parametrize(
    ("limits", "window_ms", "words"),
    [
        ([slo_named("payment_success", 99)], 30_000, "payment_success cannot be watched"),
        ([ERRORS], 0, "longer than nothing"),
    ],
)
def test_what_cannot_be_watched_is_a_mistake(limits: Any, window_ms: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HaltWatch(limits, window_ms)
