"""`slow_close`: the connection lingers after the answer, then is closed. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import milliseconds, parameter


@dataclass(frozen=True, slots=True)
class SlowClose(FaultKind):
    """Each connection takes one answer, and some time to be closed after it. The longest counts."""

    NAME = "slow_close"
    RANK = 68

    delay_ms: float = parameter(
        "ms", "how long it takes to be closed after the answer", milliseconds, 1000.0
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        delay_s, other_s = self.delay_ms / 1000, course.close_delay_s
        if is_decided(course) or (other_s is not None and other_s >= delay_s):
            return course
        return replace(course, close_delay_s=delay_s)
