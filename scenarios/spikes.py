"""A spike of users: `spike_at: 10m` and `spike_size: 8000`, which belong together.

Floor 2, pure. Read next: `replay/schedule.py`, which plays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from replay.schedule import Spike
from scenarios.units import format_duration, parse_duration
from switchboard.fault_reader import FaultReader, join, kind_of

MAX_SIZE: Final = 10_000_000
SPIKE_KEYS: Final = ("spike_at", "spike_size")


def read_spike(given: Mapping[str, object], reader: FaultReader) -> Spike | None:
    """The spike of a scenario's two keys, or of `spike` that holds both.

    None without them or after a fault.
    """
    if "spike" in given:
        return _read(reader.mapping(given["spike"], "spike", SPIKE_KEYS), "spike", reader)
    return _read(given, "", reader)


def _read(given: Mapping[str, object], path: str, reader: FaultReader) -> Spike | None:
    if "spike_at" not in given and "spike_size" not in given:
        return None
    missing = [key for key in SPIKE_KEYS if key not in given]
    if missing:
        other = "spike_size" if missing == ["spike_at"] else "spike_at"
        example = {"spike_at": "spike_at: 10m", "spike_size": "spike_size: 8000"}
        reader.fault(join(path, other), f"needs `{example[missing[0]]}` beside it")
        return None
    at_s = _at_s(given["spike_at"], path, reader)
    size = given["spike_size"]
    if isinstance(size, bool) or not isinstance(size, int):
        reader.fault(
            join(path, "spike_size"), f"must be a whole number of users, not {kind_of(size)}"
        )
        return None
    if not 1 <= size <= MAX_SIZE:
        reader.fault(join(path, "spike_size"), f"is outside 1 to {MAX_SIZE:,} users")
        return None
    return None if at_s is None else Spike(at_s, size)


def spike_mapping(spike: Spike | None) -> dict[str, Any]:
    """The two keys; none without a spike."""
    if spike is None:
        return {}
    return {"spike_at": format_duration(spike.at_s), "spike_size": spike.size}


def _at_s(value: object, path: str, reader: FaultReader) -> float | None:
    try:
        return round(parse_duration(value), 3)
    except ValueError as error:
        reader.fault(join(path, "spike_at"), str(error))
        return None
