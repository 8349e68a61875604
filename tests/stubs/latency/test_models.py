"""What single latency models promise beyond the contract of all."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import (
    MAX_MS,
    Empirical,
    LatencyModel,
    LogNormal,
    NoDelay,
    Uniform,
    choose_weighted,
)
from switchboard.seeded import unit

TINY = 5e-324
LAST = math.nextafter(1.0, 0.0)
MODELS = [
    pytest.param(NoDelay(), id="no delay"),
    pytest.param(Uniform(0, 0), id="uniform: nothing"),
    pytest.param(Uniform(50, 250), id="uniform"),
    pytest.param(Uniform(0.1, 0.1), id="uniform: constant"),
    pytest.param(Uniform(0, MAX_MS), id="uniform: widest"),
    pytest.param(LogNormal(18, 90), id="log-normal"),
    pytest.param(LogNormal(20, 20), id="log-normal: constant"),
    pytest.param(LogNormal(TINY, MAX_MS), id="log-normal: widest"),
    pytest.param(LogNormal(MAX_MS, MAX_MS), id="log-normal: slowest"),
    pytest.param(Empirical((12.5,)), id="empirical: one"),
    pytest.param(Empirical((0.0, 0.0, 0.0)), id="empirical: zeros"),
    pytest.param(Empirical((1.0, 2.0, 2.0, 50.0, 1_000.0)), id="empirical"),
    pytest.param(Empirical((0.1, 0.3, 0.7, 1 / 3 + 1)), id="empirical: uneven"),
    pytest.param(Empirical((0.0, TINY, MAX_MS)), id="empirical: widest"),
]
draws = st.floats(0, 1, exclude_max=True)
waits = st.lists(st.floats(0, MAX_MS), min_size=1, max_size=12).map(sorted).map(tuple)


def assert_ascending(model: LatencyModel, us: list[float]) -> None:
    taken = [model.sample_s(u) for u in sorted(us)]
    assert all(0 <= wait <= MAX_MS / 1000 * (1 + 1e-9) for wait in taken)
    assert all(one <= other for one, other in pairwise(taken))


@pytest.mark.parametrize("model", MODELS)
def test_a_model_grows_with_the_draw(model: LatencyModel) -> None:
    around = [edge for n in range(1, 16) for edge in (n / 16, math.nextafter(n / 16, 1))]
    assert_ascending(model, [0.0, TINY, 1e-9, *around, 1 - 1e-6, 1 - 1e-9, LAST])
    assert_ascending(model, [unit(1, n) for n in range(2_000)])


@pytest.mark.parametrize("model", MODELS)
@given(us=st.lists(draws, min_size=2, max_size=20))
def test_a_model_grows_with_any_draws(model: LatencyModel, us: list[float]) -> None:
    assert_ascending(model, us)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_finite_at_both_ends(model: LatencyModel) -> None:
    assert 0 <= model.sample_s(0.0) <= model.sample_s(LAST) < math.inf


@pytest.mark.parametrize("model", MODELS)
def test_the_same_draw_is_the_same_wait(model: LatencyModel) -> None:
    assert model.sample_s(0.625) == model.sample_s(0.625)


@given(table=waits, us=st.lists(draws, min_size=2, max_size=20))
def test_any_recorded_table_keeps_the_contract(table: tuple[float, ...], us: list[float]) -> None:
    assert_ascending(Empirical(table), us)


@given(limits=st.tuples(st.floats(0, MAX_MS), st.floats(0, MAX_MS)).map(sorted), u=draws)
def test_uniform_stays_within_its_limits(limits: list[float], u: float) -> None:
    low, high = limits
    assert low / 1000 <= Uniform(low, high).sample_s(u) <= high / 1000 * (1 + 1e-9)


@given(
    limits=st.tuples(st.floats(1e-3, MAX_MS), st.floats(1e-3, MAX_MS)).map(sorted),
    us=st.lists(draws, min_size=2, max_size=20),
)
def test_a_log_normal_has_its_median_and_its_p99(limits: list[float], us: list[float]) -> None:
    median, p99 = limits
    model = LogNormal(median, p99)
    assert model.sample_s(0.5) * 1000 == pytest.approx(median)
    assert model.sample_s(0.99) * 1000 == pytest.approx(p99)
    assert_ascending(model, us)


def test_a_log_normal_has_them_over_many_requests_too() -> None:
    model = LogNormal(median_ms=18, p99_ms=90)
    taken = sorted(model.sample_s(unit(3, n, 1)) * 1000 for n in range(20_000))
    assert taken[10_000] == pytest.approx(18, rel=0.03)
    assert taken[19_800] == pytest.approx(90, rel=0.1)


@pytest.mark.parametrize(
    ("u", "wait_ms"),
    [
        pytest.param(0.0, 10.0, id="the first"),
        pytest.param(0.125, 15.0, id="half way to the second"),
        pytest.param(0.25, 20.0, id="the second"),
        pytest.param(0.5, 20.0, id="a level stretch"),
        pytest.param(0.75, 40.0, id="the fourth"),
        pytest.param(0.875, 70.0, id="half way to the last"),
        pytest.param(LAST, 100.0, id="the last"),
    ],
)
def test_empirical_follows_its_table(u: float, wait_ms: float) -> None:
    model = Empirical((10.0, 20.0, 20.0, 40.0, 100.0))
    assert model.sample_s(u) * 1000 == pytest.approx(wait_ms)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda: Uniform(-1, 2), "min_ms", id="uniform: negative"),
        pytest.param(lambda: Uniform(3, 2), "min_ms", id="uniform: crossed"),
        pytest.param(lambda: Uniform(0, math.inf), "a day", id="uniform: endless"),
        pytest.param(lambda: Uniform(math.nan, 1), "min_ms", id="uniform: no number"),
        pytest.param(lambda: LogNormal(0, 10), "median_ms", id="log-normal: zero"),
        pytest.param(lambda: LogNormal(20, 10), "p99_ms", id="log-normal: crossed"),
        pytest.param(lambda: LogNormal(20, math.nan), "p99_ms", id="log-normal: no number"),
        pytest.param(lambda: LogNormal(20, MAX_MS * 2), "a day", id="log-normal: endless"),
        pytest.param(lambda: Empirical(()), "at least one", id="empirical: empty"),
        pytest.param(lambda: Empirical((1.0, -1.0)), "0 ms", id="empirical: negative"),
        pytest.param(lambda: Empirical((2.0, 1.0)), "ascending", id="empirical: descending"),
        pytest.param(lambda: Empirical((1.0, math.nan)), "0 ms", id="empirical: no number"),
        pytest.param(lambda: Empirical((math.inf,)), "a day", id="empirical: endless"),
    ],
)
def test_limits_amiss_are_refused(make: object, sentence: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("u", "index"),
    [
        pytest.param(0.0, 0, id="start"),
        pytest.param(0.0999, 0, id="end of the first"),
        pytest.param(0.1, 1, id="start of the second"),
        pytest.param(0.399, 1, id="end of the second"),
        pytest.param(0.4, 2, id="start of the last"),
        pytest.param(LAST, 2, id="end"),
    ],
)
def test_a_choice_is_as_likely_as_its_weight(u: float, index: int) -> None:
    assert choose_weighted((10, 40, 100), u) == index


@given(weights=st.lists(st.integers(1, 2**40), min_size=1), u=draws)
def test_a_choice_is_always_one_of_them(weights: list[int], u: float) -> None:
    totals = [sum(weights[: n + 1]) for n in range(len(weights))]
    assert 0 <= choose_weighted(totals, u) < len(weights)
