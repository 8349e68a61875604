"""Latencies in the place of a service's own: whose goes before whose."""

from __future__ import annotations

import pytest

from stubs.latency import Fixed, NoDelay
from stubs.overrides import parse_overrides, with_latencies
from stubs.service import Answer, Asked, Service, StubRoute
from switchboard.errors import ScenarioError


def say_nothing(asked: Asked) -> Answer:
    return Answer(204)


SERVICE = Service(
    "ach",
    "HMS-ACH",
    (
        StubRoute("POST", "/payments", say_nothing, Fixed(80)),
        StubRoute("GET", "/ledger", say_nothing, Fixed(20)),
    ),
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({}, [Fixed(80), Fixed(20)], id="none"),
        pytest.param({"svc": 5}, [Fixed(80), Fixed(20)], id="another's"),
        pytest.param({"ach": 5}, [Fixed(5), Fixed(5)], id="service"),
        pytest.param({"ach POST /payments": 5}, [Fixed(5), Fixed(20)], id="route"),
        pytest.param({"ach": 5, "ach GET /ledger": 7}, [Fixed(5), Fixed(7)], id="both"),
        pytest.param({"*": "none"}, [NoDelay(), NoDelay()], id="everybody's"),
        pytest.param({"*": "none", "ach": 5}, [Fixed(5), Fixed(5)], id="service before everybody"),
    ],
)
def test_the_closest_latency_wins(raw: dict[str, object], expected: list[object]) -> None:
    overrides = parse_overrides(raw, source="`latency`", line_of=lambda _: None)
    service = with_latencies(SERVICE, overrides)
    assert [route.latency for route in service.routes] == expected
    assert (service is SERVICE) == (expected == [Fixed(80), Fixed(20)])


def test_a_target_that_is_none_is_refused() -> None:
    with pytest.raises(ScenarioError, match="cannot be"):
        parse_overrides({"ach payments": 5}, source="`latency`", line_of=lambda _: None)
