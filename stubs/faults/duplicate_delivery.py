"""`duplicate_delivery`: the service is asked more than once. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind
from stubs.faults.parameters import parameter, whole


@dataclass(frozen=True, slots=True)
class DuplicateDelivery(FaultKind):
    """Something on the way delivers the request again; the caller hears the first answer.

    It needs a service that is reached: what is refused before is not delivered twice. Of several
    the most deliveries count.
    """

    NAME = "duplicate_delivery"
    RANK = 70

    times: int = parameter("deliveries", "how often it is delivered altogether", whole(2, 10), 2)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        return replace(course, asks=self.times) if 0 < course.asks < self.times else course
