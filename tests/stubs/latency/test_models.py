"""What single models promise beyond the contract of all."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import (
    MAX_MS,
    Bucket,
    ColdStart,
    Empirical,
    Exponential,
    Fixed,
    LatencyModel,
    LogNormal,
    Moment,
    NoDelay,
    Normal,
    Percentiles,
    Queue,
    TimeOfDay,
    Uniform,
    choose_weighted,
    needs_moment,
    wait_of,
)
from switchboard.seeded import unit

HOUR_S = 3600
LAST = math.nextafter(1.0, 0.0)
draws = st.floats(0, 1, exclude_max=True)
waits = st.lists(st.floats(0, MAX_MS), min_size=1, max_size=12).map(sorted).map(tuple)
percentiles = st.dictionaries(st.integers(0, 1000), st.floats(0, MAX_MS), min_size=1, max_size=9)


def assert_ascending(model: LatencyModel, us: list[float]) -> None:
    taken = [model.sample_s(u) for u in sorted(us)]
    assert all(0 <= wait <= MAX_MS / 1000 for wait in taken)
    assert all(one <= other for one, other in pairwise(taken))


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


@given(table=percentiles, us=st.lists(draws, min_size=2, max_size=20))
def test_any_percentiles_keep_the_contract(table: dict[int, float], us: list[float]) -> None:
    ms = sorted(table.values())
    points = zip(sorted(table), ms, strict=True)
    assert_ascending(Percentiles(tuple((p / 10, each) for p, each in points)), us)


@pytest.mark.parametrize(
    ("table", "u", "wait_ms"),
    [
        pytest.param({50: 20, 90: 80}, 0.0, 10, id="the low end is half of the lowest"),
        pytest.param({50: 20, 90: 80}, 0.5, 20, id="as given"),
        pytest.param({50: 20, 90: 80}, 0.7, 50, id="half way between two"),
        pytest.param({50: 20, 90: 80}, LAST, 160, id="the high end is twice the highest"),
        pytest.param({0: 5, 50: 20, 100: 90}, 0.0, 5, id="p0 as given"),
        pytest.param({0: 5, 50: 20, 100: 90}, LAST, 90, id="p100 as given"),
        pytest.param({99: MAX_MS}, LAST, MAX_MS, id="never over a day"),
        pytest.param({100: 8}, 0.5, 6, id="p100 alone"),
    ],
)
def test_percentiles_follow_their_table(table: dict[int, float], u: float, wait_ms: float) -> None:
    model = Percentiles(tuple(table.items()))
    assert model.sample_s(u) * 1000 == pytest.approx(wait_ms)


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6), st.lists(draws, min_size=2, max_size=20))
def test_a_normal_is_truncated_and_not_folded(mean: float, sd: float, us: list[float]) -> None:
    model = Normal(mean, sd)
    assert_ascending(model, us)
    below_zero = NormalDist(mean, sd).cdf(0)
    median = max(NormalDist(mean, sd).inv_cdf(below_zero + (1 - below_zero) / 2), 0)
    assert model.sample_s(0.5) * 1000 == pytest.approx(median, rel=1e-6, abs=1e-6 * sd)


def test_an_exponential_has_its_mean() -> None:
    count = 100_000
    total_s = sum(Exponential(20).sample_s((n + 0.5) / count) for n in range(count))
    assert total_s / count * 1000 == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.25, 1.0, 3.0])
def test_sigma_is_the_spread_of_the_logarithms(sigma: float) -> None:
    model = LogNormal.of_sigma(20, sigma)
    for z in (-2, -1, 0, 1, 2):
        wait_ms = model.sample_s(NormalDist().cdf(z)) * 1000
        assert wait_ms == pytest.approx(20 * math.exp(sigma * z), rel=1e-9)


@pytest.mark.parametrize(
    ("day_s", "wait_ms"),
    [
        pytest.param(0, 1, id="midnight, over which a bucket goes"),
        pytest.param(6 * HOUR_S - 1, 1, id="the last second of a bucket"),
        pytest.param(6 * HOUR_S, 9, id="the first second after it"),
        pytest.param(12.5 * HOUR_S, 3, id="noon"),
        pytest.param(22 * HOUR_S, 1, id="the evening"),
        pytest.param(24 * HOUR_S, 1, id="the next day"),
        pytest.param(-1, 1, id="the day before"),
    ],
)
def test_time_of_day_takes_the_hours_latency(day_s: float, wait_ms: float) -> None:
    model = TimeOfDay((Bucket(22, 6, Fixed(1)), Bucket(12, 13, Fixed(3))), Fixed(9))
    assert model.wait_s(0.5, Moment(day_s=day_s)) * 1000 == pytest.approx(wait_ms)


def test_buckets_that_fill_the_day_need_no_other_latency() -> None:
    model = TimeOfDay((Bucket(0, 12, Fixed(1)), Bucket(12, 24, Fixed(2))))
    assert [model.wait_s(0, Moment(h * HOUR_S)) * 1000 for h in (0, 11, 12, 23)] == [1, 1, 2, 2]


def test_a_cold_start_is_over_after_its_time() -> None:
    model = ColdStart(100, warm_s=10, latency=Fixed(5))
    taken = [model.wait_s(0.5, Moment(arrival_s=at)) * 1000 for at in (-1, 0, 5, 10, 99)]
    assert taken == pytest.approx([105, 105, 55, 5, 5])


def test_a_cold_start_is_over_after_its_requests() -> None:
    model = ColdStart(100, requests=4)
    taken = [model.wait_s(0.5, Moment()) * 1000 for _ in range(6)]
    assert taken == pytest.approx([100, 75, 50, 25, 0, 0])


def test_a_restart_makes_it_cold_again() -> None:
    by_time, by_count = ColdStart(100, warm_s=10), ColdStart(100, requests=1)
    assert by_count.wait_s(0, Moment(arrival_s=50)) == 0.1
    by_time.restart(50)
    by_count.restart(50)
    assert by_time.wait_s(0, Moment(arrival_s=55)) == pytest.approx(0.05)
    assert by_count.wait_s(0, Moment(arrival_s=55)) == 0.1


def test_a_restart_empties_the_queue_behind_it() -> None:
    model = ColdStart(0, warm_s=1, latency=Queue(1, Fixed(1000)))
    assert [model.wait_s(0, Moment(arrival_s=0)) for _ in range(3)] == [1, 2, 3]
    model.restart(0)
    assert model.wait_s(0, Moment(arrival_s=0)) == 1


def test_a_refused_request_waits_for_no_cold_start() -> None:
    model = ColdStart(100, warm_s=10, latency=Queue(1, Fixed(1000), max_queue=0))
    assert model.wait_s(0, Moment()) == pytest.approx(1.1)
    refused = Moment()
    assert (model.wait_s(0, refused), refused.is_full) == (0.0, True)


def test_only_some_models_ask_for_the_moment() -> None:
    assert not needs_moment(Uniform(1, 2))
    assert needs_moment(TimeOfDay((), NoDelay()))
    assert wait_of(Fixed(7))(0.5, Moment()) == wait_of(ColdStart(7, warm_s=1))(0.5, Moment())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda: Fixed(-1), "a fixed latency", id="fixed: negative"),
        pytest.param(lambda: Normal(1, -1), "sd_ms", id="normal: negative"),
        pytest.param(lambda: Normal(math.nan, 1), "mean_ms", id="normal: no number"),
        pytest.param(lambda: Exponential(math.inf), "mean_ms", id="exponential: endless"),
        pytest.param(lambda: LogNormal.of_sigma(1, -1), "sigma", id="sigma: negative"),
        pytest.param(lambda: LogNormal.of_sigma(1000, 99), "over a day", id="sigma: too wide"),
        pytest.param(lambda: LogNormal.of_sigma(0, 1), "median_ms", id="sigma: no median"),
        pytest.param(lambda: Percentiles(()), "at least one", id="percentiles: none"),
        pytest.param(lambda: Percentiles(((101, 1),)), "p100", id="percentiles: over 100"),
        pytest.param(lambda: Percentiles(((9, 5), (8, 6))), "never fall", id="percentiles: mixed"),
        pytest.param(lambda: Percentiles(((8, 6), (9, 5))), "never fall", id="percentiles: falls"),
        pytest.param(lambda: Bucket(3, 3, NoDelay()), "0 to 23", id="bucket: no hours"),
        pytest.param(lambda: Bucket(24, 3, NoDelay()), "0 to 23", id="bucket: no such hour"),
        pytest.param(
            lambda: TimeOfDay((Bucket(0, 3, NoDelay()), Bucket(2, 4, NoDelay())), NoDelay()),
            "from 2 o'clock is in two",
            id="time of day: twice",
        ),
        pytest.param(
            lambda: TimeOfDay((Bucket(0, 3, NoDelay()),)), "from 3 o'clock", id="time of day: gap"
        ),
        pytest.param(lambda: Queue(0, NoDelay()), "servers", id="queue: nobody serves"),
        pytest.param(lambda: Queue(1, NoDelay(), -1), "max_queue", id="queue: negative"),
        pytest.param(lambda: ColdStart(-1, 1), "first_ms", id="cold start: negative"),
        pytest.param(lambda: ColdStart(1), "either", id="cold start: endless"),
        pytest.param(lambda: ColdStart(1, 1, 1), "either", id="cold start: both"),
        pytest.param(lambda: ColdStart(1, 0), "warm_s", id="cold start: no time"),
        pytest.param(lambda: ColdStart(1, None, 0), "requests", id="cold start: no requests"),
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
