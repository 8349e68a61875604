"""The head of an upstream's answer, read as strictly as a client's request.

Floor 1, pure. A sandbox service is trusted with the request, not with the connection: an answer
that two readers could end in two places would let it speak for the next request.
Read next: `request_head.py`, its twin; `upstream_wire.py`, which feeds it.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.gateway.lines import PLAIN, BadMessage, Line, Lines
from proxy.gateway.request_head import CHUNKED, parse_length

BAD_ANSWER: Final = "bad-answer"
TO_THE_END: Final = -2
"""The body ends with the connection."""

LENGTH, CODING, CONNECTION, UPGRADE, ACCEPT, TYPE, ENCODING = range(1, 8)
ROLES: Final = {
    "content-length": LENGTH,
    "transfer-encoding": CODING,
    "connection": CONNECTION,
    "upgrade": UPGRADE,
    "sec-websocket-accept": ACCEPT,
    "content-type": TYPE,
    "content-encoding": ENCODING,
}
_START: Final = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_ORDINARY: Final = frozenset({"keep-alive", "close", "upgrade", ""})


def answer_lines() -> Lines:
    """A reader of the header lines of answers."""
    return Lines(ROLES, BAD_ANSWER)


class AnswerHead:
    """A well-formed head of an answer."""

    __slots__ = (
        "accept",
        "content_type",
        "has_odd_connection",
        "headers",
        "is_encoded",
        "is_shared",
        "keeps_alive",
        "length",
        "lines",
        "reason",
        "status",
        "upgrade",
    )

    def __init__(self, status: int, reason: str, minor: int) -> None:
        self.status = status
        self.reason = reason
        self.lines: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.length: int = TO_THE_END
        """What the head says; `body_length` knows when there is no body whatever it says."""
        self.keeps_alive = minor == 1
        self.has_odd_connection = False
        self.upgrade = ""
        self.accept = ""
        self.content_type = ""
        self.is_encoded = False
        self.is_shared = False
        """It is remembered as a whole, so others may remember what it becomes."""

    def __repr__(self) -> str:
        return f"<AnswerHead {self.status}, {len(self.headers)} headers, body {self.length}>"


def parse_answer(text: str, lines: Lines, max_headers: int) -> AnswerHead:
    """The head without its last two CRLF, latin-1. Raises BadMessage."""
    start, *raw = text.split("\r\n")
    found = _START.fullmatch(start)
    if found is None:
        raise BadMessage(BAD_ANSWER, "it does not start with HTTP/1.1 and a status")
    if len(raw) > max_headers:
        raise BadMessage(BAD_ANSWER, f"it has more than {max_headers} headers")
    reason = found[3] or ""
    head = AnswerHead(int(found[2]), reason if reason.isascii() else "", int(found[1]))
    head.lines = raw
    headers = head.headers
    known = lines.known
    special: list[Line] = []
    for each in raw:
        line = known.get(each)
        if line is None:
            line = lines.read(each)
        headers.append(line.pair)
        if line.role != PLAIN:
            special.append(line)
    _take_special(head, special, int(found[1]))
    return head


def _take_special(head: AnswerHead, special: list[Line], minor: int) -> None:
    found: dict[int, str] = {}
    for line in special:
        role, value = line.role, line.pair[1]
        if role not in found:
            found[role] = value
        elif role in (LENGTH, CODING):
            raise BadMessage(BAD_ANSWER, f"it has two {line.pair[0].lower()} headers")
        else:
            found[role] += f",{value}"
    if CODING in found:
        if LENGTH in found or minor == 0 or found[CODING].lower() != "chunked":
            raise BadMessage(BAD_ANSWER, "its transfer-encoding is not exactly: chunked")
        head.length = CHUNKED
    elif LENGTH in found:
        head.length = parse_length(found[LENGTH], BAD_ANSWER)
    if CONNECTION in found:
        _take_connection(head, found[CONNECTION])
    head.content_type = found.get(TYPE, "")
    head.is_encoded = found.get(ENCODING, "").lower() not in ("", "identity")
    head.upgrade = found.get(UPGRADE, "")
    head.accept = found.get(ACCEPT, "")


def _take_connection(head: AnswerHead, connection: str) -> None:
    names = [part.strip(" \t").lower() for part in connection.split(",")]
    if "close" in names:
        head.keeps_alive = False
    elif "keep-alive" in names:
        head.keeps_alive = True
    head.has_odd_connection = not _ORDINARY.issuperset(names)


def body_length(method: str, head: AnswerHead) -> int:
    """Bytes of the body that really follows: a number, CHUNKED or TO_THE_END."""
    if method == "HEAD" or head.status < 200 or head.status in (204, 304):
        return 0
    return head.length
