"""`esr plan`: what would be sent, worked out from the plan alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hms_esr.flight_plan import CURVE_POINTS, describe_plan
from hms_esr.preparation import Preparation
from hms_esr.reports import describe_fault
from stubs.faults.reader import parse_faults

Prepare = Callable[..., Preparation]


def test_a_paced_plan_has_rates(prepare_log: Prepare) -> None:
    told = describe_plan(prepare_log(speed="2x"))
    assert (told["requests"], told["users"], told["speed"]) == (4, 2, "2x")
    assert told["wall_s"] == pytest.approx(told["trace_time_s"] / 2, abs=1e-3)
    assert told["mean_rps"] == pytest.approx(4 / told["wall_s"], abs=0.1)
    assert told["peak_rps"] == 3
    assert len(told["curve_rps"]) == CURVE_POINTS
    assert told["routes"] == [
        {"route": "svc GET /me", "requests": 3},
        {"route": "ach POST /pay/{id}", "requests": 1},
    ]
    assert told["hosts"] == {"svc.hms.example": 3, "ach.hms.example": 1}
    assert told["skipped"] == {}
    assert "127.0.0.1" in told["contacts"][0]


def test_without_a_pace_there_are_no_rates(prepare_log: Prepare) -> None:
    told = describe_plan(prepare_log(speed="max"))
    assert [told[key] for key in ("wall_s", "mean_rps", "peak_rps", "curve_rps")] == [
        None, None, None, [],
    ]  # fmt: skip


def test_what_is_left_out_is_said(prepare_log: Prepare, tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "one.yml").write_text(
        "upstreams:\n"
        "  - {name: svc, hosts: ['svc.*'], base_url: 'http://127.0.0.1:9/sandbox'}\n"
        "  - {name: six, hosts: ['six.*'], base_url: 'http://[::1]:9'}\n"
    )
    told = describe_plan(prepare_log(target="one", duration="1s"))
    assert told["skipped"] == {"host not mapped": 1, "due after the window": 1}
    assert told["contacts"] == ["http://127.0.0.1:9/sandbox", "http://[::1]:9"]
    assert told["requests"] == 2


def test_one_request_is_a_plan(prepare_log: Prepare) -> None:
    told = describe_plan(prepare_log(duration="1ms"))
    assert told["requests"] == 1
    assert told["peak_rps"] == 1
    assert sum(told["curve_rps"]) > 0


def test_faults_are_shown_with_the_requests_they_are_about(prepare_log: Prepare) -> None:
    """A target that nothing fits is a mistake, and shows as such before anything is played."""
    chaos = parse_faults(
        [
            {"kind": "down", "target": "ach", "at": "100ms", "for": "1s"},
            {"kind": "error", "target": "svc", "at": "1s", "first_n": 1},
            {"kind": "down", "id": "typo", "target": "svc-fee", "at": "0s"},
        ],
        source="test",
        line_of=lambda path: None,
    )
    faults = describe_plan(prepare_log(faults=chaos))["faults"]
    assert [(fault["id"], fault["requests"]) for fault in faults] == [
        ("ach-down", 1), ("svc-error", 1), ("typo", 0),
    ]  # fmt: skip
    assert all("chosen" not in fault for fault in faults)
    assert describe_fault(faults[0]) == "ach-down: down of ach at 100ms for 1s, about 1 request"
    assert "until the end, about 0 requests" in describe_fault(faults[2])
