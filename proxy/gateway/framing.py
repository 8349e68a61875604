"""How a message is framed on the way out: always by us, never as it came in.

Floor 1, pure. Read next: `passage.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proxy.gateway.answer_head import AnswerHead
from proxy.gateway.request_head import CHUNKED, RequestHead

# A server may overlook the body of these, and take it for the next request.
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def has_doubtful_body(head: RequestHead) -> bool:
    """True when the connection that carried the request must carry no other one."""
    return bool(head.length) and head.method in _BODILESS


def request_framing(head: RequestHead) -> str:
    """The last lines of a request's head, and the empty one."""
    length = head.length
    if head.socket_key:
        return (
            "connection: Upgrade\r\nupgrade: websocket\r\n"
            f"sec-websocket-key: {head.socket_key}\r\n\r\n"
        )
    if length is None:
        return "\r\n"
    close = "connection: close\r\n" if has_doubtful_body(head) else ""
    if length == CHUNKED:
        return f"transfer-encoding: chunked\r\n{close}\r\n"
    return f"content-length: {length}\r\n{close}\r\n"


class AnswerFraming(NamedTuple):
    """The last lines of an answer's head, and what they promise."""

    text: str
    is_chunked: bool
    keeps_alive: bool


def answer_framing(
    asked: RequestHead, head: AnswerHead, length: int, *, is_mapped: bool, keeps_alive: bool
) -> AnswerFraming:
    """length: of the body that really follows.   is_mapped: its length will be another one.

    keeps_alive: whether the client's connection may go on, as far as that is known.
    """
    text = ""
    is_chunked = False
    if head.status in (204, 304) or asked.method == "HEAD":
        if head.length >= 0 and head.status != 204 and not is_mapped:
            text = f"content-length: {head.length}\r\n"
    elif length >= 0 and not (is_mapped and length):
        text = f"content-length: {length}\r\n"
    elif asked.minor:
        text = "transfer-encoding: chunked\r\n"
        is_chunked = True
    else:
        keeps_alive = False  # the end of the connection is the end of the body
    if not keeps_alive:
        text += "connection: close\r\n"
    elif not asked.minor:
        text += "connection: keep-alive\r\n"
    return AnswerFraming(text, is_chunked, keeps_alive)
