"""`down`: the service is gone, and may come back cold. Floor 1, pure. Read next: `reset.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut, Hold
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import milliseconds, one_of, parameter, seconds
from stubs.service import answer_problem

COLD_HALF_LIFE_MS: Final = 10_000.0
"""A cold service gets twice as quick every ten seconds of recorded time."""
COLD_MS: Final = 10 * COLD_HALF_LIFE_MS
"""After ten halvings a thousandth is left, and the service counts as warm."""

_MODES: Final = ("refuse", "reset", "blackhole", "status_503")
_RESET: Final = Cut("reset")
_BLACKHOLE: Final = Hold(None, "reset")


@dataclass(frozen=True, slots=True)
class Down(FaultKind):
    """The service is down: nothing reaches it."""

    NAME = "down"
    RANK = 12
    APPROXIMATED = (
        "On a port that several services share nobody can be refused: `refuse` is then a reset."
    )

    mode: Literal["refuse", "reset", "blackhole", "status_503"] = parameter(
        ", ".join(_MODES), "what a caller meets", one_of(*_MODES), "refuse"
    )
    restart_after_s: float | None = parameter(
        "s, recorded", "when it is up again, even though `for` lasts on", seconds, None
    )
    cold_start_ms: float = parameter(
        "ms", "extra latency right after it is up again, halved every 10 s", milliseconds, 0.0
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        up_ms = self._up_ms(draw.for_ms)
        if draw.since_ms >= up_ms:
            return self._warm_up(course, draw.since_ms - up_ms)
        if is_decided(course):
            return course
        if self.mode == "blackhole":
            return replace(course, asks=0, hold=_BLACKHOLE)
        if self.mode == "status_503":
            detail = f"{ask.service} is down (a declared fault)"
            return replace(course, asks=0, answer=answer_problem(503, "Down", detail))
        return replace(course, asks=0, cut=_RESET)

    @property
    def hold(self) -> Hold | None:
        return _BLACKHOLE if self.mode == "blackhole" else None

    def connection_cut(self, draw: Draw) -> Cut | None:
        is_up = draw.since_ms >= self._up_ms(draw.for_ms)
        return None if is_up or self.mode not in ("refuse", "reset") else _RESET

    def refuses(self, draw: Draw) -> bool:
        """Whether nobody listens at present."""
        return self.mode == "refuse" and self.connection_cut(draw) is not None

    def span_ms(self, for_ms: float) -> float:
        return self._up_ms(for_ms) + (COLD_MS if self.cold_start_ms else 0.0)

    def grip_ms(self, for_ms: float) -> float:
        return self._up_ms(for_ms)

    def _up_ms(self, for_ms: float) -> float:
        """How long after its beginning it is up again."""
        if self.restart_after_s is None:
            return for_ms
        return min(for_ms, self.restart_after_s * 1000)

    def _warm_up(self, course: Course, up_for_ms: float) -> Course:
        if not self.cold_start_ms or up_for_ms >= COLD_MS:
            return course
        extra_ms = self.cold_start_ms * 0.5 ** (up_for_ms / COLD_HALF_LIFE_MS)
        return replace(course, before_s=course.before_s + extra_ms / 1000)
