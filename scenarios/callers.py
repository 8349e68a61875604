"""How callers behave when a request fails: the `retry` section of a scenario or a drill.

Floor 2, pure. Read next: `replay/retry.py`, which plays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from replay.retry import (
    FAILURES,
    MAX_FACTOR,
    MAX_TIMES,
    USUAL_FAILURES,
    USUAL_STATUSES,
    KeyUse,
    RetryPolicy,
)
from scenarios.units import parse_duration
from switchboard.fault_reader import FaultReader, join, kind_of, nearest, shown

RETRY_KEYS: Final[Mapping[str, str]] = {
    "times": "further attempts, 1 to 10; 1 when not given",
    "after": "recorded time before the first of them, such as 1s",
    "factor": "each further wait is so many times the one before, 1 to 10",
    "failures": "what is tried again: refused, reset, timeout, protocol, a status (503), or 5xx",
    "key": "what becomes of Idempotency-Key: keep, drop or add",
}
KEY_USES: Final[tuple[KeyUse, ...]] = ("keep", "drop", "add")
_USUAL: Final = RetryPolicy()


def read_retry(raw: object, path: str, reader: FaultReader) -> RetryPolicy | None:
    """The policy under `path`; None after a fault."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = {"times": raw}
    before = len(reader.faults)
    given = reader.mapping(raw, path, tuple(RETRY_KEYS))
    times = _number(given, path, "times", (_USUAL.times, MAX_TIMES), reader)
    after_ms = _after_ms(given, path, reader)
    factor = _number(given, path, "factor", (_USUAL.factor, MAX_FACTOR), reader)
    failures, statuses = _read_failures(given, path, reader)
    key = _read_key(given, path, reader)
    if len(reader.faults) > before:
        return None
    try:
        return RetryPolicy(int(times), after_ms, float(factor), failures, statuses, key)
    except ValueError as error:
        reader.fault(path, str(error))
        return None


_FIVE_HUNDREDS: Final = frozenset(range(500, 600))


def retry_mapping(policy: RetryPolicy) -> dict[str, Any]:
    """The policy as a file would hold it; `read_retry` of it gives an equal one."""
    statuses = policy.statuses
    all_of_them = ["5xx"] if statuses >= _FIVE_HUNDREDS else []
    if all_of_them:
        statuses = statuses - _FIVE_HUNDREDS
    return {
        "times": policy.times,
        "after": f"{policy.after_ms:.15g}ms" if policy.after_ms else "0s",
        "factor": policy.factor,
        "failures": [*sorted(policy.failures), *all_of_them, *sorted(statuses)],
        "key": policy.key,
    }


def _number(
    given: Mapping[str, object],
    path: str,
    key: str,
    usual_and_most: tuple[float, float],
    reader: FaultReader,
) -> float:
    usual, most = usual_and_most
    value = given.get(key, usual)
    is_whole = isinstance(value, int) or key == "factor"
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_whole:
        kind = "a whole number" if key == "times" else "a number"
        reader.fault(join(path, key), f"must be {kind} such as 2, not {kind_of(value)}")
        return usual
    if not 1 <= value <= most:
        reader.fault(join(path, key), f"must be 1 to {most:g}, not {value}")
        return usual
    return value


def _after_ms(given: Mapping[str, object], path: str, reader: FaultReader) -> float:
    if "after" not in given:
        return _USUAL.after_ms
    try:
        return round(parse_duration(given["after"]) * 1000, 6)
    except ValueError as error:
        reader.fault(join(path, "after"), str(error))
        return _USUAL.after_ms


def _read_failures(
    given: Mapping[str, object], path: str, reader: FaultReader
) -> tuple[frozenset[str], frozenset[int]]:
    if "failures" not in given:
        return USUAL_FAILURES, USUAL_STATUSES
    failures: set[str] = set()
    statuses: set[int] = set()
    for at, item in reader.items(given, path, "failures"):
        if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
            statuses.add(item)
        elif item == "5xx":
            statuses.update(range(500, 600))
        elif isinstance(item, str) and item in FAILURES:
            failures.add(item)
        else:
            words = [*FAILURES, "5xx", "503"]
            reader.fault(at, f"{shown(item)} is nothing to try again on; {_hint(item, words)}")
    return frozenset(failures), frozenset(statuses)


def _hint(item: object, words: list[str]) -> str:
    return nearest(str(item)[:80], words)


def _read_key(given: Mapping[str, object], path: str, reader: FaultReader) -> KeyUse:
    value = given.get("key", _USUAL.key)
    for use in KEY_USES:
        if value == use:
            return use
    reader.fault(join(path, "key"), f"must be keep, drop or add, not {shown(value)}")
    return _USUAL.key
