"""What a run would do, worked out without sending anything: the answer of `esr plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hms_esr.counted_faults import count_planned
from hms_esr.preparation import Preparation, stub_route_name
from hms_esr.trace_words import coverage_of
from replay.account import account_to_json
from scenarios.units import format_speed
from stubs.faults.mapping import fault_mapping

BIN_NS = 1_000_000_000
CURVE_POINTS = 60


def describe_plan(prep: Preparation) -> dict[str, Any]:
    """A JSON object: requests, users, rates (requests/s of wall time), hosts, what is skipped."""
    plan, scenario, wall_s = prep.plan, prep.scenario, prep.wall_s
    return {
        "schema": "esr.plan/1",
        "scenario": scenario.id,
        "target": prep.aim.name,
        "speed": format_speed(scenario.speed),
        "seed": scenario.seed,
        "requests": len(plan),
        "users": len(plan.lanes.name),
        "trace_time_s": round(plan.trace_ns / 1e9, 3),
        "wall_s": None if wall_s is None else round(wall_s, 3),
        "mean_rps": None if not wall_s else round(len(plan) / wall_s, 1),
        "peak_rps": None if wall_s is None else peak_rate(prep),
        "curve_rps": [] if wall_s is None else rate_curve(prep),
        "contacts": contacts(prep),
        "hosts": hosts(prep),
        "routes": routes(prep),
        "skipped": skipped(prep),
        "faults": faults(prep),
        "trace": account_to_json(prep.tape.info.account),
        "anonymiser": prep.tape.info.anonymiser,
        "coverage": coverage_of(prep),
    }


def faults(prep: Preparation) -> list[dict[str, Any]]:
    """The timetable, each fault with the number of requests that it is about."""
    return [
        {
            **fault_mapping(replace(fault, chosen=None)),
            "requests": count_planned(fault, prep.tape, prep.plan, stub_route_name),
        }
        for fault in prep.faults
    ]


def peak_rate(prep: Preparation) -> int:
    """The busiest second of wall time, in requests."""
    return int(np.bincount(prep.plan.due_ns // BIN_NS).max())


def rate_curve(prep: Preparation) -> list[float]:
    """Requests a second over the run, in at most `CURVE_POINTS` steps of equal length."""
    wall_ns = max(1, int((prep.wall_s or 0) * 1e9), int(prep.plan.due_ns[-1]) + 1)
    counts, _ = np.histogram(prep.plan.due_ns, bins=CURVE_POINTS, range=(0, wall_ns))
    return [round(float(rate), 1) for rate in counts / (wall_ns / 1e9 / CURVE_POINTS)]


def contacts(prep: Preparation) -> list[str]:
    """Every address that would be contacted."""
    if prep.aim.is_embedded:
        return ["127.0.0.1 (the embedded stub gateway, on a free port)"]
    return [f"{u.scheme}://{u.authority}{u.prefix}" for u in prep.aim.environment.upstreams]


def hosts(prep: Preparation) -> dict[str, int]:
    """Recorded hosts whose requests are planned, none of which is contacted."""
    planned = prep.tape.host[prep.plan.row]
    counts = np.bincount(planned, minlength=len(prep.tape.info.hosts))
    named = zip(prep.tape.info.hosts, counts.tolist(), strict=True)
    return {host or "(no host)": count for host, count in named if count}


def routes(prep: Preparation) -> list[dict[str, Any]]:
    """Planned requests by route, busiest first."""
    info = prep.tape.info
    counts = np.bincount(prep.tape.route[prep.plan.row], minlength=len(info.routes)).tolist()
    named = [
        {"route": route.name, "requests": count}
        for route, count in zip(info.routes, counts, strict=True)
        if count
    ]
    return sorted(named, key=lambda entry: -int(entry["requests"]))


def skipped(prep: Preparation) -> dict[str, int]:
    """Requests of the trace that are not planned, by reason; cloned requests count each."""
    reasons = dict(prep.plan.unplayable)
    if prep.plan.beyond:
        reasons["due after the window"] = prep.plan.beyond
    return reasons
