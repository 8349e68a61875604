"""Toxiproxy's toxics as faults: the words that its clients and experiments use.

Floor 1, pure. A toxic works on the bytes of a connection, a fault on the answer of a request;
where the two differ, the item says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.importers.fields import number_of, whole_in
from stubs.importers.report import Item, NotTakenError
from switchboard.fault_reader import shown

Attributes = Mapping[str, Any]

BYTES_PER_KB: Final = 1_000


def toxic_fault(
    kind: object, attributes: Attributes, stream: object, toxicity: object, item: Item
) -> dict[str, Any]:
    """The fault without its target and time. Raises NotTakenError."""
    build = _KINDS.get(kind) if isinstance(kind, str) else None
    if build is None:
        raise NotTakenError(f"there is no toxic of type {shown(kind)}")
    if stream not in ("downstream", "upstream"):
        raise NotTakenError("its stream must be downstream or upstream")
    fault = build(attributes)
    share = number_of(toxicity, "its toxicity", 0.0, 1.0)
    if share < 1:
        item.approximate("its toxicity is the share of the requests, not of the connections")
        fault["probability"] = share
    if stream == "upstream":
        if fault["kind"] != "throttle":
            item.approximate("it is on the way to the service there, and on the answer here")
        else:
            fault["direction"] = "request"
    return fault


def _ms(attributes: Attributes, key: str) -> float:
    return number_of(attributes.get(key, 0), f"`{key}`")


def _latency(attributes: Attributes) -> dict[str, Any]:
    fault: dict[str, Any] = {"kind": "latency", "ms": _ms(attributes, "latency")}
    jitter_ms = _ms(attributes, "jitter")
    return {**fault, "jitter_ms": jitter_ms} if jitter_ms else fault


def _bandwidth(attributes: Attributes) -> dict[str, Any]:
    rate = number_of(attributes.get("rate", 0), "`rate`", 0.0, 10**9)
    if rate <= 0:
        return {"kind": "hang"}
    return {"kind": "throttle", "bytes_per_s": rate * BYTES_PER_KB}


def _slow_close(attributes: Attributes) -> dict[str, Any]:
    return {"kind": "slow_close", "delay_ms": _ms(attributes, "delay")}


def _timeout(attributes: Attributes) -> dict[str, Any]:
    wait_ms = _ms(attributes, "timeout")
    return {"kind": "hang", "for_s": wait_ms / 1000, "then": "close"}


def _reset_peer(attributes: Attributes) -> dict[str, Any]:
    return {"kind": "reset", "after_ms": _ms(attributes, "timeout")}


def _slicer(attributes: Attributes) -> dict[str, Any]:
    size = whole_in(attributes, "average_size", 1, 1, 10**9)
    delay_us = number_of(attributes.get("delay", 0), "`delay`", 0.0, 10**9)
    return {"kind": "throttle", "chunk_bytes": size, "chunk_delay_ms": delay_us / 1000}


def _limit_data(attributes: Attributes) -> dict[str, Any]:
    return {"kind": "truncate", "bytes": whole_in(attributes, "bytes", 0, 0, 10**9)}


_KINDS: Final[Mapping[str, Callable[[Attributes], dict[str, Any]]]] = {
    "latency": _latency,
    "bandwidth": _bandwidth,
    "slow_close": _slow_close,
    "timeout": _timeout,
    "reset_peer": _reset_peer,
    "slicer": _slicer,
    "limit_data": _limit_data,
}
