"""`hang`: the request is taken and nothing is said. Floor 1, pure. Read next: `down.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Hold
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter, seconds

_THEN: Final = ("close", "reset", "respond")


@dataclass(frozen=True, slots=True)
class Hang(FaultKind):
    """Nothing is said for a while. The service is asked only when the answer comes after all."""

    NAME = "hang"
    RANK = 50

    for_s: float = parameter("s", "how long; 0 is until the fault is lifted", seconds, 0.0)
    then: Literal["close", "reset", "respond"] = parameter(
        ", ".join(_THEN), "what happens afterwards", one_of(*_THEN), "close"
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        return replace(course, asks=1 if self.then == "respond" else 0, hold=self.hold)

    @property
    def hold(self) -> Hold:
        return Hold(self.for_s or None, self.then)
