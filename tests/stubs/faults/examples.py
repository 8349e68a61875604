"""One example a kind of fault, as a person would write it, and the course it makes of a request.

`EXAMPLES` is for whoever tests a door: each touches all requests of `ach` from minute 1 to 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stubs.faults.ask import FaultAsk
from stubs.faults.course import CallbackTwist, Course, Cut, Hold, Pacing
from stubs.faults.dns import Dns
from stubs.faults.down import Down
from stubs.faults.error import Error
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.kind import Draw
from stubs.faults.quota import Quota

AT_MS = 60_000.0


def _written(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"id": "cue", "kind": kind, "target": "ach", "at": "1m", "for": "5m", **parameters}


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "dns": _written("dns", mode="nxdomain"),
    "down": _written("down", mode="status_503"),
    "tls": _written("tls", mode="alert"),
    "reset": _written("reset", phase="response", after_bytes=20),
    "quota": _written("quota", limit=0, window_s=30),
    "error": _written("error", status=500, body="out of order", headers={"x-reason": "drill"}),
    "ghost_commit": _written("ghost_commit", lose="reset"),
    "hang": _written("hang", for_s=0.25, then="close"),
    "empty": _written("empty"),
    "throttle": _written("throttle", bytes_per_s=2000, chunk_bytes=100),
    "loss": _written("loss", percent=1, stall_ms=1),
    "truncate": _written("truncate", fraction=0.25),
    "malformed": _written("malformed", what="json"),
    "slow_close": _written("slow_close", delay_ms=50),
    "duplicate_delivery": _written("duplicate_delivery", times=2),
    "out_of_order_callback": _written("out_of_order_callback", lag_s=5, times=2),
    "late_settlement": _written("late_settlement", lag_s="2d"),
    "stale_read": _written("stale_read", lag_s=30),
    "clock_skew": _written("clock_skew", offset_s=-3600),
    "latency": _written("latency", dist="fixed", ms=40),
}


def an_ask(**changes: Any) -> FaultAsk:
    """A payment of run request 7, due half a minute after the examples begin."""
    values: dict[str, Any] = {
        "service": "ach",
        "route": "POST /payments",
        "method": "POST",
        "path": "/payments",
        "tenant": "",
        "headers": {},
        "request_id": 7,
        "at_ms": AT_MS + 30_000,
    }
    return FaultAsk(**{**values, **changes})


def a_draw(since_ms: float = 30_000.0, for_ms: float = 300_000.0, **changes: int) -> Draw:
    values = {"seed": 1, "request_id": 7, "key": 5, "attempt": 0, **changes}
    return Draw(**values, since_ms=since_ms, for_ms=for_ms)


def _answer(kind: Any) -> Course:
    """A course whose answer is made by the kind itself; its own tests look at what it says."""
    return Course(asks=0, answer=kind.apply(Course(), an_ask(), a_draw()).answer)


COURSES: Mapping[str, Course] = {
    "dns": _answer(Dns(mode="nxdomain")),
    "down": _answer(Down(mode="status_503")),
    "tls": Course(asks=0, cut=Cut("reset", "request")),
    "reset": Course(cut=Cut("reset", "response", 0.0, 20)),
    "quota": _answer(Quota(limit=0, window_s=30.0)),
    "error": _answer(Error(status=500, body="out of order", headers=(("x-reason", "drill"),))),
    "ghost_commit": GhostCommit(lose="reset").apply(Course(), an_ask(), a_draw()),
    "hang": Course(asks=0, hold=Hold(0.25, "close")),
    "empty": Course(cut=Cut("close", "response", after_bytes=0)),
    "throttle": Course(pacing=Pacing(bytes_per_s=2000.0, chunk_bytes=100)),
    "loss": Course(
        pacing=Pacing(chunk_bytes=1460, stalls=tuple((packet, 0.001) for packet in range(64)))
    ),
    "truncate": Course(cut=Cut("close", "response", fraction=0.25)),
    "malformed": Course(garble="json"),
    "slow_close": Course(close_delay_s=0.05),
    "duplicate_delivery": Course(asks=2),
    "out_of_order_callback": Course(callbacks=CallbackTwist(2, 5000.0, is_shuffled=True)),
    "late_settlement": Course(settle_lag_ms=2 * 86_400_000.0),
    "stale_read": Course(stale_ms=30_000.0),
    "clock_skew": Course(skew_s=-3600.0),
    "latency": Course(before_s=0.04),
}
