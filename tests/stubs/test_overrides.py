"""Latencies in the place of a service's own."""

from __future__ import annotations

import pytest

from stubs.latency import Fixed, NoDelay, Uniform
from stubs.overrides import parse_overrides, with_latencies
from stubs.service import Answer, Asked, Service, StubRoute
from switchboard.errors import ScenarioError


def nothing(_: Asked) -> Answer:
    return Answer(200)


ACH = Service(
    "ach",
    "payments",
    [
        StubRoute("POST", "/payments", nothing, Uniform(1, 2)),
        StubRoute("GET", "/payments/{payment}", nothing, Uniform(1, 2)),
    ],
)


def latencies(raw: dict[str, object]) -> list[object]:
    overrides = parse_overrides(raw, source="test", line_of=lambda _: None)
    return [route.latency for route in with_latencies(ACH, overrides).routes]


@pytest.mark.parametrize(
    ("raw", "models"),
    [
        pytest.param({}, [Uniform(1, 2), Uniform(1, 2)], id="none"),
        pytest.param({"ach": 5}, [Fixed(5), Fixed(5)], id="of the service"),
        pytest.param({"ach POST /payments": 5}, [Fixed(5), Uniform(1, 2)], id="of a route"),
        pytest.param({"ach": 5, "ach POST /payments": 0}, [NoDelay(), Fixed(5)], id="of both"),
        pytest.param({"ach GET /payments/{id}": 5}, [Uniform(1, 2), Fixed(5)], id="another brace"),
        pytest.param({"ach-eu POST /payments": 5}, [Fixed(5), Uniform(1, 2)], id="of the family"),
        pytest.param({"ach-eu": 5, "ach": 6}, [Fixed(6), Fixed(6)], id="its own goes before"),
        pytest.param({"svc": 5}, [Uniform(1, 2), Uniform(1, 2)], id="of another"),
    ],
)
def test_a_routes_own_goes_before_its_services(
    raw: dict[str, object], models: list[object]
) -> None:
    assert latencies(raw) == models


def test_a_service_without_any_is_the_very_same() -> None:
    overrides = parse_overrides({"svc": 5}, source="test", line_of=lambda _: None)
    assert with_latencies(ACH, overrides) is ACH


def test_every_mistake_is_told() -> None:
    raw = {"ach": "fast", "ach POST": 5, "ach POST payments": 5, "": 5, "svc": -1}
    with pytest.raises(ScenarioError) as caught:
        parse_overrides(raw, source="test", line_of=lambda _: None)
    assert {fault.path for fault in caught.value.faults} == set(raw)
