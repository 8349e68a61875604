"""`malformed`: an answer that cannot be read. Floor 1, pure. Read next: `slow_close.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter

_WHAT: Final = ("json", "chunk", "headers", "garbage")


@dataclass(frozen=True, slots=True)
class Malformed(FaultKind):
    """The service did what it was asked, and its answer is broken on the way."""

    NAME = "malformed"
    RANK = 66

    what: Literal["chunk", "json", "headers", "garbage"] = parameter(
        ", ".join(_WHAT), "what is broken: the body's JSON, a chunk, the head, or all of it",
        one_of(*_WHAT), _WHAT[0],
    )  # fmt: skip

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        return course if is_decided(course) else replace(course, garble=self.what)
