"""`truncate`: the answer ends too early. Floor 1, pure. Read next: `malformed.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import MAX_BYTES, flag, parameter, share, whole


@dataclass(frozen=True, slots=True)
class Truncate(FaultKind):
    """A part of the body arrives, then the connection is closed. Raises ValueError for both a
    fraction and a number of bytes."""

    NAME = "truncate"
    RANK = 64

    fraction: float | None = parameter(
        "share", "how much of the body arrives; a half where neither is given", share, None
    )
    bytes: int | None = parameter(
        "bytes", "how much of the body arrives, instead of fraction", whole(0, MAX_BYTES), None
    )
    keep_content_length: bool = parameter(
        "true or false", "whether the head promises the whole length, so that callers can tell",
        flag, True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.fraction is not None and self.bytes is not None:
            raise ValueError("truncate takes fraction or bytes, one of the two")

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        fraction = 0.5 if self.fraction is None and self.bytes is None else self.fraction
        cut = Cut(
            "close",
            "response",
            body_bytes=self.bytes,
            fraction=fraction,
            keep_content_length=self.keep_content_length,
        )
        return replace(course, cut=cut)
