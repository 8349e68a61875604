"""`stale_read`: the service answers from an old copy of its state. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind
from stubs.faults.parameters import long_seconds, parameter


@dataclass(frozen=True, slots=True)
class StaleRead(FaultKind):
    """Reads see the state as it was a while ago, as from a replica that lags behind.

    Of several the longest lag counts. Services without state of their own are not touched by it
    in what they say.
    """

    NAME = "stale_read"
    RANK = 76

    lag_s: float = parameter("s, recorded", "how old the copy is", long_seconds, 60.0)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        lag_ms = self.lag_s * 1000
        if course.asks == 0 or course.stale_ms >= lag_ms:
            return course
        return replace(course, stale_ms=lag_ms)
