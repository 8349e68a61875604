"""Calls about recorded time: where it stands, and the link by which a run drives it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin.desk import Desk
from stubs.admin.messages import CallError, check_query, read_json, refuse_faults, reply
from stubs.clock import Anchor, RecordedClock
from switchboard.errors import RuleError
from switchboard.fault_reader import FaultReader, kind_of

KEYS: Final = ("at_ns", "recorded_ms", "speed", "epoch_ms")
_LATEST_NS: Final = 1 << 63
_FARTHEST_MS: Final = 1e15
"""Thousands of years from any trace; what is kept in whole microseconds ends a little later."""


async def show_clock(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    return reply(clock_mapping(desk.clock))


async def put_clock(desk: Desk, request: Request) -> Response:
    raw = await read_json(request)
    try:
        anchor = parse_anchor(raw, desk.clock.anchor)
    except RuleError as error:
        raise refuse_faults(error, "No anchor") from error
    except ValueError as error:
        raise CallError(422, "No anchor", str(error)) from error
    desk.follow(anchor)
    return reply(clock_mapping(desk.clock))


def clock_mapping(clock: RecordedClock) -> dict[str, float]:
    """The anchor, and what time it makes of now."""
    anchor, now_ms = clock.anchor, clock.now_ms()
    return {
        "at_ns": anchor.at_ns,
        "recorded_ms": anchor.recorded_ms,
        "speed": anchor.speed,
        "epoch_ms": anchor.epoch_ms,
        "now_ms": now_ms,
        "now_epoch_ms": clock.epoch_ms(now_ms),
    }


def parse_anchor(raw: object, last: Anchor) -> Anchor:
    """An anchor of JSON; without `at_ns` it is for now, and without `epoch_ms` the last one's.

    Raises RuleError or ValueError.
    """
    reader = FaultReader(lambda _: None)
    top = reader.mapping(raw, "", KEYS)
    at_ns = top.get("at_ns", time.monotonic_ns())
    if isinstance(at_ns, bool) or not isinstance(at_ns, int) or not 0 <= at_ns < _LATEST_NS:
        reader.fault("at_ns", "must be nanoseconds of the monotonic clock, a whole number")
    if "recorded_ms" not in top:
        reader.fault("recorded_ms", "recorded_ms is missing")
    recorded_ms = _number(reader, top, "recorded_ms", 0.0)
    speed = _number(reader, top, "speed", last.speed)
    epoch_ms = _number(reader, top, "epoch_ms", last.epoch_ms)
    if reader.faults or not isinstance(at_ns, int):
        raise RuleError("the anchor", reader.faults)
    return Anchor(at_ns, recorded_ms, speed, epoch_ms)


def _number(reader: FaultReader, top: Mapping[str, object], key: str, default: float) -> float:
    value = top.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        reader.fault(key, f"must be a number, not {kind_of(value)}")
        return default
    if not -_FARTHEST_MS <= value <= _FARTHEST_MS:
        reader.fault(key, f"must be within {_FARTHEST_MS:,.0f} of zero")
        return default
    return float(value)
