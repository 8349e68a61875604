"""`quota`: so many requests a window, and no more. Floor 1, pure. Read next: `counted.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter, seconds, whole
from stubs.service import answer_problem

MAX_LIMIT: Final = 1_000_000_000

_SCOPES: Final = ("service", "tenant", "key")


@dataclass(frozen=True, slots=True)
class Quota(FaultKind):
    """Requests over the limit of their window are refused. Windows follow one another from when
    the fault begins. `counted.py` counts; this says what those over the limit are told."""

    NAME = "quota"
    RANK = 20
    CLASHES = False

    limit: int = parameter("requests", "how many fit into a window", whole(0, MAX_LIMIT))
    window_s: float = parameter("s, recorded", "how long a window is", seconds, 60.0)
    scope: Literal["service", "tenant", "key"] = parameter(
        ", ".join(_SCOPES),
        "who shares the limit; `key` is an API key, else the run's user, else whoever is signed in",
        one_of(*_SCOPES), "service",
    )  # fmt: skip
    status: int = parameter("HTTP status", "400 to 599", whole(400, 599), 429)

    def __post_init__(self) -> None:
        if not self.window_s > 0:
            raise ValueError("window_s must be longer than nothing")

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        wait_s = self.window_s - draw.since_ms / 1000 % self.window_s
        detail = f"{self.limit:,} requests in {self.window_s:g} s are allowed (a declared fault)"
        answer = answer_problem(self.status, "Quota exhausted", detail)
        retry = (b"retry-after", b"%d" % max(1, -int(-wait_s // 1)))
        return replace(course, asks=0, answer=replace(answer, headers=(retry,)))

    def window_of(self, since_ms: float) -> int:
        """Which window a request belongs to, by how long after the fault's beginning it is due."""
        return int(since_ms / 1000 // self.window_s)
