"""The smallest fault that breaks an objective, found by halving what is not known yet.

It takes for granted that a bigger fault does at least as much harm as a smaller one, and says so:
then some twelve runs tell a thousand sizes apart. Both ends are tried first. Pure but for `breaks`,
which plays a run. Read next: `drill_search_command.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hms_esr.drill_run import DrillError
from scenarios.drill import Drill
from stubs.faults.durations import format_ms, parse_ms
from stubs.faults.envelope import ENVELOPE
from stubs.faults.fault import Fault
from stubs.faults.parameters import parameters_of
from stubs.faults.reader import fault_mapping, parse_fault
from switchboard.fault_reader import FaultReader, nearest, shown

MOST_TRIES: Final = 12
LEAST_TRIES: Final = 3
LONGEST_NUMBER: Final = 40
SHARE: Final = 1 / 32
"""Without a tolerance this share of the stretch between the two ends is precise enough."""

Breaks = Callable[[float], str | None]
"""Plays a run with that size; why it broke, or None when everything held."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One run. why: None when everything held."""

    value: float
    why: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """The answer. breaks_at: the smallest size that was seen to break; holds_at: the biggest that
    was seen to hold. The truth lies between.   is_precise: no further apart than was wanted."""

    holds_at: float
    breaks_at: float
    tries: tuple[Tried, ...]
    is_precise: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """How a size is written. unit_ms: of one unit of it, where it is a time; a text is then a
    duration such as 30s.   is_duration: it stands with its unit in the fault's mapping."""

    name: str
    unit_ms: float | None = None
    is_duration: bool = False
    is_whole: bool = False

    def read(self, text: str) -> float:
        """The number of a text, in the size's own unit. Raises ValueError."""
        if self.unit_ms is not None and (self.is_duration or not _is_number(text)):
            return parse_ms(text) / self.unit_ms
        if not _is_number(text):
            raise ValueError(f"{shown(text)} is not a number")
        return float(text)

    def write(self, value: float) -> object:
        """The value as a mapping holds it."""
        if self.is_duration:
            return format_ms(round(value))
        return round(value) if self.is_whole else round(value, 6)

    def show(self, value: float) -> str:
        return str(self.write(value))

    def snap(self, value: float) -> float:
        """The nearest size that can be written."""
        return float(round(value)) if self.is_duration or self.is_whole else round(value, 6)

    @property
    def step(self) -> float:
        """Values closer than this are the same when written."""
        return 1.0 if self.is_duration or self.is_whole else 1e-6


def _is_number(text: str) -> bool:
    try:
        return len(text) <= LONGEST_NUMBER and math.isfinite(float(text))
    except ValueError:
        return False


def search_smallest(
    breaks: Breaks,
    holds_at: float,
    breaks_at: float,
    tolerance: float,
    most: int = MOST_TRIES,
    snap: Callable[[float], float] = float,
) -> Search:
    """Halve between an end that holds and an end that breaks until they are `tolerance` apart.

    The size that breaks may be the smaller number: a quota gets worse as it shrinks. At most `most`
    runs. snap: the nearest size that can be written.
    Raises DrillError when the ends are not as they should be, ValueError for a misuse.
    """
    if most < LEAST_TRIES or not tolerance > 0:
        raise ValueError(f"a search needs a tolerance and at least {LEAST_TRIES} runs")
    first = Tried(holds_at, breaks(holds_at))
    if first.why is not None:
        raise DrillError(
            f"it breaks already at the first end ({first.why}): begin with a smaller fault"
        )
    last = Tried(breaks_at, breaks(breaks_at))
    if last.why is None:
        raise DrillError("it holds even at the other end: end with a bigger fault")
    tries = [first, last]
    while abs(breaks_at - holds_at) > tolerance and len(tries) < most:
        middle = snap((holds_at + breaks_at) / 2)
        if middle in (holds_at, breaks_at):
            break
        tries.append(Tried(middle, breaks(middle)))
        if tries[-1].why is None:
            holds_at = middle
        else:
            breaks_at = middle
    is_precise = abs(breaks_at - holds_at) <= tolerance
    return Search(holds_at, breaks_at, tuple(tries), is_precise)


def choose_tolerance(text: str | None, scale: Scale, low: float, high: float) -> float:
    """What was asked for, or a share of the stretch; never finer than the sizes themselves."""
    wanted = abs(high - low) * SHARE if text is None else scale.read(text)
    return max(wanted, scale.step)


def find_fault(drill: Drill, fault_id: str | None) -> Fault:
    """The fault that is made bigger and smaller. Raises DrillError."""
    ids = [fault.id for fault in drill.chaos]
    if fault_id is None:
        if len(ids) > 1:
            raise DrillError(f"--fault is missing: this drill has {', '.join(ids)}")
        return drill.chaos[0]
    for fault in drill.chaos:
        if fault.id == fault_id:
            return fault
    raise DrillError(f"--fault {fault_id} is no fault of {drill.id}; {nearest(fault_id, ids)}")


def choose_scale(fault: Fault, name: str) -> Scale:
    """How a fault's number of that name is written. Raises DrillError for one it does not have."""
    rows = {row.name: row for row in (*ENVELOPE, *parameters_of(type(fault.kind)))}
    sizes = {row.name: row for row in rows.values() if _is_size(row.unit, row.name)}
    if name not in sizes:
        raise DrillError(f"--over {name} is no size of {fault.id}; {nearest(name, sizes)}")
    unit = sizes[name].unit
    return Scale(name, _UNITS_MS.get(unit), unit == "duration", unit in _WHOLE_UNITS)


_ENVELOPE_SIZES: Final = frozenset(
    {"for", "ramp", "ttl", "probability", "every_n", "first_n", "skip_first", "max_active"}
)
_SIZE_UNITS: Final = frozenset(
    {"ms", "s", "s, recorded", "bytes", "bytes/s", "requests", "deliveries", "share",
     "share, 0 to 1", "–"}
)  # fmt: skip
_UNITS_MS: Final = {"duration": 1.0, "ms": 1.0, "s": 1000.0, "s, recorded": 1000.0}
_WHOLE_UNITS: Final = frozenset({"count", "requests", "bytes", "deliveries"})


def _is_size(unit: str, name: str) -> bool:
    """Whether a parameter is a number that can be halved."""
    return name in _ENVELOPE_SIZES or unit in _SIZE_UNITS


def resize(drill: Drill, fault: Fault, scale: Scale, value: float) -> tuple[Fault, ...]:
    """The drill's timetable with the fault at that size. Raises DrillError where it cannot be."""
    written: Mapping[str, Any] = {**fault_mapping(fault), scale.name: scale.write(value)}
    reader = FaultReader(lambda _: None)
    resized = parse_fault(written, fault.id, reader)
    if resized is None:
        wrong = "; ".join(str(found) for found in reader.faults)
        raise DrillError(f"{fault.id} cannot have {scale.name} {scale.show(value)}: {wrong}")
    resized = replace(resized, id=fault.id)
    return tuple(resized if each.id == fault.id else each for each in drill.chaos)
