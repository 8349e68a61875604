from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.counted import Row, choose_counted, key_of
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.kind import FaultKind
from stubs.faults.quota import Quota
from stubs.faults.target import Target
from tests.stubs.faults.examples import an_ask

SECOND = 1_000.0


def rows_of(count: int, every_ms: float = SECOND) -> list[Row]:
    return [Row(n, n * every_ms, "ach", "POST /payments", "POST", "") for n in range(count)]


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        pytest.param({"first_n": 3}, [0, 1, 2], id="first_n"),
        pytest.param({"skip_first": 7}, [7, 8, 9], id="skip_first"),
        pytest.param({"every_n": 3}, [2, 5, 8], id="every_n"),
        pytest.param({"first_n": 2, "skip_first": 3}, [3, 4], id="two after three"),
        pytest.param({"every_n": 2, "first_n": 4}, [1, 3], id="each second of four"),
        pytest.param({"every_n": 2, "skip_first": 1}, [2, 4, 6, 8], id="each second but one"),
        pytest.param({"first_n": 2, "at_ms": 4 * SECOND}, [4, 5], id="since it began"),
        pytest.param({"every_n": 1, "for_ms": 2 * SECOND}, [0, 1], id="while it lasts"),
        pytest.param({"kind": Quota(limit=2, window_s=4.0)}, [2, 3, 6, 7], id="quota"),
        pytest.param(
            {"kind": Quota(limit=1, window_s=4.0), "at_ms": 2 * SECOND}, [3, 4, 5, 7, 8, 9],
            id="windows from its beginning",
        ),
        pytest.param({"kind": Quota(limit=0, window_s=1.0), "first_n": 2}, [0, 1], id="both"),
        pytest.param({"first_n": 3, "target": Target("svc")}, [], id="another service"),
        pytest.param({"first_n": 1, "target": Target(route="/payments")}, [0], id="its route"),
        pytest.param({"first_n": 1, "target": Target(tenant="t")}, [], id="another tenant"),
        pytest.param({"first_n": 3, "probability": 0.0}, [0, 1, 2], id="draws come later"),
    ],
)  # fmt: skip
def test_counted(changes: dict[str, Any], ids: list[int]) -> None:
    fault = Fault(**{"id": "cue", "kind": Error(), **changes})
    assert choose_counted(fault, rows_of(10)) == ids
    assert choose_counted(fault, [tuple(row[:6]) for row in rows_of(10)]) == ids


@pytest.mark.parametrize(
    ("scope", "ids"), [("service", [1, 2, 3, 4, 5]), ("tenant", [2, 3, 5]), ("key", [4, 5])]
)
def test_a_quota_is_shared_by_its_scope(scope: str, ids: list[int]) -> None:
    whose = [("a", "k1"), ("b", "k2"), ("a", "k3"), ("b", "k4"), ("c", "k1"), ("c", "k2")]
    rows = [
        Row(n, 0.0, "ach", "GET /", "GET", tenant, key) for n, (tenant, key) in enumerate(whose)
    ]
    kind: Any = Quota
    assert choose_counted(Fault("cue", kind(limit=1, scope=scope)), rows) == ids


def test_services_of_a_family_have_a_quota_each() -> None:
    rows = [Row(n, 0.0, f"ach-{n % 2}", "GET /", "GET", "") for n in range(4)]
    assert choose_counted(Fault("cue", Quota(limit=1), Target("ach")), rows) == [2, 3]


def test_a_plan_has_no_headers_to_count_by() -> None:
    fault = Fault("cue", Error(), Target(headers=(("x", "1"),)), first_n=2)
    with pytest.raises(ValueError, match="cue counts requests with a header, and a plan has none"):
        choose_counted(fault, [])


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"x-api-key": b"k", b"authorization": b"a", b"x-esr-user": b"u"}, "k"),
        ({b"authorization": b"a", b"x-esr-user": b"u"}, "u"),
        ({b"authorization": b"a"}, "a"),
        ({b"x-esr-user": b"u"}, "u"),
        ({}, ""),
    ],
)
def test_a_request_has_a_key(headers: dict[bytes, bytes], key: str) -> None:
    assert key_of(an_ask(headers=headers)) == key


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["ach", "ach-eu", "svc"]),
        st.sampled_from(["POST /payments", "GET /payments/{payment}"]),
        st.sampled_from(["", "t1", "t2"]),
        st.sampled_from(["", "u1", "u2"]),
    ),
    max_size=40,
)
COUNTING = st.builds(
    Fault,
    id=st.just("cue"),
    kind=st.just(Error())
    | st.builds(
        Quota,
        limit=st.integers(0, 4),
        window_s=st.sampled_from([1.0, 2.5, 60.0]),
        scope=st.sampled_from(["service", "tenant", "key"]),
    ),
    target=st.sampled_from(
        [Target(), Target("ach"), Target(route="POST /payments"), Target(tenant="t1")]
    ),
    at_ms=st.sampled_from([0.0, 2_500.0]),
    for_ms=st.none() | st.sampled_from([5_000.0, 20_000.0]),
    every_n=st.none() | st.integers(1, 4),
    first_n=st.none() | st.integers(1, 20),
    skip_first=st.integers(0, 5),
    probability=st.sampled_from([0.5, 1.0]),
    ramp_ms=st.sampled_from([0.0, 8_000.0]),
)


@given(COUNTING, ROWS, st.randoms(use_true_random=False))
def test_a_plan_comes_to_the_requests_that_a_gateway_would_hit(
    fault: Fault, raw: list[tuple[int, str, str, str, str]], random: Any
) -> None:
    """Counted live in plan order, or beforehand and then met in any order: the same ones."""
    rows, at_ms = [], 0.0
    for number, (gap_s, service, route, tenant, key) in enumerate(raw):
        at_ms += gap_s * SECOND
        rows.append(Row(number, at_ms, service, route, route.partition(" ")[0], tenant, key))
    planned = replace(fault, chosen=frozenset(choose_counted(fault, rows)))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert hits(fault, rows) == hits(planned, rows) == hits(planned, shuffled)


def hits(fault: Fault, rows: list[Row]) -> set[int]:
    chaos = Chaos(1, RecordedClock(Anchor(0), lambda: 0), [fault])
    return {row.request_id for row in rows if chaos.course(ask_of(row)).faults}


def ask_of(row: Row, attempt: int = 0, later_ms: float = 0.0) -> Any:
    return an_ask(
        service=row.service,
        route=row.route,
        method=row.method,
        path=row.route.partition(" ")[2],
        tenant=row.tenant,
        headers={b"x-esr-user": row.key.encode()} if row.key else {},
        request_id=row.request_id,
        at_ms=row.at_ms + later_ms,
        attempt=attempt,
    )


@pytest.mark.parametrize(
    ("kind", "later_ms", "is_hit"),
    [
        pytest.param(Error(), 0.0, False, id="a retry was not counted"),
        pytest.param(Quota(limit=1, window_s=10.0), 1_000.0, True, id="the window lasts"),
        pytest.param(Quota(limit=1, window_s=10.0), 10_000.0, False, id="the next window"),
    ],
)
def test_a_retry_under_a_plan(kind: FaultKind, later_ms: float, is_hit: bool) -> None:
    rows = rows_of(2)
    fault = Fault("cue", kind, skip_first=0 if isinstance(kind, Quota) else 1)
    planned = replace(fault, chosen=frozenset(choose_counted(fault, rows)))
    chaos = Chaos(1, RecordedClock(Anchor(0), lambda: 0), [planned])
    assert [bool(chaos.course(ask_of(row)).faults) for row in rows] == [False, True]
    assert bool(chaos.course(ask_of(rows[1], 1, later_ms)).faults) is is_hit
    assert not chaos.course(ask_of(rows[0], 1, later_ms)).faults
