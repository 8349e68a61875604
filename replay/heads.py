"""A recorded request as the bytes a tape keeps: request line, safe headers, length, body.

Credentials, Host and everything that belongs to one hop are left out here, so that they never
reach a tape; the switchboard binds their sandbox counterparts in later, right after the request
line. Read next: `switchboard/credentials.py` (what is safe), `tape.py` (where the bytes go).
"""

from __future__ import annotations

LENGTH_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
"""Methods that carry a Content-Length even when there is no body (RFC 9110 section 8.6)."""
MAX_REQUEST_LINE = 65_535
"""A tape keeps the length of the request line in 16 bits."""
CONTENT_TYPE_JSON = "content-type: application/json\r\n"


def request_bytes(method: str, target: str, lines: str, body: bytes) -> tuple[bytes, int]:
    """The record of a request, and its `split`: how long the request line is with its CRLF.

    lines: kept header lines, each ending in CRLF, all ASCII (`credentials.header_lines`).
    """
    line = f"{method} {target} HTTP/1.1\r\n"
    if body or method in LENGTH_EXPECTED:
        head = f"{line}{lines}Content-Length: {len(body)}\r\n\r\n"
        return head.encode("ascii") + body, len(line)
    return f"{line}{lines}\r\n".encode("ascii"), len(line)


def has_content_type(lines: str) -> bool:
    """True when one of the header lines is a Content-Type."""
    low = lines.lower()
    return low.startswith("content-type:") or "\ncontent-type:" in low
