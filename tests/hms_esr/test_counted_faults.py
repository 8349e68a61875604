"""Counting faults are counted in plan order, so neither speed nor workers change who is hit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hms_esr.counted_faults import is_met
from hms_esr.exits import UsageError
from hms_esr.preparation import Preparation, stub_route_name
from stubs.faults.fault import Fault
from stubs.faults.reader import parse_faults

Prepare = Callable[..., Preparation]

PAYING: tuple[Mapping[str, Any], ...] = tuple(
    {
        "at": 100 * number,
        "user": f"user-{number % 3}",
        "url": f"https://{'ach' if number % 2 else 'svc'}.hms.example/payments/{number}77",
        "headers": {"x-tenant-id": "north" if number % 4 == 1 else "south"},
    }
    for number in range(20)
)
"""Every other request is for ach; of those every other is of the tenant north."""


def faults(*entries: Mapping[str, Any]) -> tuple[Fault, ...]:
    return parse_faults(list(entries), source="test", line_of=lambda path: None)


def chosen(prep: Preparation) -> list[list[int] | None]:
    return [None if f.chosen is None else sorted(f.chosen) for f in prep.faults]


COUNTING = faults(
    {"kind": "error", "id": "third", "target": "ach", "every_n": 3},
    {"kind": "error", "id": "first", "target": "svc", "status": 404, "first_n": 2, "skip_first": 1},
    {"kind": "quota", "id": "north", "target": {"service": "ach", "tenant": "north"}, "limit": 2},
    {"kind": "quota", "id": "each", "target": "*", "limit": 5, "scope": "key"},
    {"kind": "error", "id": "late", "target": "ach", "at": "1s", "every_n": 2, "status": 410},
    {"kind": "error", "id": "drawn", "target": "ach", "probability": 0.5, "status": 418},
)


def test_each_counts_the_requests_that_it_is_about(prepare_log: Prepare) -> None:
    prep = prepare_log(PAYING, faults=COUNTING)
    assert chosen(prep) == [
        [5, 11, 17],
        [2, 4],
        [9, 13, 17],
        [15, 16, 17, 18, 19],
        [13, 17],
        None,
    ]


@pytest.mark.parametrize("speed", ["0.5x", "60x", "max"])
def test_the_same_are_hit_at_any_speed(speed: str, prepare_log: Prepare) -> None:
    usual = chosen(prepare_log(PAYING, faults=COUNTING))
    assert chosen(prepare_log(PAYING, faults=COUNTING, speed=speed)) == usual


def test_a_recorded_path_is_counted_under_the_name_of_the_stubs_route(
    prepare_log: Prepare,
) -> None:
    target = {"service": "ach", "route": "GET /payments/{payment}"}
    prep = prepare_log(PAYING, faults=faults({"kind": "error", "target": target, "first_n": 1}))
    assert chosen(prep) == [[1]]


def test_a_single_path_is_counted_as_it_will_be_sent(prepare_log: Prepare) -> None:
    one = {"kind": "error", "id": "one", "first_n": 2}
    target = {"service": "ach", "route": "GET /payments/777"}
    prep = prepare_log(PAYING, faults=faults({**one, "target": target}))
    assert chosen(prep) == [[7]]
    users = ("4400001", "4400002")
    named = [
        {"at": 100 * n, "user": user, "url": f"https://ach.hms.example/payments/{user}"}
        for n, user in enumerate(users)
    ]
    clone = prepare_log(named, users=9).plan.lanes.name[5]
    target = {"service": "ach", "route": f"/payments/{clone}"}
    prep = prepare_log(named, users=9, faults=faults({**one, "target": target}))
    lanes = [prep.plan.lanes.name[int(lane)] for lane in prep.plan.lane]
    assert clone not in users
    assert chosen(prep) == [[lanes.index(clone)]]


def test_what_is_counted_by_a_header_is_left_to_the_gateway(prepare_log: Prepare) -> None:
    target = {"service": "ach", "header": {"x-lane": "a"}}
    prep = prepare_log(PAYING, faults=faults({"kind": "error", "target": target, "first_n": 1}))
    assert chosen(prep) == [None]


def test_only_stubs_can_play_faults(prepare_log: Prepare, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"target .* has none"):
        prepare_log(PAYING, faults=COUNTING, target="127.0.0.1:9")


def test_a_run_may_leave_its_scenarios_faults_out(prepare_log: Prepare, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "id: bad\nlog_path: day.ndjson\nchaos: [{action: ACH_DOWN, at: 1s}]\n"
    )
    assert [f.id for f in prepare_log(PAYING, scenario="bad.yml").faults] == ["ach-down"]
    assert prepare_log(PAYING, scenario="bad.yml", faults=()).faults == ()


@pytest.mark.parametrize(
    ("target", "met"),
    [
        ("ach", True),
        ("*", True),
        ("svc-fee", False),
        ({"service": "ach", "tenant": "north"}, True),
        ({"service": "ach", "tenant": "nobody"}, False),
        ({"service": "ach", "route": "/payments/177"}, True),
        ({"service": "ach", "route": "/payments/178"}, False),
    ],
)
def test_a_fault_that_no_request_can_meet_is_known_beforehand(
    target: Any, met: bool, prepare_log: Prepare
) -> None:
    prep = prepare_log(PAYING, faults=faults({"kind": "error", "target": target}))
    (fault,) = prep.faults
    assert is_met(fault, prep.tape, prep.plan, stub_route_name) is met
