"""`ghost_commit`: the effect happens, the answer is lost. Floor 1, pure.

The fault that makes callers try again, and charge somebody twice. Read next: `hang.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut, Hold
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter
from stubs.service import answer_problem

_LOSE: Final = ("reset", "hang", "status_504")
_SILENCE: Final = Hold(None, "close")
_RESET: Final = Cut("reset", "response", after_bytes=0)


@dataclass(frozen=True, slots=True)
class GhostCommit(FaultKind):
    """The service does what it was asked, and its answer never arrives."""

    NAME = "ghost_commit"
    RANK = 40

    lose: Literal["reset", "hang", "status_504"] = parameter(
        ", ".join(_LOSE), "how the answer is lost", one_of(*_LOSE), "reset"
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        if self.lose == "reset":
            return replace(course, cut=_RESET)
        if self.lose == "hang":
            return replace(course, hold=_SILENCE)
        detail = f"{ask.service} did not answer in time (a declared fault)"
        return replace(course, answer=answer_problem(504, "Gateway timeout", detail))

    @property
    def hold(self) -> Hold | None:
        return _SILENCE if self.lose == "hang" else None
