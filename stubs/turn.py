"""One request on its way to its answer, and who decides how it fares. Floor 1, values.

Read next: `answering.py`, which takes a turn from its beginning to its end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from stubs.faults.ask import FaultAsk
from stubs.faults.course import USUAL, Course
from stubs.journal import NO_ROUTE, Entry
from stubs.route_tree import RouteEntry
from stubs.service import Answer, Asked

Ahead = tuple[int, Course]
"""A request's id and its course."""

ENDINGS: Final[Mapping[str, str]] = {"reset": "reset", "close": "closed", "respond": "answered"}
"""How the journal says it."""


class Faults(Protocol):
    """The timetable of faults, as far as answering needs it: `faults/chaos.py`."""

    def is_quiet_at(self, at_ms: float, /) -> bool:
        """Whether no fault can touch a request of that moment."""

    def course(self, ask: FaultAsk, /) -> Course:
        """How a request fares; it counts as touched from here on."""

    def done(self, course: Course, /) -> None:
        """The request is over, and with it whatever it held."""

    async def wait_lifted(self, course: Course, /) -> None:
        """Until the fault that holds this request is over."""


class NoFaults:
    """Everything takes its usual course."""

    def is_quiet_at(self, at_ms: float) -> bool:
        return True

    def course(self, ask: FaultAsk) -> Course:
        return USUAL

    def done(self, course: Course) -> None:
        """Nothing was held."""

    async def wait_lifted(self, course: Course) -> None:
        """Nothing is held."""


class AnswerCutError(Exception):
    """There is no answer: a fault ends the connection, which a callable cannot do.

    how: `reset` or `close`, for whoever has a connection to end.
    """

    def __init__(self, how: str) -> None:
        super().__init__(f"a fault ends this connection ({how})")
        self.how = how


@dataclass(slots=True)  # one is made for each request
class Turn:
    """One request on its way to its answer."""

    asked: Asked
    entry: RouteEntry | None
    course: Course
    wait_s: float
    """What the stub's latency and the faults ask for, before the stub is asked."""
    instead: Answer | None = None
    """Said without asking the stub: its queue has no room."""
    noted: Entry | None = None
    """The journal's entry, while the request is held."""

    @property
    def route_name(self) -> str:
        return NO_ROUTE if self.entry is None else self.entry.name


def entry_of(turn: Turn, status: int, ending: str) -> Entry:
    asked = turn.asked
    return Entry(
        asked.at_ms, time.time_ns(), asked.service, turn.route_name, asked.method,
        f"{asked.path}?{asked.query}" if asked.query else asked.path,
        status, turn.wait_s * 1000, asked.request_id, asked.attempt, turn.course.faults,
        ending, asked.headers, asked.body,
    )  # fmt: skip
