"""Latencies as people write them, right and wrong: every fault at its path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.yaml_lines import load_yaml
from stubs.latency import (
    LATENCY_MODELS,
    AnyModel,
    Bucket,
    ColdStart,
    Exponential,
    Fixed,
    LogNormal,
    NoDelay,
    Normal,
    Percentiles,
    Queue,
    TimeOfDay,
    Uniform,
    parse_latency,
)
from stubs.latency.reader import MAX_QUANTILES
from switchboard.fault_reader import FaultReader

ROOT = Path(__file__).parents[3]


def read(raw: object) -> tuple[AnyModel, dict[str, str]]:
    """The model, and the faults by path (several at one path are joined)."""
    reader = FaultReader(lambda _path: None)
    model = parse_latency(raw, "latency", reader)
    faults: dict[str, str] = {}
    for fault in reader.faults:
        faults[fault.path] = "; ".join(filter(None, (faults.get(fault.path), fault.message)))
    return model, faults


@pytest.mark.parametrize(
    ("raw", "model"),
    [
        pytest.param(0, NoDelay(), id="0 ms"),
        pytest.param("none", NoDelay(), id="none"),
        pytest.param({"model": "none"}, NoDelay(), id="none as a model"),
        pytest.param(12.5, Fixed(12.5), id="a number of ms"),
        pytest.param({"model": "fixed", "ms": 100}, Fixed(100), id="fixed"),
        pytest.param({"model": "uniform", "min_ms": 50, "max_ms": 250}, Uniform(50, 250), id="uni"),
        pytest.param({"model": "normal", "mean_ms": 9, "sd_ms": 2}, Normal(9, 2), id="normal"),
        pytest.param({"model": "exponential", "mean_ms": 9}, Exponential(9), id="exponential"),
        pytest.param(
            {"model": "lognormal", "median_ms": 18, "p99_ms": 90}, LogNormal(18, 90), id="p99"
        ),
        pytest.param(
            {"model": "lognormal", "median_ms": 18, "sigma": 0.5},
            LogNormal.of_sigma(18, 0.5),
            id="sigma",
        ),
        pytest.param(
            {"model": "percentiles", "table": {"p99": 300, "p50": 20, "p99.9": 400, "p9999": 500}},
            Percentiles(((50, 20), (99, 300), (99.9, 400), (99.99, 500))),
            id="percentiles in any order and spelling",
        ),
        pytest.param(
            {"model": "queue", "servers": 4, "mean_ms": 20}, Queue(4, Exponential(20)), id="queue"
        ),
        pytest.param(
            {"model": "queue", "servers": 4, "service": 20, "max_queue": 9},
            Queue(4, Fixed(20), 9),
            id="queue of a fixed service time",
        ),
        pytest.param(
            {"model": "cold_start", "first_ms": 900, "warm_s": 30, "latency": 5},
            ColdStart(900, 30, None, Fixed(5)),
            id="cold start",
        ),
        pytest.param(
            {"model": "cold_start", "first_ms": 900, "requests": 3},
            ColdStart(900, None, 3),
            id="cold start by requests",
        ),
        pytest.param(
            {
                "model": "time_of_day",
                "buckets": [{"from_h": 22, "until_h": 6, "latency": 1}],
                "otherwise": {"model": "uniform", "min_ms": 1, "max_ms": 2},
            },
            TimeOfDay((Bucket(22, 6, Fixed(1)),), Uniform(1, 2)),
            id="time of day",
        ),
    ],
)
def test_a_latency_is_read(raw: object, model: AnyModel) -> None:
    assert read(raw) == (model, {})


HOURS = {"from_h": 0, "until_h": 24}


@pytest.mark.parametrize(
    ("raw", "faults"),
    [
        pytest.param(None, {"latency": "not nothing"}, id="nothing"),
        pytest.param(True, {"latency": "not true or false"}, id="true"),
        pytest.param([], {"latency": "not a list"}, id="a list"),
        pytest.param("100ms", {"latency": "a number of ms, or a mapping"}, id="a text"),
        pytest.param(-1, {"latency": "from 0 to 86,400,000"}, id="negative"),
        pytest.param(float("nan"), {"latency": "from 0 to"}, id="no number"),
        pytest.param(float("inf"), {"latency": "from 0 to"}, id="endless"),
        pytest.param(10**400, {"latency": "from 0 to"}, id="a number that is no float"),
        pytest.param({"ms": 3}, {"latency": "model is missing; known: none, fixed"}, id="no model"),
        pytest.param({"model": 3}, {"latency.model": "not a number"}, id="a number as a model"),
        pytest.param({"model": "unifrom"}, {"latency.model": "did you mean uniform"}, id="typo"),
        pytest.param(
            {"model": "uniform", "min_ms": 9, "max_ms": 3, "mx_ms": 1},
            {"latency.mx_ms": "did you mean max_ms", "latency": "min_ms <= max_ms"},
            id="unknown key",
        ),
        pytest.param(
            {"model": "uniform", "min_ms": 9, "max_ms": 3},
            {"latency": "min_ms <= max_ms"},
            id="uniform: crossed",
        ),
        pytest.param(
            {"model": "uniform", "min_ms": "a", "max_ms": True},
            {"latency.min_ms": "not text", "latency.max_ms": "not true or false"},
            id="uniform: two faults",
        ),
        pytest.param({"model": "fixed"}, {"latency.ms": "ms is missing"}, id="fixed: nothing"),
        pytest.param(
            {"model": "lognormal"},
            {"latency.median_ms": "is missing", "latency": "p99_ms or sigma is missing"},
            id="log-normal: nothing",
        ),
        pytest.param(
            {"model": "lognormal", "median_ms": 1, "p99_ms": 2, "sigma": 1},
            {"latency": "either p99_ms or sigma, not both"},
            id="log-normal: both",
        ),
        pytest.param(
            {"model": "lognormal", "median_ms": 1000, "sigma": 99},
            {"latency": "over a day"},
            id="log-normal: too wide",
        ),
        pytest.param(
            {"model": "percentiles", "table": [1, 2]}, {"latency.table": "p50: 20"}, id="no table"
        ),
        pytest.param({"model": "percentiles", "table": {}}, {"latency.table": "p50"}, id="empty"),
        pytest.param(
            {"model": "percentiles", "table": {"p50": "x", "p101": 1, "50": 2, "p95": -1}},
            {
                "latency.table.p50": "not text",
                "latency.table.p101": "from p0 to p100",
                "latency.table.50": "such as p50",
                "latency.table.p95": "from 0",
            },
            id="percentiles: four faults",
        ),
        pytest.param(
            {"model": "percentiles", "table": {"p50": 80, "p90": 20}},
            {"latency": "never fall"},
            id="percentiles: fall",
        ),
        pytest.param(
            {"model": "empirical", "quantiles_ms": []}, {"latency.quantiles_ms": "1 to"}, id="none"
        ),
        pytest.param(
            {"model": "empirical", "quantiles_ms": [0] * (MAX_QUANTILES + 1)},
            {"latency.quantiles_ms": "1 to 10,001"},
            id="empirical: endless",
        ),
        pytest.param(
            {"model": "empirical", "quantiles_ms": [1, None, -2]},
            {"latency.quantiles_ms[1]": "nothing", "latency.quantiles_ms[2]": "from 0"},
            id="empirical: two faults",
        ),
        pytest.param(
            {"model": "empirical", "quantiles_ms": [2, 1]},
            {"latency": "ascending"},
            id="empirical: falls",
        ),
        pytest.param({"model": "time_of_day"}, {"latency.buckets": "missing"}, id="no buckets"),
        pytest.param(
            {"model": "time_of_day", "buckets": {"9": 3}}, {"latency.buckets": "list"}, id="mapping"
        ),
        pytest.param(
            {
                "model": "time_of_day",
                "buckets": [7, {"from_h": 1.5, "until_h": 25, "latency": {"model": "x"}}, HOURS],
            },
            {
                "latency.buckets[0]": "mapping with from_h",
                "latency.buckets[1].from_h": "whole number",
                "latency.buckets[1].until_h": "from 0 to 24",
                "latency.buckets[1].latency.model": "no model x",
                "latency.buckets[2].latency": "is missing",
            },
            id="time of day: five faults",
        ),
        pytest.param(
            {"model": "time_of_day", "buckets": [{"from_h": 0, "until_h": 9, "latency": 1}]},
            {"latency": "from 9 o'clock is in no bucket; add `otherwise`"},
            id="time of day: gap",
        ),
        pytest.param(
            {
                "model": "time_of_day",
                "buckets": [],
                "otherwise": {"model": "queue", "servers": 1, "mean_ms": 1},
            },
            {"latency.otherwise": "depend on the moment"},
            id="time of day: of a queue",
        ),
        pytest.param(
            {"model": "queue", "servers": 0, "mean_ms": 1, "max_queue": 0.5},
            {"latency.max_queue": "whole number"},
            id="queue: part of a place",
        ),
        pytest.param(
            {"model": "queue", "servers": 0, "mean_ms": 1}, {"latency": "1 to 1,000"}, id="no one"
        ),
        pytest.param(
            {"model": "queue", "servers": 1}, {"latency": "mean_ms or service"}, id="no service"
        ),
        pytest.param(
            {"model": "queue", "service": {"model": "queue", "servers": 1, "mean_ms": 1}},
            {"latency.servers": "missing", "latency.service": "cannot be the service time"},
            id="queue: of a queue",
        ),
        pytest.param(
            {"model": "cold_start", "first_ms": 1, "warm_s": 1, "requests": 1},
            {"latency": "either warm_s or requests, not both"},
            id="cold start: both",
        ),
        pytest.param(
            {
                "model": "cold_start",
                "warm_s": 1,
                "latency": {"model": "cold_start", "first_ms": 1, "warm_s": 1},
            },
            {"latency.first_ms": "missing", "latency.latency": "cannot hold another"},
            id="cold start: of a cold start",
        ),
    ],
)
def test_every_fault_is_told_at_its_path(raw: object, faults: dict[str, str]) -> None:
    model, found = read(raw)
    assert found.keys() == faults.keys()
    for path, words in faults.items():
        assert words in found[path]
    assert isinstance(model, NoDelay)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["p50", "p99", "from_h", "until_h", "latency", "x"]), inner
        )
    ),
    max_leaves=6,
)
keys = sorted({each.name for row in LATENCY_MODELS.values() for each in row.parameters})


@given(st.sampled_from(list(LATENCY_MODELS)), st.dictionaries(st.sampled_from(keys), anything))
def test_whatever_is_written_is_read_or_told(name: str, fields: dict[str, Any]) -> None:
    model, faults = read({"model": name, **fields})
    assert isinstance(model, LATENCY_MODELS[name].model) or faults


def sections() -> dict[str, str]:
    """The page's part on each model, by its name."""
    page = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")
    parts = re.split(r"^##+ (.*)$", page, flags=re.MULTILINE)
    return {head.strip("`"): text for head, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("name", LATENCY_MODELS)
def test_the_page_has_every_model_and_its_parameters(name: str) -> None:
    section = sections()[name]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", section, flags=re.MULTILINE)
    units = {"ms": "ms", "s": "s", "1": "number", "": "-"}
    assert rows == [(each.name, units[each.unit]) for each in LATENCY_MODELS[name].parameters]


@pytest.mark.parametrize("name", LATENCY_MODELS)
def test_the_examples_of_the_page_are_read(name: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", sections()[name], flags=re.DOTALL)
    assert blocks
    for block in blocks:
        value, _ = load_yaml(block, name)
        assert isinstance(value, dict)
        model, faults = read(value["latency"])
        assert faults == {}
        assert type(model) is LATENCY_MODELS[name].model
