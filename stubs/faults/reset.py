"""`reset`: the connection is reset. Floor 1, pure. Read next: `truncate.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import MAX_BYTES, milliseconds, one_of, parameter, whole

_PHASES: Final = ("connect", "request", "response")


@dataclass(frozen=True, slots=True)
class Reset(FaultKind):
    """The connection is reset, before the service was asked or in the middle of its answer."""

    NAME = "reset"
    RANK = 16
    APPROXIMATED = (
        "`connect` resets a connection as soon as it is known whose it is: at once on a port of "
        "the service's own, with the first request elsewhere."
    )

    after_ms: float = parameter("ms", "how long it takes to happen", milliseconds, 0.0)
    after_bytes: int = parameter(
        "bytes", "how much of the answer gets through (phase `response`)", whole(0, MAX_BYTES), 0
    )
    phase: Literal["connect", "request", "response"] = parameter(
        ", ".join(_PHASES), "when; only in `response` is the service asked", one_of(*_PHASES),
        "request",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.after_bytes and self.phase != "response":
            raise ValueError("after_bytes counts the answer's bytes; it needs phase: response")

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course) or (self.phase == "connect" and not ask.is_first):
            return course
        if self.phase == "response":
            cut = Cut("reset", "response", self.after_ms, self.after_bytes)
            return replace(course, cut=cut)
        return replace(course, asks=0, cut=Cut("reset", "request", self.after_ms))

    def connection_cut(self, draw: Draw) -> Cut | None:
        return Cut("reset", "request", self.after_ms) if self.phase == "connect" else None
