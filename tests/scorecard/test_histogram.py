from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scorecard.histogram import (
    COARSE,
    FINE,
    HIGHEST_NS,
    LOWEST_NS,
    Histogram,
    HistogramBank,
    exact_sum,
    nearest_rank,
)

QUANTILES = (0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)

in_range = arrays.arrays(np.int64, st.integers(1, 300), elements=st.integers(1_000, HIGHEST_NS - 1))
anything = arrays.arrays(np.int64, st.integers(0, 100), elements=st.integers(-(2**63), 2**63 - 1))


def filled(values: npt.NDArray[Any]) -> Histogram:
    histogram = Histogram()
    histogram.add(values)
    return histogram


def exact(values: npt.NDArray[Any], q: float) -> int:
    return int(np.sort(values)[nearest_rank(q, len(values)) - 1])


@given(in_range, st.sampled_from(QUANTILES))
def test_quantile_is_within_half_a_percent_of_the_exact_one(
    values: npt.NDArray[Any], q: float
) -> None:
    assert filled(values).quantile(q) == pytest.approx(exact(values, q), rel=0.005)


@given(in_range, st.sampled_from(QUANTILES))
def test_bank_quantile_is_within_one_percent(values: npt.NDArray[Any], q: float) -> None:
    bank = HistogramBank(2)
    bank.add(np.ones(len(values), np.uint16), values)
    (found,) = bank.quantiles(1, (q,))
    assert found == pytest.approx(exact(values, q), rel=0.01)
    assert bank.quantiles(0, (q,)) == (None,)


def test_quantiles_agree_with_numpy_on_a_believable_spread() -> None:
    values = np.random.default_rng(7).lognormal(17, 1.2, 200_000).astype(np.int64)
    histogram = filled(values)
    for q in (0.5, 0.9, 0.95, 0.99, 0.999):
        expected = np.percentile(values, 100 * q, method="inverted_cdf")
        assert histogram.quantile(q) == pytest.approx(expected, rel=0.005)


@given(anything)
def test_count_sum_and_bounds_are_exact_whatever_comes(values: npt.NDArray[Any]) -> None:
    histogram = filled(values)
    listed = values.tolist()
    assert histogram.count == len(listed)
    assert histogram.sum == sum(listed)
    assert histogram.min == min(listed, default=None)
    assert histogram.max == max(listed, default=None)


@given(anything.filter(len))
def test_quantiles_rise_and_stay_between_minimum_and_maximum(values: npt.NDArray[Any]) -> None:
    histogram = filled(values)
    found = [histogram.quantile(q) for q in QUANTILES]
    assert None not in found
    numbers = [number for number in found if number is not None]
    assert numbers == sorted(numbers)
    assert float(values.min()) <= numbers[0]
    assert numbers[-1] == float(values.max())


@given(in_range, in_range)
def test_merging_is_the_same_as_adding(some: npt.NDArray[Any], others: npt.NDArray[Any]) -> None:
    merged = filled(some)
    merged.merge(filled(others))
    both = filled(np.concatenate((some, others)))
    assert (merged.count, merged.sum, merged.min, merged.max) == (
        both.count,
        both.sum,
        both.min,
        both.max,
    )
    assert [merged.quantile(q) for q in QUANTILES] == [both.quantile(q) for q in QUANTILES]


def test_an_empty_histogram_knows_nothing() -> None:
    histogram = Histogram()
    histogram.add(np.empty(0, np.int64))
    histogram.merge(Histogram())
    assert histogram.quantile(0.5) is None
    assert histogram.mean is None
    assert histogram.max is None
    assert histogram.count == 0


def test_a_copy_lives_its_own_life() -> None:
    histogram = filled(np.array([5_000_000]))
    twin = histogram.copy()
    twin.add(np.array([7_000_000]))
    assert (histogram.count, twin.count) == (1, 2)
    assert "1 values" in repr(histogram)


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan")])
def test_other_quantiles_are_refused(q: float) -> None:
    with pytest.raises(ValueError, match=r"lies in 0\.\.1"):
        Histogram().quantile(q)


@pytest.mark.parametrize(
    ("q", "count", "rank"),
    [
        (0.0, 10, 1),
        (0.5, 1, 1),
        (0.5, 2, 1),
        (0.95, 100, 95),
        (0.99, 100, 99),
        (0.999, 1_000, 999),
        (0.999, 1_001, 1_000),
        (1.0, 10, 10),
    ],
)
def test_nearest_rank(q: float, count: int, rank: int) -> None:
    assert nearest_rank(q, count) == rank


def test_the_tail_is_the_exact_maximum_when_the_rank_reaches_it() -> None:
    histogram = filled(np.array([1_000_000] * 9 + [987_654_321]))
    assert histogram.quantile(0.99) == 987_654_321.0


@pytest.mark.parametrize("scale", [FINE, COARSE], ids=["fine", "coarse"])
def test_what_lies_outside_goes_to_the_first_or_last_bucket(scale: Any) -> None:
    values = np.array([-(2**63), -1, 0, LOWEST_NS, HIGHEST_NS - 1, HIGHEST_NS, 2**62])
    last = scale.buckets - 1
    assert scale.bucket_of(values).tolist() == [0, 0, 0, 0, last, last, last]


@given(anything)
def test_exact_sum(values: npt.NDArray[Any]) -> None:
    assert exact_sum(values) == sum(values.tolist())


def test_the_bank_keeps_rows_apart() -> None:
    bank = HistogramBank(3)
    bank.add(np.array([0, 2, 2], np.uint16), np.array([1_000_000, 5_000_000, 9_000_000]))
    bank.add(np.empty(0, np.uint16), np.empty(0, np.int64))
    assert bank.counts.tolist() == [1, 0, 2]
    assert bank.quantiles(0, (0.5, 0.99)) == (1_000_000.0, 1_000_000.0)
    assert bank.quantiles(2, (1.0,)) == (9_000_000.0,)


def test_a_row_outside_the_bank_is_an_error() -> None:
    with pytest.raises((IndexError, ValueError)):
        HistogramBank(2).add(np.array([2]), np.array([1_000]))
