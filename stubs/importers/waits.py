"""How long answers take, as latency models of the definitions.

Floor 1, pure. Each function gives the mapping of a model, or None for no wait at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import quantiles
from typing import Any, Final

from stubs.importers.fields import MAX_MS, number_of
from stubs.importers.report import NotTakenError

_POINTS: Final = (50, 90, 95, 99)

Latency = Mapping[str, Any] | None


def fixed_latency(ms: object) -> Latency:
    """Always that long."""
    wait_ms = number_of(ms, "the delay in milliseconds")
    return {"model": "fixed", "ms": _whole(wait_ms)} if wait_ms else None


def uniform_latency(low_ms: object, high_ms: object) -> Latency:
    low = number_of(low_ms, "the lower limit of the delay")
    high = number_of(high_ms, "the upper limit of the delay")
    if low > high:
        raise NotTakenError("the limits of the delay are the wrong way round")
    return {"model": "uniform", "min_ms": _whole(low), "max_ms": _whole(high)}


def lognormal_latency(median_ms: object, sigma: object) -> Latency:
    median = number_of(median_ms, "the median of the delay", 0.001)
    spread = number_of(sigma, "sigma of the delay", 0.0, 10.0)
    if spread == 0:
        return fixed_latency(median)
    return {"model": "lognormal", "median_ms": _whole(median), "sigma": spread}


def mean_lognormal_latency(median_ms: object, mean_ms: object) -> Latency:
    """From the median and the mean: mu is ln(median), sigma the root of 2 (ln(mean) - mu)."""
    median = number_of(median_ms, "the median of the delay", 0.001)
    mean = number_of(mean_ms, "the mean of the delay", 0.001)
    if mean < median:
        raise NotTakenError("the mean of a log-normal delay is not under its median")
    sigma = math.sqrt(2 * (math.log(mean) - math.log(median)))
    return lognormal_latency(median, round(min(sigma, 10.0), 6))


def percentile_latency(waits_ms: Sequence[float]) -> Latency:
    """As recorded: percentiles of many waits, the one wait of a single one."""
    waits = sorted(min(wait, MAX_MS) for wait in waits_ms)
    if not waits or waits[-1] == 0:
        return None
    if waits[0] == waits[-1]:
        return {"model": "fixed", "ms": _whole(waits[0])}
    cuts = quantiles(waits, n=100, method="inclusive")
    table = {f"p{point}": _whole(cuts[point - 1]) for point in _POINTS}
    return {
        "model": "percentiles",
        "table": {"p0": _whole(waits[0]), **table, "p100": _whole(waits[-1])},
    }


def _whole(ms: float) -> float:
    """To the microsecond, and without a needless fraction."""
    rounded = round(ms, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def quantile_latency(quantiles_ms: Sequence[object]) -> Latency:
    """From evenly spaced quantiles, ascending."""
    table = [number_of(each, "a wait") for each in quantiles_ms]
    if not table or table[-1] == 0:
        return None
    if any(b < a for a, b in pairwise(table)):
        raise NotTakenError("its waits are not in ascending order")
    return {"model": "empirical", "quantiles_ms": [_whole(each) for each in table]}
