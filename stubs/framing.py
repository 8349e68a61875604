"""Answers as bytes: status line, headers, length. Nothing a stub says can break the framing.

Floor 1, pure. Read next: `wire_plan.py`, which is what faults make of it.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from stubs.service import Answer, answer_problem
from stubs.wire_plan import Framed

NO_BODY: Final = (204, 304)
EMPTY: Final = 205
"""Has no content either, and says so with a length of 0."""
_OURS: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer"}
    | {b"x-esr-env"}
)
"""How an answer is framed, whether the connection stays, and that it is the sandbox's, is not a
stub's to say."""
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_NO_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_BAD_HEADER: Final = answer_problem(
    500, "Broken stub", "the stub's answer has a status or a header that HTTP cannot carry"
)


def plain_bytes(answer: Answer, is_head: bool, keeps_alive: bool) -> bytes:
    """The whole answer as nearly all of them go out."""
    answer = sendable(answer)
    status = answer.status
    if answer.headers or status in NO_BODY or status == EMPTY or is_head or not keeps_alive:
        framed = frame(answer, is_head, keeps_alive)
        length = b"content-length: %d\r\n" % len(framed.body) if framed.says_length else b""
        close = b"" if keeps_alive else b"connection: close\r\n"
        return b"%b%b%b\r\n%b" % (
            framed.head, length, close, framed.body if framed.sends_body else b"",
        )  # fmt: skip
    body = answer.body
    return b"%bcontent-length: %d\r\n\r\n%b" % (_head(status, answer.content_type), len(body), body)


def frame(answer: Answer, is_head: bool, keeps_alive: bool, date_s: float | None = None) -> Framed:
    """The answer in parts, for faults to work on. date_s: what its clock says, when it says so."""
    answer = sendable(answer)
    has_body = answer.status not in NO_BODY
    lines = [_head(answer.status, b"")]
    is_typed = False
    for name, value in answer.headers:
        lower = name.lower()
        if lower in _OURS:
            continue
        is_typed = is_typed or lower == b"content-type"
        lines.append(b"%b: %b\r\n" % (name, value))
    if date_s is not None:
        lines.append(b"date: %b\r\n" % http_date(date_s))
    if has_body and not is_typed:
        lines.append(b"content-type: %b\r\n" % answer.content_type)
    body = answer.body if has_body and answer.status != EMPTY else b""
    return Framed(b"".join(lines), body, has_body, has_body and not is_head, keeps_alive)


def sendable(answer: Answer) -> Answer:
    """The answer, or a 500 for one that would not be HTTP: a header may hold a caller's words."""
    if not 200 <= answer.status <= 599 or not _is_type(answer.content_type):
        return _BAD_HEADER
    for name, value in answer.headers:
        if _NAME.fullmatch(name) is None or _NO_VALUE.search(value) is not None:
            return _BAD_HEADER
    return answer


def http_date(epoch_s: float) -> bytes:
    """A date as headers say it; one that no calendar has is the epoch."""
    try:
        return formatdate(epoch_s, usegmt=True).encode()
    except (OverflowError, ValueError, OSError):
        return formatdate(0, usegmt=True).encode()


@lru_cache(maxsize=256)
def _is_type(content_type: bytes) -> bool:
    return _NO_VALUE.search(content_type) is None


@lru_cache(maxsize=256)
def _head(status: int, content_type: bytes) -> bytes:
    """Status line, our mark and, unless it is left out, the content type."""
    line = f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\nx-esr-env: sandbox\r\n".encode()
    return line + (b"content-type: %b\r\n" % content_type if content_type else b"")
