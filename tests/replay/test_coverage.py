from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay import coverage
from replay.coverage import (
    Coverage,
    RouteShare,
    compare,
    compare_gaps,
    describe_coverage,
    ks_distance,
)

NS = 1_000_000_000
NAMES = ["svc GET /a", "svc GET /b", "svc POST /c", "svc GET /d"]


def routes(*numbers: int) -> coverage.Column:
    return np.array(numbers, np.uint16)


def poisson(count: int, seed: int = 1, mean_ns: float = 1e7) -> coverage.Column:
    draws = np.random.default_rng(seed).exponential(mean_ns, count)
    return np.cumsum(draws).astype(np.int64)


def test_the_same_at_another_speed_is_the_same() -> None:
    due, route = poisson(20_000), np.arange(20_000, dtype=np.uint16) % 7
    for speed in (1, 3, 60, 4_800):
        found = compare(route, route, due, due // speed, NAMES)
        assert (found.route_distance, found.route_ks) == (0, 0)
        assert found.inter_arrival_ks is not None
        assert found.inter_arrival_ks < 0.01
        assert (found.missing, found.changed) == ((), ())
        assert describe_coverage(found) == ()


def test_even_gaps_are_the_same_however_they_are_rounded() -> None:
    due = np.arange(10_000, dtype=np.int64) * 1_000_000
    assert compare_gaps(due, due // 3) == 0
    assert compare_gaps(due, due // 7 + 5) == 0


def test_what_is_not_sent_is_named() -> None:
    source, sent = routes(*[0] * 5, *[1] * 3, 2, 3), routes(*[0] * 2, *[1] * 2)
    found = compare(source, sent, np.arange(10), np.arange(4), NAMES)
    assert found == Coverage(
        source_requests=10,
        sent_requests=4,
        source_routes=4,
        sent_routes=2,
        missing_routes=2,
        route_distance=0.2,
        route_ks=0.2,
        inter_arrival_ks=0.0,
        missing=(RouteShare("svc POST /c", 0.1, 0), RouteShare("svc GET /d", 0.1, 0)),
        changed=(RouteShare("svc GET /b", 0.3, 0.5),),
    )
    assert describe_coverage(found) == (
        "2 routes are not sent at all: svc POST /c, svc GET /d",
        "the mix of routes differs from the source: "
        "20.0% of the requests would have to go elsewhere",
    )
    assert found.to_json() == {
        "requests": {"source": 10, "sent": 4},
        "routes": {
            "source": 4,
            "sent": 2,
            "distance": 0.2,
            "ks": 0.2,
            "missing_count": 2,
            "missing": [
                {"route": "svc POST /c", "source": 0.1, "sent": 0},
                {"route": "svc GET /d", "source": 0.1, "sent": 0},
            ],
            "changed": [{"route": "svc GET /b", "source": 0.3, "sent": 0.5}],
        },
        "inter_arrival": {"ks": 0.0},
    }


def test_bursts_are_not_even_gaps() -> None:
    even = np.arange(1_000, dtype=np.int64) * NS
    bursts = (np.arange(1_000, dtype=np.int64) // 10) * 10 * NS
    assert compare_gaps(even, bursts) == pytest.approx(0.9, abs=0.01)
    assert compare_gaps(even, poisson(20_000)) == pytest.approx(0.632, abs=0.01)
    found = compare(routes(0), routes(0), even, bursts)
    assert "Kolmogorov-Smirnov distance 0.9" in describe_coverage(found)[0]


@pytest.mark.parametrize("sent", [[], [5], [5, 5, 5]])
def test_without_gaps_nothing_is_compared(sent: list[int]) -> None:
    due = np.array(sent, np.int64)
    assert compare_gaps(np.arange(9), due) is None
    assert compare_gaps(due, np.arange(9)) is None


def test_nothing_and_something() -> None:
    nothing, due = routes(), np.zeros(0, np.int64)
    assert compare(nothing, nothing, due, due).route_distance == 0
    found = compare(routes(0, 1), nothing, np.arange(2), due)
    assert (found.route_distance, found.route_ks) == (1, 1)
    assert [each.route for each in found.missing] == ["0", "1"]


def test_memory_is_flat_for_many_rows() -> None:
    count = 3_000_000
    due = np.arange(count, dtype=np.int64) * 1_000
    route = np.zeros(count, np.uint16)
    tracemalloc.start()
    try:
        found = compare(route, route[::2], due, due[::2])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.inter_arrival_ks == 0
    assert peak < 40_000_000


SIDES = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@settings(max_examples=100)
@given(source=SIDES, sent=SIDES)
def test_distances_are_distances(source: list[int], sent: list[int]) -> None:
    def of(one: list[int], other: list[int]) -> Coverage:
        return compare(routes(*one), routes(*other), np.cumsum(one), np.cumsum(other))

    there, back = of(source, sent), of(sent, source)
    assert there.route_distance == back.route_distance
    assert there.inter_arrival_ks == back.inter_arrival_ks
    assert 0 <= there.route_ks <= there.route_distance + 1e-6 <= 1 + 1e-6
    assert of(source, source).route_distance == 0
    shares = [abs(source.count(n) / len(source) - sent.count(n) / len(sent)) for n in range(6)]
    assert there.route_distance == pytest.approx(sum(shares) / 2, abs=1e-6)


@settings(max_examples=100)
@given(one=SIDES, other=SIDES)
def test_the_ks_distance_is_the_largest_step(one: list[int], other: list[int]) -> None:
    def below(side: list[int], value: int) -> float:
        return sum(each <= value for each in side) / len(side)

    largest = max(abs(below(one, value) - below(other, value)) for value in range(6))
    found = ks_distance(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(largest, abs=1e-6)
