"""`out_of_order_callback`: webhooks come late, in another order, or twice. Floor 1, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import CallbackTwist, Course
from stubs.faults.kind import Draw, FaultKind
from stubs.faults.parameters import long_seconds, parameter, whole


@dataclass(frozen=True, slots=True)
class OutOfOrderCallback(FaultKind):
    """What the service calls back arrives in an order that is not the one it was sent in."""

    NAME = "out_of_order_callback"
    RANK = 72

    lag_s: float = parameter("s, recorded", "how much later callbacks come", long_seconds, 0.0)
    times: int = parameter("deliveries", "how often each one comes", whole(1, 10), 1)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if course.asks == 0:
            return course
        twist = CallbackTwist(self.times, self.lag_s * 1000, is_shuffled=True)
        old = course.callbacks
        if old is not None:
            twist = CallbackTwist(
                max(old.times, twist.times), max(old.delay_ms, twist.delay_ms), is_shuffled=True
            )
        return course if twist == old else replace(course, callbacks=twist)
