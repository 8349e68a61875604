"""`clock_skew`: the service's clock is wrong. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind
from stubs.faults.parameters import parameter, signed_seconds


@dataclass(frozen=True, slots=True)
class ClockSkew(FaultKind):
    """Times in the service's answers (Date, tokens) are off. Several skews add up."""

    NAME = "clock_skew"
    RANK = 80
    CLASHES = False
    APPROXIMATED = "Only what an answer says is off; the stub itself keeps the right time."

    offset_s: float = parameter("s", "how far ahead; below 0 it is behind", signed_seconds)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if not self.offset_s or (course.asks == 0 and course.answer is None):
            return course
        return replace(course, skew_s=course.skew_s + self.offset_s)
