"""`empty`: the connection is closed without a byte of an answer. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut
from stubs.faults.kind import Draw, FaultKind, is_decided

_NOTHING: Final = Cut("close", "response", after_bytes=0)


@dataclass(frozen=True, slots=True)
class Empty(FaultKind):
    """The service did what it was asked, and the connection ends before it says so."""

    NAME = "empty"
    RANK = 60

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        return course if is_decided(course) else replace(course, cut=_NOTHING)
