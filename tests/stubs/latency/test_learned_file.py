"""Files of learned latencies: read whole, or refused with every fault."""

from __future__ import annotations

import pytest

from stubs.latency import (
    Fixed,
    Uniform,
    choose_latency,
    latencies_by_place,
    latency_mapping,
    parse_latencies,
)
from stubs.latency.learned_file import MAX_FAULTS, MAX_ROUTES
from switchboard.errors import ScenarioError


def entry(template: str, ms: float, service: str = "svc", method: str = "GET") -> dict[str, object]:
    latency = latency_mapping(Fixed(ms))
    return {"service": service, "method": method, "template": template, "latency": latency}


def file_of(*routes: object) -> dict[str, object]:
    return {"schema": "esr.latencies/1", "routes": list(routes)}


def test_routes_are_read_in_their_order() -> None:
    odd = {**entry("/a", 2), "count": 9, "check": None, "latency": latency_mapping(Uniform(1, 2))}
    found = parse_latencies(file_of(entry("/b", 1), odd))
    assert list(found.items()) == [
        (("svc", "GET", "/b"), Fixed(1)), (("svc", "GET", "/a"), Uniform(1, 2)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        pytest.param(None, ["must be a mapping"], id="nothing"),
        pytest.param({}, ["schema: must be esr.latencies/1", "routes is missing"], id="empty"),
        pytest.param({"schema": "x/1", "routes": {}}, ["schema", "routes: must be a list"], id="x"),
        pytest.param(file_of(3, entry("/a", 1), entry("/a", 2)), ["routes[0]", "second"], id="two"),
        pytest.param(
            file_of({"service": 1, "method": "GET", "latency": {"model": "unifrom"}, "x": 1}),
            ["routes[0].x", "[0].service: must be text", "template is missing", "uniform?"],
            id="four faults",
        ),
        pytest.param(
            file_of({"service": "a", "method": "GET", "template": "/"}),
            ["latency is missing"],
            id="no latency",
        ),
    ],
)
def test_every_fault_is_told(value: object, faults: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_latencies(value, source="own.json")
    assert "own.json cannot be used" in str(caught.value)
    assert len(caught.value.faults) == len(faults)
    for fault, words in zip(caught.value.faults, faults, strict=True):
        assert words in str(fault)


def test_faults_and_routes_are_bounded() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_latencies(file_of(*range(MAX_FAULTS * 2)))
    assert len(caught.value.faults) == MAX_FAULTS
    with pytest.raises(ScenarioError, match="at most 10,000"):
        parse_latencies(file_of(*[0] * (MAX_ROUTES + 1)))


LEARNED = parse_latencies(
    file_of(
        entry("/profiles/{id}", 1),
        entry("/profiles/alice", 2),
        entry("/people/bob", 3),
        entry("/pay", 4, method="POST"),
        entry("/me", 5, service="act"),
    )
)


@pytest.mark.parametrize(
    ("service", "method", "template", "ms"),
    [
        pytest.param("svc", "GET", "/profiles/{id}", 1, id="as recorded"),
        pytest.param("svc", "GET", "/profiles/alice", 2, id="spelt out"),
        pytest.param("svc", "GET", "/profiles/{citizen}", 1, id="another name in the braces"),
        pytest.param("svc", "GET", "/people/{name}", 3, id="identifiers that look like words"),
        pytest.param("svc", "ANY", "/pay", 4, id="any method"),
        pytest.param("svc", "GET", "/pay", None, id="another method"),
        pytest.param("svc", "GET", "/me", None, id="another service"),
        pytest.param("svc", "GET", "/profiles/{citizen}/x", None, id="a longer path"),
    ],
)
def test_a_stubs_route_finds_what_was_learned(
    service: str, method: str, template: str, ms: float | None
) -> None:
    found = choose_latency(LEARNED, service, method, template)
    assert found == (None if ms is None else Fixed(ms))


def test_a_gateway_is_configured_by_route() -> None:
    other = {**entry("(other)", 9), "method": ""}
    found = parse_latencies(file_of(entry("/pay", 4, method="POST"), other))
    assert latencies_by_place(found) == {"svc POST /pay": {"model": "fixed", "ms": 4.0}}
