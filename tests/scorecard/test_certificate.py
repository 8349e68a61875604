from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from replay.outcome import Failure, Outcomes
from replay.tape import make_route
from scorecard.certificate import Certificate, Course, certify, verdict
from scorecard.slo import SloResult, judge, slo_named
from scorecard.tally import Tally

MakeRows = Callable[..., Outcomes]

S = 1_000_000_000
ROUTES = (make_route("svc", "GET", "/"),)


def fly(rows: Outcomes, *, pace: Any = "open", planned: int | None = None, **course: Any) -> Any:
    tally = Tally(ROUTES, 1_000, pace, plan_end_ns=int(rows["due_ns"].max(initial=0)))
    tally.fold(rows)
    wanted = Course(planned=len(rows) if planned is None else planned, elapsed_s=10.0, speed="60x")
    return certify(tally, replace(wanted, **course))


def on_time(count: int, every_ms: float = 10) -> list[dict[str, Any]]:
    return [{"due": i * every_ms, "sent": i * every_ms + 0.05} for i in range(count)]


def test_a_run_on_time_is_faithful(make_rows: MakeRows) -> None:
    certificate: Certificate = fly(make_rows(*on_time(1_000)))
    assert certificate.faithful
    assert certificate.reason is None
    assert (certificate.late, certificate.late_pct, certificate.kept_pct) == (0, 0.0, 100.0)
    assert certificate.planned_per_s == pytest.approx(100.1, rel=1e-3)
    assert certificate.lag_ms.p50 == pytest.approx(0.05, rel=0.01)
    assert certificate.drift_ms_per_minute == pytest.approx(0.0, abs=1e-6)
    assert certificate.notes == ()


@pytest.mark.parametrize(("late", "faithful"), [(10, True), (11, False)])
def test_more_than_one_percent_late_is_void(make_rows: MakeRows, late: int, faithful: bool) -> None:
    requests = on_time(1_000)
    for request in requests[100 : 100 + late]:
        request.update(sent=request["due"] + 250, late=1)
    certificate = fly(make_rows(*requests))
    assert certificate.faithful is faithful
    if not faithful:
        assert certificate.reason == (
            "1.1 % of the requests were sent late (at most 1 % may be; the slowest by 250 ms): "
            "lower --speed, add --workers, raise --connections, or free the CPU"
        )


def test_waiting_for_the_user_is_not_the_injectors_fault(make_rows: MakeRows) -> None:
    requests = on_time(100)
    for request in requests[-12:]:
        request.update(ready=request["due"] + 60_000, sent=request["due"] + 60_000.05, held=1)
    certificate = fly(make_rows(*requests))
    assert certificate.faithful
    assert certificate.held_pct == 12.0
    assert certificate.lag_ms.max == pytest.approx(60_000, rel=0.01)
    assert certificate.lateness_ms.max == pytest.approx(0.05)
    assert certificate.notes == (
        "12 % of requests waited for their own user's previous answer: "
        "at 60x gaps shrink but answers do not",
    )


def test_at_recorded_speed_the_note_names_the_answers(make_rows: MakeRows) -> None:
    certificate = fly(make_rows({}, {"held": 1}), speed="1x")
    assert certificate.notes == (
        "50 % of requests waited for their own user's previous answer: "
        "answers took longer than the recorded gaps",
    )


@pytest.mark.parametrize(
    ("course", "remedy"),
    [
        pytest.param({}, "lower --speed, add --workers", id="unknown"),
        pytest.param({"cpu_s": 9.7}, "busy 97 % of the time, so add --workers", id="busy"),
        pytest.param({"cpu_s": 1.0}, "busy only 10 % of the time, so raise --conn", id="idle"),
        pytest.param({"cpu_s": 6.5}, "lower --speed, add --workers", id="in between"),
        pytest.param(
            {"workers": 2, "lost_workers": 1}, "1 of 2 workers ended early: see", id="lost"
        ),
    ],
)
def test_requests_never_sent_make_it_void(
    make_rows: MakeRows, course: dict[str, Any], remedy: str
) -> None:
    certificate = fly(make_rows(*on_time(1_000)), planned=1_001, **course)
    assert not certificate.faithful
    assert certificate.reason is not None
    assert certificate.reason.startswith("1 of 1,001 planned requests were never sent")
    assert remedy in certificate.reason


def test_a_run_that_was_stopped_may_leave_requests_unsent(make_rows: MakeRows) -> None:
    certificate = fly(make_rows(*on_time(1_000)), planned=5_000, stopped=True)
    assert certificate.faithful
    assert certificate.kept_per_s is None
    assert certificate.notes == (
        "the run was stopped after 1,000 of 5,000 planned requests; the numbers are about those",
    )


def test_a_rate_that_was_not_kept_is_void_although_long_gaps_excuse_each_request(
    make_rows: MakeRows,
) -> None:
    requests = [{"due": i * 10.0, "sent": i * 12.0} for i in range(1_000)]
    certificate = fly(make_rows(*requests))
    assert certificate.late == 0
    assert certificate.kept_pct == pytest.approx(84.2, abs=0.2)
    assert certificate.kept_per_s == pytest.approx(84.3, abs=0.2)
    assert certificate.drift_ms_per_minute == pytest.approx(10_000, rel=0.01)
    assert certificate.reason == (
        "only 84.1 % of the planned rate was kept: "
        "lower --speed, add --workers, raise --connections, or free the CPU"
    )


def test_one_straggler_does_not_lower_the_rate_of_a_short_run(make_rows: MakeRows) -> None:
    requests = on_time(200, every_ms=1)
    requests[-1].update(sent=500, late=1)
    assert fly(make_rows(*requests)).faithful


def test_a_run_of_one_request_has_no_rate(make_rows: MakeRows) -> None:
    certificate = fly(make_rows({}))
    assert certificate.faithful
    assert certificate.planned_per_s is None
    assert certificate.kept_per_s is None


def test_overtaking_is_void(make_rows: MakeRows) -> None:
    certificate = fly(make_rows({"lane": 1, "done": 50}, {"lane": 1, "sent": 20, "index": 1}))
    assert certificate.order_violations == 1
    assert certificate.reason is not None
    assert "overtook an earlier one of their own user" in certificate.reason


def test_nothing_sent_is_void_even_when_stopped(make_rows: MakeRows) -> None:
    certificate = fly(make_rows(), planned=10, stopped=True)
    assert certificate.reason is not None
    assert certificate.reason.startswith("nothing was sent")
    assert certificate.late_pct is None
    assert certificate.lag_ms.p50 is None


class TestPaceMax:
    def test_there_is_no_plan_to_be_faithful_to(self, make_rows: MakeRows) -> None:
        requests = [{"due": 0, "sent": i * 100.0, "held": 1} for i in range(100)]
        certificate = fly(make_rows(*requests), pace="max")
        assert certificate.faithful
        assert certificate.late is None
        assert certificate.late_pct is None
        assert certificate.kept_pct is None
        assert certificate.lag_ms.max is None
        assert certificate.drift_ms_per_minute is None
        (note,) = certificate.notes
        assert note.startswith("--speed max has no plan to be faithful to")

    def test_it_still_has_to_send_everything(self, make_rows: MakeRows) -> None:
        assert not fly(make_rows({}), pace="max", planned=2).faithful


def test_failed_requests_are_no_matter_of_the_replay(make_rows: MakeRows) -> None:
    assert fly(make_rows(*on_time(50), failure=Failure.REFUSED)).faithful


def test_to_json_is_plain_and_begins_with_its_schema(make_rows: MakeRows) -> None:
    value = fly(make_rows({}, {"held": 1})).to_json()
    assert next(iter(value.items())) == ("schema", "esr.certificate/1")
    assert orjson.loads(orjson.dumps(value)) == value


class TestVerdict:
    KEPT = judge([slo_named("p95_ms", 800)], {"p95_ms": 100.0})
    MISSED = judge([slo_named("p95_ms", 800), slo_named("error_pct", 1)], {"p95_ms": 900.0})

    @pytest.mark.parametrize(
        ("slos", "expected"),
        [
            pytest.param([], ("pass", None), id="no objectives"),
            pytest.param(KEPT, ("pass", None), id="kept"),
            pytest.param(
                MISSED,
                (
                    "fail",
                    "p95_ms was 900 where at most 800 was wanted; "
                    "error_pct was not measured: no request was sent",
                ),
                id="missed",
            ),
        ],
    )
    def test_of_a_faithful_replay(
        self, make_rows: MakeRows, slos: list[SloResult], expected: tuple[str, str | None]
    ) -> None:
        assert verdict(fly(make_rows({})), slos) == expected

    def test_void_beats_fail(self, make_rows: MakeRows) -> None:
        certificate = fly(make_rows({}), planned=2)
        assert verdict(certificate, self.MISSED) == ("void", certificate.reason)
