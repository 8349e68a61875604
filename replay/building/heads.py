"""A recorded request as the bytes a tape keeps: request line, safe headers, length, body.

Credentials, Host and everything that belongs to one hop are left out here, so that they never
reach a tape; the switchboard binds their sandbox counterparts in later, right after the request
line. Read next: `switchboard/credentials.py` (what is safe), `replay/tape.py` (where the bytes go).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from switchboard.credentials import header_line, is_dropped_name

LENGTH_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
"""Methods that carry a Content-Length even when there is no body (RFC 9110 section 8.6)."""
MAX_TARGET: Final = 65_000
"""A tape keeps the length of the request line, method and all, in 16 bits."""
LINE_AROUND: Final = len("  HTTP/1.1\r\n")
_NAMES_HELD: Final = 1_024
_VALUES_HELD: Final = 512
_VALUE_HELD: Final = 200
_is_plain_id = re.compile(r"[0-9a-f-]+").fullmatch
"""Hexadecimal numbers and UUIDs are harmless, and hardly ever come back: not worth a cache."""
_CONNECTION: Final = {"close": "", "Close": "", "keep-alive": "", "Keep-Alive": ""}
CONTENT_TYPE_JSON = "content-type: application/json\r\n"


def request_head(method: str, target: str, lines: str, body_size: int) -> tuple[bytes, int]:
    """All of a request but its body, and its `split`: the length of the request line with CRLF.

    lines: kept header lines, each ending in CRLF, all ASCII (`credentials.header_lines`).
    """
    length = f"Content-Length: {body_size}\r\n" if body_size or method in LENGTH_EXPECTED else ""
    head = f"{method} {target} HTTP/1.1\r\n{lines}{length}\r\n"
    return head.encode("ascii"), len(method) + len(target) + LINE_AROUND


def has_content_type(lines: str) -> bool:
    """True when one of the header lines is a Content-Type."""
    if "\nContent-Type:" in lines or "\ncontent-type:" in lines:
        return True
    low = lines.lower()
    return low.startswith("content-type:") or "\ncontent-type:" in low


class HeaderCache:
    """`credentials.header_lines` for the headers of one event after the other, by header name.

    A log repeats the same few thousand headers, so most cost two look-ups. Equal to
    `header_lines` in what it gives (tested); what it cannot judge alone it leaves to that.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str] | None] = {}

    def lines(self, headers: Mapping[str, Any]) -> str | None:
        """The lines to keep; None when the headers need a closer look (a list, a number, ...)."""
        if type(headers) is not dict:
            return None
        names = self._names
        lines = ""
        try:
            for name, value in headers.items():
                try:
                    known = names[name]
                except KeyError:
                    known = self._learn(name)
                if known is None:  # a name that never travels
                    if type(value) is not str:
                        return None
                    continue
                line = known.get(value)
                if line is None:
                    if _is_plain_id(value) and known is not _CONNECTION:
                        line = f"{name}: {value}\r\n"
                    else:
                        line = _judge(name, value, known)
                        if line is None:
                            return None
                lines += line
        except TypeError:  # a list or an object instead of a text
            return None
        return lines

    def _learn(self, name: str) -> dict[str, str] | None:
        if len(self._names) >= _NAMES_HELD:
            self._names.clear()
        known: dict[str, str] | None = None if is_dropped_name(name) else {}
        if name.lower() == "connection":
            known = _CONNECTION
        self._names[name] = known
        return known


def _judge(name: str, value: Any, known: dict[str, str]) -> str | None:
    if type(value) is not str or known is _CONNECTION:  # which names headers that must go too
        return None
    line = header_line(name, value)
    # Only what is kept is remembered: a secret must not live on in a cache.
    if line is not None and len(value) <= _VALUE_HELD:
        if len(known) >= _VALUES_HELD:
            known.clear()
        known[value] = line
    return line or ""
