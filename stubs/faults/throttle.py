"""`throttle`: bytes come slowly. Floor 1, pure. Read next: `loss.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Pacing
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import MAX_BYTES, milliseconds, number, one_of, parameter, whole

_DIRECTIONS: Final = ("response", "request", "both")


@dataclass(frozen=True, slots=True)
class Throttle(FaultKind):
    """The answer, or the request's body, trickles. Raises ValueError when nothing limits it."""

    NAME = "throttle"
    RANK = 62

    bytes_per_s: float = parameter("bytes/s", "0 is no limit", number(0, MAX_BYTES), 0.0)
    chunk_bytes: int = parameter(
        "bytes", "written at once; 0 leaves it to the rate", whole(0, MAX_BYTES), 0
    )
    chunk_delay_ms: float = parameter("ms", "between two chunks", milliseconds, 0.0)
    direction: Literal["response", "request", "both"] = parameter(
        ", ".join(_DIRECTIONS), "which bytes", one_of(*_DIRECTIONS), "response"
    )

    def __post_init__(self) -> None:
        if not self.bytes_per_s and not (self.chunk_bytes and self.chunk_delay_ms):
            raise ValueError("throttle needs bytes_per_s, or chunk_bytes with chunk_delay_ms")

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course) or course.pacing is not None:
            return course
        pacing = Pacing(
            self.bytes_per_s, self.chunk_bytes, self.chunk_delay_ms, direction=self.direction
        )
        return replace(course, pacing=pacing)
