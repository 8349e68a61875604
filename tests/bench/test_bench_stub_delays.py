"""The figures of the bench of delays: what it holds answers against is what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from bench.delay_client import Order
from bench.delay_servers import DEFINITION, FIXED_MS
from bench.stub_delays import MODELS, SAMPLES, Cdf
from scenarios.yaml_lines import load_yaml
from stubs.latency import Fixed, LatencyModel, NoDelay, parse_latency
from stubs.latency.fit import ks_critical, ks_distance_to
from switchboard.fault_reader import FaultReader
from switchboard.seeded import unit


@pytest.mark.parametrize(("model", "cdf"), MODELS.values(), ids=MODELS)
def test_a_distribution_is_that_of_its_model(model: LatencyModel, cdf: Cdf) -> None:
    for n in range(1, 100):
        assert cdf(model.sample_s(n / 100) * 1000) == pytest.approx(n / 100)
    assert cdf(0.0) == 0
    assert cdf(1e9) == 1


def test_the_gateway_is_told_the_same_models() -> None:
    value, line_of = load_yaml(DEFINITION, "lab")
    reader = FaultReader(line_of)
    found: dict[str, Any] = {}
    assert isinstance(value, dict)
    for route in value["routes"]:
        found[route["path"].strip("/")] = parse_latency(route.get("latency", 0), "x", reader)
    assert reader.faults == []
    assert (found["none"], found["fixed"]) == (NoDelay(), Fixed(FIXED_MS))
    assert {name: found[name] for name in MODELS} == {
        name: each[0] for name, each in MODELS.items()
    }


def test_the_draws_alone_would_pass() -> None:
    """A miss is the gateway's then, and not that of the seed."""
    for model, cdf in MODELS.values():
        drawn = sorted(model.sample_s(unit(0, n, 1)) * 1000 for n in range(SAMPLES))
        assert ks_distance_to(drawn, cdf) < ks_critical(SAMPLES)


def test_requests_are_numbered_as_a_run_would() -> None:
    order = Order(80, "/fixed", 9, 200.0, 4, first_id=250)
    assert order.request(6) == (
        b"GET /fixed HTTP/1.1\r\nHost: lab.hms.example\r\nx-esr-request: 100\r\n\r\n"
    )
