"""The numbers of a run and its verdict, from outcomes alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from replay.fleet import WorkerUsage
from replay.outcome import Outcomes

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]

USAGE = [WorkerUsage(cpu_s=0.5, rss_mb=40.0)]


def test_a_run_that_kept_its_objectives_passes(prepare_log: Prepare, rows_of: RowsOf) -> None:
    prep = prepare_log(slo=("p95_ms=100", "error_pct=1"))
    judge = Judge(prep, "RUN-1")
    judge.fold(rows_of(prep))
    card, certificate = judge.conclude("done", 3.0, USAGE, ())
    assert (card["verdict"], card["reason"]) == ("pass", None)
    assert card["requests"]["sent"] == card["requests"]["planned"] == 4
    assert card["injector"] == {"workers": 1, "cpu_s": 0.5, "rss_mb": 40.0}
    assert certificate.faithful
    assert certificate.lost_workers == 0


def test_a_missed_objective_fails_and_says_which(prepare_log: Prepare, rows_of: RowsOf) -> None:
    prep = prepare_log(slo=("error_pct=1",))
    judge = Judge(prep, "RUN-1")
    judge.fold(rows_of(prep, status=500))
    card, _ = judge.conclude("done", 3.0, USAGE, ())
    assert card["verdict"] == "fail"
    assert "error_pct" in (card["reason"] or "")


def test_late_requests_make_a_run_void_whatever_else(prepare_log: Prepare, rows_of: RowsOf) -> None:
    prep = prepare_log(slo=("error_pct=1",))
    judge = Judge(prep, "RUN-1")
    rows = rows_of(prep, late=1, status=500)
    rows["sent_ns"] += 500_000_000
    rows["done_ns"] += 500_000_000
    judge.fold(rows)
    card, _ = judge.conclude("done", 3.0, USAGE, ())
    assert card["verdict"] == "void"
    assert "late" in (card["reason"] or "")


def test_a_worker_that_was_lost_makes_a_run_void(prepare_log: Prepare, rows_of: RowsOf) -> None:
    prep = prepare_log()
    judge = Judge(prep, "RUN-1")
    judge.fold(rows_of(prep)[:2])
    card, certificate = judge.conclude("done", 3.0, [WorkerUsage()], (0,))
    assert card["verdict"] == "void"
    assert certificate.lost_workers == 1
    assert card["injector"]["cpu_s"] is None, "what one worker did not say is unknown"


def test_a_run_that_was_stopped_before_it_sent_has_no_verdict(prepare_log: Prepare) -> None:
    card, certificate = Judge(prepare_log(), "RUN-1").conclude("aborted", 0.0, [], ())
    assert card["verdict"] is None
    assert "before anything was sent" in (card["reason"] or "")
    assert certificate.stopped


@pytest.mark.parametrize(
    ("speed", "elapsed_s", "trace_s"),
    [("1x", 1.0, 1.0), ("2x", 1.0, 2.0), ("2x", 60.0, None), ("max", 5.0, 0.0)],
)
def test_recorded_time_goes_with_the_speed_and_never_past_the_plan(
    prepare_log: Prepare, speed: str, elapsed_s: float, trace_s: float | None
) -> None:
    prep = prepare_log(speed=speed)
    card = Judge(prep, "RUN-1").card("running", elapsed_s)
    end_s = prep.plan.trace_ns / 1e9
    assert card["trace_time_s"] == pytest.approx(end_s if trace_s is None else trace_s, abs=1e-3)
    assert (card["state"], card["verdict"]) == ("running", None)


def test_skipped_counts_what_the_trace_lost_and_what_was_not_planned(
    prepare_log: Prepare,
) -> None:
    card = Judge(prepare_log(target="ach"), "RUN-1").card("ready", 0.0)
    assert card["requests"]["planned"] == 1
    assert card["requests"]["skipped"] == 3


def test_what_breaks_beneath_a_run_makes_it_void_and_nobody_missed_anything(
    prepare_log: Prepare, rows_of: RowsOf
) -> None:
    prep = prepare_log(slo=("error_pct=1",))
    judge = Judge(prep, "RUN-1")
    judge.fold(rows_of(prep, status=500)[:2])
    why = "the stub gateway of the run was killed by signal 9"
    card, certificate = judge.conclude("failed", 3.0, USAGE, (), broken=why)
    assert (card["state"], card["verdict"], card["reason"]) == ("failed", "void", why)
    assert certificate.stopped
    assert certificate.reason == why
