"""Heads that come again and again byte for byte, read once.

Floor 1, pure. Clients and servers on a kept connection say the same for every request, so an exact
head in which nothing can be a secret is remembered with what it means. An `Authorization` line is
set aside first: it is read each time, and what stands around it may still be remembered.
Read next: `request_head.py`, `answer_head.py`, `lines.py` (what is harmless).
"""

from __future__ import annotations

import copy
from typing import Final

from proxy.gateway.answer_head import AnswerHead, answer_lines, parse_answer
from proxy.gateway.lines import is_harmless
from proxy.gateway.request_head import RequestHead, parse_request, request_lines
from switchboard.credentials import safe_target
from switchboard.headers import is_value

Pair = tuple[str, str]

SET_ASIDE: Final = "authorization"
_MARKS: Final = (b"\r\nAuthorization: ", b"\r\nauthorization: ")
_REMEMBERED: Final = 1_024
_LONGEST: Final = 1_024


class RequestReader:
    """Reads the heads of requests."""

    def __init__(self, max_headers: int) -> None:
        self._max_headers = max_headers
        self._lines = request_lines()
        self._known: dict[bytes, RequestHead] = {}

    def read(self, data: bytes) -> tuple[RequestHead, Pair | None]:
        """The head without its last two CRLF, and an Authorization that was set aside.

        Raises BadMessage.
        """
        known = self._known.get(data)
        if known is not None:
            return known, None
        for mark in _MARKS:
            at = data.find(mark)
            if at >= 0:
                return self._read_around(data, at)
        return self._read_whole(data), None

    def _read_around(self, data: bytes, at: int) -> tuple[RequestHead, Pair | None]:
        end = data.find(b"\r\n", at + 2)
        if end < 0:
            end = len(data)
        rest = data[:at] + data[end:]
        head = self._known.get(rest)
        if head is None:
            head = self._read_whole(rest)
            if rest not in self._known or len(head.headers) >= self._max_headers:
                return self._read_whole(data), None
        name, _, value = data[at + 2 : end].decode("latin-1").partition(": ")
        if not is_value(value):
            return head, self._lines.read(f"{name}: {value}").pair  # or it is malformed
        return head, (name, value.strip(" \t"))

    def _read_whole(self, data: bytes) -> RequestHead:
        head = parse_request(data.decode("latin-1"), self._lines, self._max_headers)
        if len(data) <= _LONGEST and _is_harmless_request(head):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[data] = head
            head.is_shared = True
        return head


def _is_harmless_request(head: RequestHead) -> bool:
    if head.socket_key or head.has_odd_connection or head.cookies:
        return False
    if safe_target(head.target) != head.target:
        return False
    return all(is_harmless(name.lower(), value) for name, value in head.headers)


def with_pair(head: RequestHead, pair: Pair | None) -> RequestHead:
    """The head with the line that was set aside; the order of other headers stays."""
    if pair is None:
        return head
    whole = copy.copy(head)
    whole.lines = [*head.lines, f"{pair[0]}: {pair[1]}"]
    whole.headers = [*head.headers, pair]
    whole.is_shared = False
    return whole


class AnswerReader:
    """Reads the heads of answers."""

    def __init__(self, max_headers: int) -> None:
        self._max_headers = max_headers
        self._lines = answer_lines()
        self._known: dict[bytes, AnswerHead] = {}

    def read(self, data: bytes) -> AnswerHead:
        """The head without its last two CRLF. Raises BadMessage."""
        known = self._known.get(data)
        if known is not None:
            return known
        head = parse_answer(data.decode("latin-1"), self._lines, self._max_headers)
        if len(data) <= _LONGEST and _is_harmless_answer(head):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[data] = head
            head.is_shared = True
        return head


def _is_harmless_answer(head: AnswerHead) -> bool:
    if head.has_odd_connection:
        return False
    return all(is_harmless(name.lower(), value) for name, value in head.headers)
