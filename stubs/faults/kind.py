"""What a kind of fault is: its name, its parameters, how strong it is, what it makes of a request.

Floor 1, pure: a kind decides from the request, its own parameters and a seeded draw.
Read next: `hang.py`, a short one; docs/add-a-fault.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Final

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut, Hold
from switchboard.seeded import mix64, unit

TOUCH_DRAW: Final = 0
"""Decides whether a fault touches a request; kinds draw with other numbers."""
SEGMENT_BYTES: Final = 1460
"""What a packet of an Ethernet carries of a stream: a chunk's size where nobody says another."""


@dataclass(slots=True)  # one is made for each request that a fault might touch
class Draw:
    """What a fault is told beside the request.

    key: a hash of the fault's id.   since_ms: recorded time since it began.   for_ms: how long it
    was declared to last, infinite when nobody said.
    """

    seed: int
    request_id: int
    key: int
    attempt: int
    since_ms: float = 0.0
    for_ms: float = float("inf")
    _mixed: int | None = field(default=None, init=False, repr=False, compare=False)

    def unit(self, number: int) -> float:
        """A draw in [0, 1), equal for the same request, attempt, fault and number.

        It is `unit(seed, request_id, key, attempt, number)`, whose hash takes its parts one after
        the other, so that only the last step is left for a second draw.
        """
        if self._mixed is None:
            self._mixed = mix64(self.seed, self.request_id, self.key, self.attempt)
        return unit(self._mixed ^ number)


class FaultKind(ABC):
    """One kind, a frozen dataclass of its parameters (see `parameters.py`).

    RANK: the lower, the stronger (see `precedence.py`).   APPROXIMATED: how the stub gateway's
    version differs from the real thing; "" when it does not.   CLASHES: two that always touch the
    same requests and say different things contradict one another.
    """

    __slots__ = ()
    NAME: ClassVar[str]
    RANK: ClassVar[int]
    APPROXIMATED: ClassVar[str] = ""
    CLASHES: ClassVar[bool] = True

    @abstractmethod
    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        """The request's course with this fault; the very same object where it changes nothing."""

    @property
    def hold(self) -> Hold | None:
        """The hold that it puts on requests, if it does."""
        return None

    def connection_cut(self, draw: Draw) -> Cut | None:
        """How it ends a connection on which nothing was asked yet, if it does."""
        return None

    def span_ms(self, for_ms: float) -> float:
        """How long it has any effect when it is declared to last for so long (maybe infinite)."""
        return for_ms

    def grip_ms(self, for_ms: float) -> float:
        """How long it holds requests and refuses connections; what is left has milder effects."""
        return self.span_ms(for_ms)


def is_decided(course: Course) -> bool:
    """Whether a stronger fault has already said how the request ends."""
    return course.answer is not None or course.cut is not None or course.hold is not None
