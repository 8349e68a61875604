from __future__ import annotations

import pytest

from scorecard.slo import SLO_NAMES, budget_left, judge, slo_named


@pytest.mark.parametrize(
    ("name", "limit", "actual", "ok", "budget"),
    [
        pytest.param("p95_ms", 800, 200.0, True, 0.75, id="well within"),
        pytest.param("p95_ms", 800, 800.0, True, 0.0, id="just kept"),
        pytest.param("p95_ms", 800, 1000.0, False, -0.25, id="overspent"),
        pytest.param("error_pct", 1, 0.0, True, 1.0, id="untouched"),
        pytest.param("error_pct", 0, 0.0, True, None, id="no budget and kept"),
        pytest.param("error_pct", 0, 0.1, False, None, id="no budget and missed"),
        pytest.param("payment_success", 99.5, 99.8, True, 0.6, id="at least, kept"),
        pytest.param("payment_success", 99.5, 99.0, False, -1.0, id="at least, missed"),
        pytest.param("payment_success", 100, 100.0, True, None, id="nothing may fail"),
    ],
)
def test_judge(name: str, limit: float, actual: float, ok: bool, budget: float | None) -> None:
    (result,) = judge([slo_named(name, limit)], {name: actual})
    assert (result["ok"], result["budget_left"]) == (ok, budget)
    assert (result["name"], result["limit"], result["actual"]) == (name, limit, actual)
    assert (result["why"] is None) is ok


@pytest.mark.parametrize("name", SLO_NAMES)
def test_what_was_not_measured_is_not_kept_and_says_why(name: str) -> None:
    for actuals in ({}, {name: None}):
        (result,) = judge([slo_named(name, 1)], actuals)
        assert not result["ok"]
        assert result["actual"] is None
        assert result["budget_left"] is None
        assert result["why"] is not None
        assert result["why"].startswith(f"{name} was not measured: no ")


def test_a_missed_objective_says_by_how_much() -> None:
    missed = judge([slo_named("p95_ms", 800), slo_named("payment_success", 99.5)], {
        "p95_ms": 1234.5, "payment_success": 97.0
    })  # fmt: skip
    assert [result["why"] for result in missed] == [
        "p95_ms was 1,234.5 where at most 800 was wanted",
        "payment_success was 97 where at least 99.5 was wanted",
    ]


def test_results_keep_the_order_given() -> None:
    slos = [slo_named(name, 5) for name in reversed(SLO_NAMES)]
    assert [result["name"] for result in judge(slos, {})] == list(reversed(SLO_NAMES))


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"'p96_ms' is not an objective; there are p50_ms, "):
        slo_named("p96_ms", 1)


def test_an_endless_limit_has_no_budget_to_speak_of() -> None:
    assert budget_left(slo_named("p95_ms", float("inf")), 5.0) is None
