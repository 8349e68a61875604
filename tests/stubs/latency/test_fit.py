"""Quantile tables and the Kolmogorov–Smirnov distance, by hand and against their definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import Empirical
from stubs.latency.fit import (
    FINE_FROM,
    FINE_QUANTILES,
    QUANTILES,
    ks_critical,
    ks_distance,
    ks_distance_to,
    points_for,
    quantiles_of,
)

samples = st.lists(st.integers(0, 30), min_size=1, max_size=30).map(sorted)


def test_quantiles_are_evenly_spaced() -> None:
    assert quantiles_of([0, 10, 20, 30, 40], 5) == (0, 10, 20, 30, 40)
    assert quantiles_of([0, 10, 20, 30, 40], 3) == (0, 20, 40)
    assert quantiles_of([7], 101) == (7,)
    assert quantiles_of([1, 2], 101) == (1, 2)


def test_nothing_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="no waits"):
        quantiles_of([], 3)


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=50).map(sorted), st.integers(1, 40))
def test_any_waits_make_a_table(waits: list[float], points: int) -> None:
    table = Empirical(quantiles_of(waits, points))
    assert len(table.quantiles_ms) == min(points, len(waits))
    assert table.quantiles_ms[0] == pytest.approx(waits[0], abs=0.001)


def test_many_waits_make_a_finer_table() -> None:
    assert points_for(FINE_FROM - 1) == QUANTILES
    assert points_for(FINE_FROM) == FINE_QUANTILES


@given(samples, samples)
def test_the_distance_is_the_greatest_difference_of_shares(one: list[int], two: list[int]) -> None:
    wanted = max(
        abs(sum(x <= at for x in one) / len(one) - sum(x <= at for x in two) / len(two))
        for at in {*one, *two}
    )
    assert ks_distance(one, two) == pytest.approx(wanted)


def test_the_distance_to_a_distribution() -> None:
    assert ks_distance_to([0.5], lambda x: x) == 0.5
    assert ks_distance_to([0.25, 0.75], lambda x: x) == 0.25
    assert ks_distance_to([0.9, 0.95], lambda x: x) == pytest.approx(0.9)


def test_a_distance_needs_samples() -> None:
    with pytest.raises(ValueError, match="two samples"):
        ks_distance([], [1])


def test_critical_values_are_those_of_the_tables() -> None:
    """Source: Massey 1951, 1.36 over the root of n; for two samples the root of (n + m) / nm."""
    assert ks_critical(100) == pytest.approx(0.136, abs=5e-4)
    assert ks_critical(100, 50) == pytest.approx(1.358 * (150 / 5_000) ** 0.5, rel=1e-3)
