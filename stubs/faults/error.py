"""`error`: an error status in place of the answer. Floor 1, pure. Read next: `quota.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import header_pairs, parameter, seconds, text, whole
from stubs.service import JSON, Answer, answer_problem

_PLAIN: Final = b"text/plain; charset=utf-8"
_GRPC: Final = b"application/grpc"


def _read_body(value: object) -> str:
    """A text as it is; a mapping or a list as the text of its JSON."""
    if isinstance(value, Mapping | list):
        try:
            value = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("must be text, or what can be written as JSON") from error
    return text(value)


@dataclass(frozen=True, slots=True)
class Error(FaultKind):
    """The answer is an error; the service is not asked."""

    NAME = "error"
    RANK = 30

    status: int = parameter("HTTP status", "400 to 599", whole(400, 599), 500)
    body: str | None = parameter(
        "text or JSON", "said instead of a problem document", _read_body, None
    )
    headers: tuple[tuple[str, str], ...] = parameter(
        "mapping", "further headers of the answer", header_pairs, (), dict
    )
    retry_after_s: float | None = parameter("s", "a Retry-After header", seconds, None)
    grpc_status: int | None = parameter(
        "code", "answers as gRPC does: 200 with this grpc-status", whole(1, 16), None
    )

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        return replace(course, asks=0, answer=self.answer(ask))

    def answer(self, ask: FaultAsk) -> Answer:
        """What is said instead."""
        headers = tuple((name.encode(), value.encode("latin-1")) for name, value in self.headers)
        if self.retry_after_s is not None:
            headers += ((b"retry-after", b"%d" % -int(-self.retry_after_s // 1)),)
        if self.grpc_status is not None:
            headers += ((b"grpc-status", b"%d" % self.grpc_status),)
            return Answer(200, b"", _GRPC, headers)
        if self.body is None:
            detail = f"{ask.service} answers {self.status} (a declared fault)"
            plain = answer_problem(self.status, "Injected error", detail)
            return replace(plain, headers=headers)
        return Answer(self.status, self.body.encode(), _content_type(self.body), headers)


def _content_type(body: str) -> bytes:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return _PLAIN
    return JSON
