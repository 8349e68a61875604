from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from stubs.faults.contradictions import contradict, find_contradictions, share_requests
from stubs.faults.down import Down
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.latency import Latency
from stubs.faults.quota import Quota
from stubs.faults.reader import parse_faults
from stubs.faults.target import Target
from switchboard.errors import ScenarioError
from tests.stubs.faults.strategies import TARGETS

MINUTE = 60_000.0


def a_fault(name: str, kind: FaultKind, **changes: Any) -> Fault:
    return Fault(**{"id": name, "kind": kind, "target": Target("ach"), "at_ms": MINUTE, **changes})


def test_both_are_named() -> None:
    faults = [a_fault("one", Error(status=500)), a_fault("two", Error(status=503), at_ms=0.0)]
    ((later, sentence),) = find_contradictions(faults)
    assert later == 1
    assert sentence == (
        "contradicts one: both are `error` at 1m, for the same requests, and differ; "
        "remove one or two, or part their targets or their times"
    )


def test_each_is_named_once_however_many_it_contradicts() -> None:
    faults = [a_fault(f"f{n}", Error(status=400 + n)) for n in range(100)]
    found = list(find_contradictions(faults))
    assert [later for later, _ in found] == list(range(1, 100))
    assert all(sentence.startswith("contradicts f0:") for _, sentence in found)


def test_a_timetable_that_contradicts_itself_is_refused() -> None:
    raw = [
        {"kind": "down", "target": "ach", "mode": "refuse", "id": "one"},
        {"kind": "down", "target": "ach", "mode": "blackhole", "at": "5m", "id": "two"},
    ]
    with pytest.raises(ScenarioError, match=r"chaos\[1\].*contradicts one: both are `down` at 5m"):
        parse_faults(raw, source="x.yml", line_of=lambda _: None)


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"kind": Error(status=500)}, False, id="equal: twice the same thing"),
        pytest.param({"kind": Hang()}, False, id="another kind: precedence decides"),
        pytest.param({"target": Target("ach-eu")}, True, id="a part of it"),
        pytest.param({"target": Target("*")}, True, id="all of it"),
        pytest.param({"target": Target("svc")}, False, id="another service"),
        pytest.param({"probability": 0.99}, False, id="not always"),
        pytest.param({"ramp_ms": 5.0}, False, id="not always, at first"),
        pytest.param({"every_n": 2}, False, id="every second"),
        pytest.param({"max_active": 2}, False, id="two at a time"),
        pytest.param({"at_ms": 0.0, "for_ms": MINUTE}, False, id="before"),
        pytest.param({"at_ms": 0.0, "for_ms": MINUTE + 1}, True, id="still there"),
        pytest.param({"at_ms": 2 * MINUTE}, False, id="after"),
        pytest.param({"apply_to": "new"}, True, id="all and new"),
    ],
)
def test_what_contradicts(changes: dict[str, Any], is_refused: bool) -> None:
    one = a_fault("one", Error(status=500), for_ms=MINUTE)
    other = a_fault("two", **{"kind": Error(status=503), **changes})
    assert contradict(one, other) is is_refused
    assert contradict(other, one) is is_refused


def test_new_and_existing_connections_are_no_contradiction() -> None:
    one = a_fault("one", Down(mode="refuse"), apply_to="new")
    assert not contradict(one, a_fault("two", Down(mode="reset"), apply_to="existing"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Latency(ms=5.0), Latency(ms=9.0), id="latency"),
        pytest.param(Quota(limit=5), Quota(limit=9, scope="tenant"), id="quota"),
    ],
)
def test_what_adds_up_never_contradicts(one: FaultKind, other: FaultKind) -> None:
    assert not contradict(a_fault("one", one), a_fault("two", other))


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        (Target(), Target("ach"), True),
        (Target("ach"), Target("ach-eu"), True),
        (Target("svc-fee"), Target("svc-fee-2"), False),
        (Target(route="POST /a"), Target(), True),
        (Target(route="POST /a"), Target(route="/a"), True),
        (Target(route="POST /a"), Target(route="GET /a"), False),
        (Target(route="POST /a"), Target(method="GET"), False),
        (Target(route="ANY /a"), Target(method="GET"), True),
        (Target(route="/a"), Target(route="/b"), False),
        (Target(route="/a/{x}"), Target(route="/a/{y}"), True),
        (Target(route="/a/{x}"), Target(route="/a/1"), True),
        (Target(route="/a/*"), Target(route="/a/{x}"), True),
        (Target(route="/a/*"), Target(route="/b/*"), False),
        (Target(tenant="a"), Target(tenant="b"), False),
        (Target(tenant="a"), Target(), True),
        (Target(headers=(("x", "1"),)), Target(headers=(("x", "2"),)), False),
        (Target(headers=(("x", "1"),)), Target(headers=(("x", "*"),)), True),
        (Target(headers=(("x", "1"),)), Target(headers=(("y", "2"),)), True),
    ],
)
def test_targets_share_requests(one: Target, other: Target, is_shared: bool) -> None:
    assert share_requests(one, other) is is_shared
    assert share_requests(other, one) is is_shared


@given(TARGETS, TARGETS)
def test_sharing_is_mutual_and_with_oneself(one: Target, other: Target) -> None:
    assert share_requests(one, one)
    assert share_requests(one, other) is share_requests(other, one)
