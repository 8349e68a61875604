"""`late_settlement`: payments settle later than they should. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind
from stubs.faults.parameters import long_seconds, parameter

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LateSettlement(FaultKind):
    """Payments that are made now settle so much later. Of several the longest lag counts."""

    NAME = "late_settlement"
    RANK = 74

    lag_s: float = parameter("s, recorded", "how much later", long_seconds, _DAY_S)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        lag_ms = self.lag_s * 1000
        if course.asks == 0 or course.settle_lag_ms >= lag_ms:
            return course
        return replace(course, settle_lag_ms=lag_ms)
