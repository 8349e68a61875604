"""What may stand in an HTTP/1.1 head: names, values, and which headers end at one hop.

Floor 0. Anything that fails these tests never reaches a socket, which is what makes header
injection (a CR or LF smuggled in a user name, a service or a recorded header) impossible.
Read next: `credentials.py`, which decides what else is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# RFC 9110 section 7.6.1 with the older names; `expect` because bodies are sent at once, and
# `content-length` because the length is counted anew.
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_token(text: str) -> bool:
    """True for what may be a header name or a method."""
    return _TOKEN.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """True for a header value of visible ASCII, spaces and tabs: no CR, LF, NUL or non-ASCII."""
    # Two C calls settle nearly every value; the pattern is for those with a tab.
    return (text.isascii() and text.isprintable()) or _VALUE.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """True for a run id, service or environment name that is safe in a header and a file name."""
    return _LABEL.fullmatch(text) is not None


def connection_names(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The headers a `Connection` header names as belonging to that one hop, in lower case."""
    values = (value for name, value in pairs if name.lower() == "connection")
    return frozenset(part.strip().lower() for value in values for part in value.split(","))
