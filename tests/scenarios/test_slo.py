from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.slo import SLO_KEYS, Slo, build_slo, merge_slos, parse_slos


@pytest.mark.parametrize("name", SLO_KEYS)
def test_the_example_of_every_objective_is_valid(name: str) -> None:
    slo = build_slo(name, float(SLO_KEYS[name].example))
    assert slo.direction == ("at_least" if name == "payment_success" else "at_most")


@pytest.mark.parametrize(
    ("name", "limit", "message"),
    [
        ("p95", 1, "is not an objective that is measured; did you mean `p95_ms`?"),
        ("P95_MS", 1, "is not an objective that is measured; did you mean `p95_ms`?"),
        ("colour", 1, "there are p50_ms, p90_ms,"),
        ("p95_ms", "800ms", "is not a number; write a number of milliseconds, such as p95_ms: 800"),
        ("p95_ms", True, "is not a number"),
        ("p95_ms", None, "is not a number"),
        ("p95_ms", -1, "is outside 0 to 31,622,400,000"),
        ("p95_ms", math.nan, "is outside"),
        ("p95_ms", 10**400, "is outside"),
        ("p95_ms", 0, "is 0, which nothing can keep"),
        ("error_pct", 101, "is outside 0 to 100; write a number of percent"),
        ("payment_success", 100.5, "is outside 0 to 100"),
    ],
)
def test_wrong_objective_says_what_would_be_right(name: str, limit: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"objective|number") as caught:
        build_slo(name, limit)
    assert message in str(caught.value)


def test_no_error_at_all_may_be_demanded() -> None:
    assert build_slo("error_pct", 0) == Slo("error_pct", 0.0, "at_most")


def test_parse_slos() -> None:
    assert parse_slos("p95_ms=800, payment_success = 99.5") == (
        Slo("p95_ms", 800.0, "at_most"),
        Slo("payment_success", 99.5, "at_least"),
    )


def test_parse_slos_names_every_wrong_part() -> None:
    with pytest.raises(ValueError, match="is not an objective") as caught:
        parse_slos("p95=800,error_pct,p99_ms=soon,p50_ms=1,p50_ms=2,")
    message = str(caught.value)
    for part in ("`p95` is not an", "`error_pct` has no limit", "`p99_ms` is not a number"):
        assert part in message
    assert "`p50_ms` is given twice" in message


def test_the_command_line_wins() -> None:
    merged = merge_slos(parse_slos("p95_ms=800,error_pct=1"), parse_slos("p95_ms=500"))
    assert [str(slo) for slo in merged] == ["p95_ms <= 500", "error_pct <= 1"]


def is_objectives_or_value_error(text: str) -> bool:
    try:
        return bool(parse_slos(text))
    except ValueError as error:
        return bool(str(error)) and str(error).isprintable()


@given(st.text(max_size=60))
def test_any_text_is_objectives_or_a_value_error(text: str) -> None:
    assert is_objectives_or_value_error(text)
