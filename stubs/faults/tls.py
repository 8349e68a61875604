"""`tls`: no secure connection comes about. Floor 1, pure. Read next: `down.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut, Hold
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter

_MODES: Final = ("expired", "wrong_host", "handshake_stall", "alert")
_STALL: Final = Hold(None, "close")


@dataclass(frozen=True, slots=True)
class Tls(FaultKind):
    """The handshake fails, or never ends."""

    NAME = "tls"
    RANK = 14
    APPROXIMATED = (
        "The stub gateway speaks plain HTTP: a certificate that a caller would refuse (`expired`, "
        "`wrong_host`) and an `alert` are a reset at once, and `handshake_stall` is silence."
    )

    mode: Literal["expired", "wrong_host", "handshake_stall", "alert"] = parameter(
        ", ".join(_MODES), "what is wrong", one_of(*_MODES), "expired"
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        if self.mode == "handshake_stall":
            return replace(course, asks=0, hold=_STALL)
        return replace(course, asks=0, cut=Cut("reset"))

    @property
    def hold(self) -> Hold | None:
        return _STALL if self.mode == "handshake_stall" else None
