"""Samples of seeded draws against each model's own distribution, by Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import NormalDist

import pytest

from stubs.latency import (
    Empirical,
    Exponential,
    LatencyModel,
    LogNormal,
    Normal,
    Percentiles,
    Uniform,
)
from stubs.latency.fit import ks_critical, ks_distance_to
from switchboard.seeded import unit

SAMPLES = 5_000
Cdf = Callable[[float], float]


def normal_cdf(mean: float, sd: float) -> Cdf:
    curve = NormalDist(mean, sd)
    below = curve.cdf(0)
    return lambda ms: (curve.cdf(ms) - below) / (1 - below)


def lines_cdf(points: list[tuple[float, float]]) -> Cdf:
    """Of (ms, share below), ascending in both, joined by straight lines."""

    def cdf(ms: float) -> float:
        for (low, below), (high, above) in pairwise(points):
            if ms < high:
                return below + (above - below) * (ms - low) / (high - low)
        return 1.0

    return cdf


CASES: dict[str, tuple[LatencyModel, Cdf]] = {
    "uniform": (Uniform(50, 250), lambda ms: (ms - 50) / 200),
    "normal": (Normal(100, 20), normal_cdf(100, 20)),
    "normal, truncated": (Normal(10, 30), normal_cdf(10, 30)),
    "exponential": (Exponential(20), lambda ms: 1 - math.exp(-ms / 20)),
    "log-normal": (
        LogNormal(18, 90),
        lambda ms: NormalDist().cdf(
            math.log(ms / 18) / math.log(90 / 18) * NormalDist().inv_cdf(0.99)
        ),
    ),
    "log-normal by sigma": (
        LogNormal.of_sigma(18, 0.7),
        lambda ms: NormalDist(math.log(18), 0.7).cdf(math.log(ms)),
    ),
    "percentiles": (
        Percentiles(((50, 20), (90, 80), (99, 300))),
        lines_cdf([(10, 0), (20, 0.5), (80, 0.9), (300, 0.99), (600, 1)]),
    ),
    "empirical": (
        Empirical((10, 20, 40, 100, 1000)),
        lines_cdf([(10, 0), (20, 0.25), (40, 0.5), (100, 0.75), (1000, 1)]),
    ),
}
each_case = pytest.mark.parametrize(("model", "cdf"), CASES.values(), ids=CASES)


def samples_ms(model: LatencyModel, seed: int) -> list[float]:
    return sorted(model.sample_s(unit(seed, n, 1)) * 1000 for n in range(SAMPLES))


@each_case
def test_samples_follow_the_models_own_distribution(model: LatencyModel, cdf: Cdf) -> None:
    distances = [ks_distance_to(samples_ms(model, seed), cdf) for seed in (1, 2, 3)]
    assert sorted(distances)[1] < ks_critical(SAMPLES)


@each_case
def test_samples_of_something_else_are_told_apart(model: LatencyModel, cdf: Cdf) -> None:
    slower = [ms * 1.1 for ms in samples_ms(model, 1)]
    assert ks_distance_to(slower, cdf) > ks_critical(SAMPLES)
