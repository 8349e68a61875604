"""`loss`: packets get lost and are sent again. Floor 1, pure. Read next: `latency.py`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Pacing
from stubs.faults.kind import SEGMENT_BYTES, Draw, FaultKind, is_decided
from stubs.faults.parameters import milliseconds, parameter, share

MAX_STALLS: Final = 64
MAX_CHUNKS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Loss(FaultKind):
    """Some packets of the answer come late, as if they had been lost and sent again."""

    NAME = "loss"
    RANK = 63
    CLASHES = False
    APPROXIMATED = (
        "No packet is lost: the answer is written packet by packet, and a lost one comes "
        "`stall_ms` later, as it would once TCP had sent it again. The packets of the request are "
        "spared, and one answer has at most 64 stalls."
    )

    percent: float = parameter("share, 0 to 1", "how many of the packets are lost", share, 0.01)
    stall_ms: float = parameter(
        "ms", "until a lost one is there; TCP waits for at least 200 on Linux", milliseconds, 200.0
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        stall_s = self.stall_ms / 1000
        stalls = dict.fromkeys(lost_packets(self.percent, draw), self.stall_ms / 1000)
        if not stalls:
            return course
        pacing = course.pacing or Pacing()
        for packet, stall_s in pacing.stalls:
            stalls[packet] = stalls.get(packet, 0.0) + stall_s
        merged = tuple(sorted(stalls.items()))[:MAX_STALLS]
        chunk_bytes = pacing.chunk_bytes or SEGMENT_BYTES
        return replace(course, pacing=replace(pacing, chunk_bytes=chunk_bytes, stalls=merged))


def lost_packets(percent: float, draw: Draw) -> Iterator[int]:
    """The numbers of the lost packets, ascending, each packet lost with that chance.

    From one to the next is a geometric step, so a draw is spent on each lost packet only.
    """
    packet = -1
    for number in range(1, MAX_STALLS + 1):
        packet += 1 + _gap(percent, draw.unit(number))
        if packet >= MAX_CHUNKS:
            return
        yield packet


def _gap(percent: float, u: float) -> int:
    """How many packets arrive before the next one is lost."""
    if percent >= 1:
        return 0
    if percent <= 0:
        return MAX_CHUNKS
    return int(min(math.log1p(-u) / math.log1p(-percent), MAX_CHUNKS))
