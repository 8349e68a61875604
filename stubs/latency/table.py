"""Every latency model by the name that files call it: what it takes, and in which unit.

The reader, the docs' test and the round trip go by this one table. Floor 1, pure.
Read next: `reader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stubs.latency.cold_start import ColdStart
from stubs.latency.empirical import Empirical
from stubs.latency.exponential import Exponential
from stubs.latency.fixed import Fixed
from stubs.latency.lognormal import LogNormal
from stubs.latency.no_delay import NoDelay
from stubs.latency.normal import Normal
from stubs.latency.percentiles import Percentiles
from stubs.latency.queue import Queue
from stubs.latency.time_of_day import TimeOfDay
from stubs.latency.uniform import Uniform


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a model in a file. unit: `ms`, `s`, `1` for a plain number, "" for no number."""

    name: str
    unit: str
    meaning: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model's class and what a file says of it."""

    model: type
    title: str
    parameters: tuple[Parameter, ...]


_MEDIAN: Final = Parameter("median_ms", "ms", "half of the waits are shorter")
_MEAN: Final = Parameter("mean_ms", "ms", "the mean")

LATENCY_MODELS: Final[Mapping[str, ModelRow]] = {
    "none": ModelRow(NoDelay, "no wait", ()),
    "fixed": ModelRow(Fixed, "always the same", (Parameter("ms", "ms", "the wait"),)),
    "uniform": ModelRow(
        Uniform,
        "between two limits, all as likely",
        (Parameter("min_ms", "ms", "the shortest"), Parameter("max_ms", "ms", "the longest")),
    ),
    "normal": ModelRow(
        Normal,
        "the bell curve, without its part under 0",
        (
            Parameter("mean_ms", "ms", "the middle of the whole curve"),
            Parameter("sd_ms", "ms", "its standard deviation"),
        ),
    ),
    "exponential": ModelRow(Exponential, "short ones common, long ones ever rarer", (_MEAN,)),
    "lognormal": ModelRow(
        LogNormal,
        "many short ones and a long tail",
        (
            _MEDIAN,
            Parameter("p99_ms", "ms", "one in a hundred is longer", is_required=False),
            Parameter("sigma", "1", "instead: the spread of the logarithms", is_required=False),
        ),
    ),
    "percentiles": ModelRow(
        Percentiles,
        "a few percentiles joined by straight lines",
        (Parameter("table", "ms", "ms by percentile, such as {p50: 20, p99: 300}"),),
    ),
    "empirical": ModelRow(
        Empirical,
        "as recorded",
        (Parameter("quantiles_ms", "ms", "evenly spaced quantiles, ascending"),),
    ),
    "time_of_day": ModelRow(
        TimeOfDay,
        "another latency for each hour of the recorded day",
        (
            Parameter("buckets", "", "a list of {from_h, until_h, latency}, hours in UTC"),
            Parameter("otherwise", "", "the latency of all other hours", is_required=False),
        ),
    ),
    "queue": ModelRow(
        Queue,
        "so many servers, first come, first served",
        (
            Parameter("servers", "1", "how many are served at once"),
            Parameter("mean_ms", "ms", "the mean of an exponential service time", False),
            Parameter("service", "", "instead: a latency, how long each is served", False),
            Parameter("max_queue", "1", "how many may wait; more are refused", False),
        ),
    ),
    "cold_start": ModelRow(
        ColdStart,
        "more at first, until it is warm",
        (
            Parameter("first_ms", "ms", "what the very first request waits more"),
            Parameter("warm_s", "s", "how long it takes to get warm, in wall time", False),
            Parameter("requests", "1", "instead: how many requests make it warm", False),
            Parameter("latency", "", "the latency it has anyway", is_required=False),
        ),
    ),
}

NAMES: Final[Mapping[type, str]] = {row.model: name for name, row in LATENCY_MODELS.items()}
