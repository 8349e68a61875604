"""The probes of a steady-state hypothesis, as limits on the scorecard's numbers.

Floor 1, pure. A probe asks one thing once; the scorecard measures every request. What a probe's
tolerance says of statuses and of waits can be said of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.fields import mapping_in, mapping_of
from stubs.importers.report import Item, NotTakenError
from switchboard.fault_reader import shown

ERROR_PCT: Final = 1.0
"""A steady service may still fail now and then; one answer of a probe does not say how often."""

_NUMBER_NAME: Final = re.compile(r"p50_ms|p90_ms|p95_ms|p99_ms|p999_ms|max_ms|avg_wait_s|error_pct")


def read_probe(probe: Mapping[str, Any], item: Item) -> dict[str, float]:
    """Limits by the scorecard's names. Raises NotTakenError."""
    provider = mapping_in(probe, "provider")
    tolerance = probe.get("tolerance")
    measured = _measured(probe, tolerance)
    if measured is not None:
        return measured
    if provider.get("type") == "process":
        raise NotTakenError("it starts a process, which no drill does")
    if provider.get("type") != "http":
        raise NotTakenError("it runs code, which no drill does")
    if not _is_success(tolerance):
        raise NotTakenError("what it tolerates is no number of the scorecard's")
    item.approximate("that it answers becomes: at most 1 % of all requests fail")
    limits = {"error_pct": ERROR_PCT}
    timeout = provider.get("timeout")
    if isinstance(timeout, list) and timeout:
        timeout = timeout[-1]
    if type(timeout) in (int, float) and 0 < float(timeout) <= 3_600:  # type: ignore[arg-type]
        item.approximate("its timeout becomes: 99 % of all answers are there in that time")
        limits["p99_ms"] = round(float(timeout) * 1000, 3)  # type: ignore[arg-type]
    return limits


def _measured(probe: Mapping[str, Any], tolerance: Any) -> dict[str, float] | None:
    """A range for something that is called like a number of the scorecard."""
    names = [probe.get("name")]
    if isinstance(tolerance, Mapping):
        names.append(tolerance.get("path"))
    found = next(
        (match[0] for name in names if isinstance(name, str)
         if (match := _NUMBER_NAME.search(name[:200]))), None
    )  # fmt: skip
    limits = _range(tolerance)
    return {found: limits} if found is not None and limits is not None else None


def _range(tolerance: Any) -> float | None:
    """The upper end of a range."""
    if isinstance(tolerance, Mapping):
        mapping_of(tolerance, "`tolerance`")
        tolerance = tolerance.get("range", tolerance.get("expect"))
    if not isinstance(tolerance, list) or len(tolerance) != 2:
        return None
    low, high = tolerance
    if type(low) not in (int, float) or type(high) not in (int, float):
        return None
    if low > 0:
        raise NotTakenError(f"a lower end such as {shown(low)} is no limit of the scorecard's")
    return float(high) if 0 <= high <= 1e9 else None


def _is_success(tolerance: Any) -> bool:
    """Whether it wants an answer that is no error."""
    statuses = tolerance if isinstance(tolerance, list) else [tolerance]
    return bool(statuses) and all(type(each) is int and 200 <= each < 400 for each in statuses)
