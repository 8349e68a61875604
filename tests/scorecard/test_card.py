from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from replay.account import Account, Example
from replay.outcome import Failure, Outcomes
from replay.tape import make_route
from scorecard.card import Moment, RunFacts, Scorecard, measured, snapshot, trace_of
from scorecard.slo import SLO_NAMES, slo_named
from scorecard.tally import Tally

MakeRows = Callable[..., Outcomes]

ROUTES = (
    make_route("svc", "GET", "/applications/{id}"),
    make_route("ach", "POST", "/payments"),
    make_route("svc", "POST", "/never-asked"),
)
FACTS = RunFacts(
    "RUN-9001", "stimulus_2020", "2x", planned=10, skipped=3, workers=2,
    slos=(slo_named("p95_ms", 800), slo_named("payment_success", 99)),
    trace=trace_of(Account(entries=13, used=10, examples=(Example("a.log", 7, "no method"),))),
)  # fmt: skip
RUNNING = Moment("running", elapsed_s=2.0, trace_time_s=4.0)

DESIGN_KEYS = [
    "schema", "run_id", "scenario", "env", "state", "verdict", "speed", "users", "avg_wait",
    "error_pct", "latency_p95_ms", "payment_success", "compliance_hits", "esq_rule_violations",
    "trainee_accuracy", "notes", "elapsed_s", "trace_time_s", "requests", "service_ms",
    "response_ms", "lag_ms", "routes", "slo", "injector",
]  # fmt: skip


def card_of(rows: Outcomes, *, pace: Any = "open", moment: Moment = RUNNING) -> Scorecard:
    tally = Tally(ROUTES, 20, pace, plan_end_ns=1_000_000_000)
    tally.fold(rows)
    return snapshot(FACTS, tally, moment)


def test_keys_come_in_the_promised_order_and_the_rest_after_them(make_rows: MakeRows) -> None:
    keys = list(card_of(make_rows({})))
    assert keys[: len(DESIGN_KEYS)] == DESIGN_KEYS
    assert keys[len(DESIGN_KEYS) :] == [
        "reason", "failures", "statuses", "trace", "production",
        "double_charges", "lost_payments", "ghost_charges",
    ]  # fmt: skip
    assert set(keys) == set(Scorecard.__annotations__)


def test_before_anything_was_sent_no_number_is_made_up(make_rows: MakeRows) -> None:
    card = card_of(make_rows())
    unmeasured = (
        card["avg_wait"], card["error_pct"], card["latency_p95_ms"], card["payment_success"],
        card["compliance_hits"], card["trainee_accuracy"], card["verdict"],
        card["injector"]["cpu_s"], card["injector"]["rss_mb"],
        *card["service_ms"].values(), *card["response_ms"].values(), *card["lag_ms"].values(),
    )  # fmt: skip
    assert set(unmeasured) == {None}
    assert card["users"] == card["requests"]["sent"] == 0
    assert card["routes"] == []
    assert [slo["ok"] for slo in card["slo"]] == [False, False]


def test_the_numbers_of_a_running_card(make_rows: MakeRows) -> None:
    card = card_of(
        make_rows(
            {"due": 0, "done": 100},
            {"due": 0, "done": 200, "route": 1},
            {"due": 0, "done": 300, "route": 1, "status": 503, "late": 1},
            {"due": 50, "ready": 150, "sent": 151, "done": 450, "held": 1, "lane": 0},
        )
    )
    assert card["avg_wait"] == pytest.approx(0.25)
    assert card["error_pct"] == 25.0
    assert card["payment_success"] == 50.0
    assert card["users"] == 3
    assert card["requests"] == {
        "planned": 10, "sent": 4, "ok": 3, "failed": 1, "late": 1, "skipped": 3, "held": 1,
    }  # fmt: skip
    assert card["response_ms"]["max"] == 400.0
    assert card["service_ms"]["max"] == 300.0
    assert card["latency_p95_ms"] == card["response_ms"]["p95"] == 400.0
    assert card["lag_ms"]["max"] == 101.0
    assert card["statuses"] == {"200": 3, "503": 1}
    assert card["speed"] == "2x"
    assert card["notes"] == "Running. 4 of 10 requests so far."


def test_routes_are_those_asked_busiest_first(make_rows: MakeRows) -> None:
    card = card_of(make_rows({}, {"route": 1}, {"route": 1, "status": 500}))
    first, second = card["routes"]
    assert (first["route"], first["count"], first["error_pct"], first["rps"]) == (
        "ach POST /payments", 2, 50.0, 1.0,
    )  # fmt: skip
    assert second["route"] == "svc GET /applications/{id}"
    assert second["p99"] == pytest.approx(10.0)


def test_with_speed_max_waits_are_service_times_and_lag_does_not_exist(
    make_rows: MakeRows,
) -> None:
    card = card_of(make_rows({"sent": 900, "done": 940}), pace="max")
    assert card["avg_wait"] == pytest.approx(0.04)
    assert card["latency_p95_ms"] == 40.0
    assert set(card["response_ms"].values()) == {None}
    assert set(card["lag_ms"].values()) == {None}
    assert card["requests"]["late"] is None


def test_failures_are_named(make_rows: MakeRows) -> None:
    card = card_of(make_rows({"failure": Failure.TIMEOUT}, {"failure": Failure.RESET}))
    assert card["failures"] == {"reset": 1, "timeout": 1}
    assert card["statuses"] == {}
    assert card["error_pct"] == 100.0


def test_production_is_null_until_somebody_counted(make_rows: MakeRows) -> None:
    assert card_of(make_rows({}))["production"] is None
    counted = Moment("done", 2.0, 4.0, production={"connections": 0, "refused": 12})
    assert card_of(make_rows({}), moment=counted)["production"] == {"connections": 0, "refused": 12}


def test_the_trace_is_accounted_for_without_its_examples() -> None:
    assert "examples" not in FACTS.trace
    assert FACTS.trace["entries"] == 13


def test_every_objective_is_measured_under_its_own_name(make_rows: MakeRows) -> None:
    tally = Tally(ROUTES, 1, "open")
    assert set(measured(tally)) == set(SLO_NAMES)


def test_rates_wait_for_time_to_pass(make_rows: MakeRows) -> None:
    card = card_of(make_rows({}), moment=Moment("starting", 0.0, 0.0))
    assert card["routes"][0]["rps"] is None


@pytest.mark.parametrize(
    ("moment", "notes"),
    [
        (Moment("ready", 0, 0), "Ready. 1 of 10 requests so far."),
        (Moment("paused", 1, 1), "Paused. 1 of 10 requests so far."),
        (Moment("aborted", 1, 1), "The run was aborted after 1 of 10 requests."),
        (Moment("failed", 1, 1, reason="no disk"), "The run failed: no disk."),
        (
            Moment("done", 1, 1, "pass"),
            "The replay was faithful and every objective was kept. 1 of 1 requests failed.",
        ),
        (
            Moment("done", 1, 1, "fail", "p95_ms was 9 where at most 8 was wanted"),
            "The replay was faithful, but not every objective was kept: "
            "p95_ms was 9 where at most 8 was wanted.",
        ),
        (
            Moment("done", 1, 1, "void", "lower --speed"),
            "The replay was not faithful, so its numbers mean nothing: lower --speed.",
        ),
    ],
    ids=lambda value: f"{value.state} {value.verdict}" if isinstance(value, Moment) else "",
)
def test_notes_are_a_sentence_for_people(make_rows: MakeRows, moment: Moment, notes: str) -> None:
    assert card_of(make_rows({"status": 500}), moment=moment)["notes"] == notes


def test_a_card_is_plain_json(make_rows: MakeRows) -> None:
    card = card_of(make_rows({}, {"status": 404}, {"failure": Failure.RESET}))
    assert orjson.loads(orjson.dumps(card)) == card
