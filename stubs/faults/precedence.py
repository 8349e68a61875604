"""When several faults touch one request: which decides, and what adds up.

The strongest that decides how a request ends is the only one; delays and what happens inside the
service add up. docs/faults.md has the table. The order in which faults are written never matters:
of two equally strong ones the later to begin comes first, then the one whose id sorts first.
Floor 1, pure. Read next: `chaos.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import USUAL, Course
from stubs.faults.fault import Fault
from stubs.faults.kind import Draw


def strength(fault: Fault) -> tuple[int, float, str]:
    """The key to sort faults by, the strongest first."""
    return fault.kind.RANK, -fault.at_ms, fault.id


def choose_course(hits: Iterable[tuple[Fault, Draw]], ask: FaultAsk) -> Course:
    """The course of a request that these faults, the strongest first, are about."""
    course, touched = USUAL, []
    for fault, draw in hits:
        changed = fault.kind.apply(course, ask, draw)
        if changed is not course:
            course = changed
            touched.append(fault.id)
    return replace(course, faults=tuple(touched)) if touched else USUAL
