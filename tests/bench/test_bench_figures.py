"""Statistics, tables and targets of the benchmarks: pure, no clock, no process."""

from __future__ import annotations

import math

import pytest

from bench.children import last_words
from bench.floor import late_by_ms
from bench.machine import busy_share
from bench.report import Target, to_json
from bench.stats import median_ratio, medians, per_10k, quantile, spread
from bench.table import Cell, draw_table, show

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        pytest.param([7.0], 0.99, 7.0, id="one"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 0.5, 2.0, id="nearest rank, not between"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 1.0, 4.0, id="highest"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 0.0, 1.0, id="lowest"),
    ],
)
def test_quantile(values: list[float], q: float, expected: float) -> None:
    assert quantile(values, q) == expected


def test_what_nobody_measured_is_not_a_number() -> None:
    assert math.isnan(quantile([], 0.5))
    assert math.isnan(per_10k(1.0, 0))
    assert math.isnan(median_ratio([NAN], [2.0]))
    assert spread([]) == "-"


def test_cpu_is_told_for_ten_thousand_requests() -> None:
    assert per_10k(2.0, 200_000) == pytest.approx(0.1)


def test_ratios_are_taken_within_a_round() -> None:
    """A slow second round slows both sides; the ratio stays 2, whatever the medians say."""
    assert median_ratio([0.2, 0.8, 0.2], [0.1, 0.4, 0.1]) == pytest.approx(2.0)


def test_a_round_that_a_peer_missed_has_no_ratio() -> None:
    assert median_ratio([0.2, 0.9], [0.1, NAN]) == pytest.approx(2.0)


def test_medians_are_taken_key_by_key() -> None:
    rows = [{"a": 1.0, "b": 9.0}, {"a": 5.0, "b": 7.0}, {"a": 3.0, "b": 8.0}]
    assert medians(rows) == {"a": 3.0, "b": 8.0}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(None, "-", id="nothing"),
        pytest.param(NAN, "-", id="nan"),
        pytest.param(0.10649, "0.106", id="float"),
        pytest.param(1_000_000, "1,000,000", id="int"),
        pytest.param("wrk", "wrk", id="text"),
    ],
)
def test_show(cell: Cell, expected: str) -> None:
    assert show(cell) == expected


def test_table_lines_up_its_columns() -> None:
    rows: list[list[Cell]] = [["esr", 0.1, 1000], ["autocannon", None, 20]]
    assert draw_table("Title", ["tool", "CPU", "rate"], rows) == (
        "Title\n"
        "\n"
        "  tool          CPU   rate\n"
        "  ----------  -----  -----\n"
        "  esr         0.100  1,000\n"
        "  autocannon      -     20\n"
    )


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        pytest.param(0.11, "  ok    cost: 0.110 (at most 0.11)", id="at the limit"),
        pytest.param(0.12, "  MISS  cost: 0.120 (at most 0.11)", id="above"),
        pytest.param(NAN, "  -     cost: not measured (at most 0.11)", id="not measured"),
    ],
)
def test_target_says_whether_it_is_met(figure: float, expected: str) -> None:
    assert str(Target("cost", figure, 0.11)) == expected


def test_figures_nobody_measured_are_null_in_json() -> None:
    assert to_json({"a": [1, NAN, "x"], "b": (0.5,)}) == {"a": [1, None, "x"], "b": [0.5]}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param("", "it said nothing", id="silent"),
        pytest.param("one\n two \n\n", "two", id="last line"),
        pytest.param(
            "  + Exception Group Traceback:\n    | a.b.OddError: no way\n    +-----\n",
            "a.b.OddError: no way",
            id="exception group",
        ),
    ],
)
def test_last_words(errors: str, expected: str) -> None:
    assert last_words(errors) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param([10, 0, 0, 190, 0, 0, 0, 0], 0.05, id="nearly idle"),
        pytest.param([10, 0, 0, 80, 10, 0, 0, 0], 0.10, id="waiting for disks is idle"),
        pytest.param([0] * 8, None, id="no time passed"),
    ],
)
def test_busy_share(after: list[int], expected: float | None) -> None:
    assert busy_share([0] * 8, after) == pytest.approx(expected)


def test_floor_counts_from_absolute_times() -> None:
    """A sleeper that oversleeps half a gap each time is late by that much: it does not add up."""
    now_ns = 0

    def sleep(seconds: float) -> None:
        nonlocal now_ns
        now_ns += int(seconds * 1e9) + 500_000

    assert late_by_ms(5, lambda: now_ns, sleep) == pytest.approx([0.5] * 5)
