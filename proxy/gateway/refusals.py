"""Answers of the gateway's own: refusals as problem documents, and the heads they have.

Floor 1, pure. Read next: `switchboard/decide.py` (the rules and statuses).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from proxy.gateway.plan import head_text
from switchboard.decide import Refuse, problem

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PHRASES: Final = {each.value: each.phrase for each in HTTPStatus}
_OURS: Final = "Refused"


def phrase_of(status: int) -> str:
    """The reason phrase of a status; 599 and its like are the switchboard's own."""
    return _PHRASES.get(status, _OURS if status == 599 else "")


def refusal_bytes(refusal: Refuse, host: str, *, closes: bool, is_head: bool) -> bytes:
    """The whole answer to a refused request."""
    status, headers, body = problem(refusal, host)
    connection = "connection: close\r\n" if closes else ""
    text = f"HTTP/1.1 {status} {phrase_of(status)}\r\n{head_text(headers)}{connection}\r\n"
    return text.encode("latin-1", "replace") + (b"" if is_head else body)
