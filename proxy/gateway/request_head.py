"""The head of a request, read strictly: what two servers could read in two ways is refused.

Floor 1, pure: text in, a value or a refusal out. One strict reading of our own rather than a
lenient parser and a list of its leniences; the tests hold it against independent parsers.
Read next: `chunks.py` (bodies), `plan.py` (what a head becomes).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from proxy.gateway.lines import PLAIN, BadMessage, Line, Lines

END: Final = b"\r\n\r\n"
CHUNKED: Final = -1
NO_BODY: Final = 0
MOST_LENGTH_DIGITS: Final = 15

HOST, LENGTH, CODING, CONNECTION, EXPECT, UPGRADE, COOKIE, TAG, HOPS, SOCKET_KEY, SOCKET_VERSION = (
    range(1, 12)
)
ROLES: Final = {
    "host": HOST,
    "content-length": LENGTH,
    "transfer-encoding": CODING,
    "connection": CONNECTION,
    "expect": EXPECT,
    "upgrade": UPGRADE,
    "cookie": COOKIE,
    "x-esr-run": TAG,
    "x-esr-service": TAG,
    "x-esr-request": TAG,
    "x-esr-hop": HOPS,
    "sec-websocket-key": SOCKET_KEY,
    "sec-websocket-version": SOCKET_VERSION,
}

_START: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([\x21-\x7e]+) HTTP/1\.([01])")
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_FIRST_BYTES: Final = re.compile(rb"[\x20-\x7e]*(?:\r|\r\n.*)?", re.DOTALL)
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64} ")
_TUNNELS: Final = frozenset({"CONNECT", "TRACE", "PRI"})
"""TRACE would show the client the credentials that were injected."""
_ORDINARY: Final = frozenset({"keep-alive", "close", "upgrade", "te", "http2-settings", ""})


def request_lines() -> Lines:
    """A reader of the header lines of requests."""
    return Lines(ROLES, "bad-request")


class RequestHead:
    """A well-formed head; not to be changed once it was read."""

    __slots__ = (
        "cookies",
        "expects_continue",
        "has_odd_connection",
        "has_tags",
        "headers",
        "hops",
        "host",
        "is_shared",
        "keeps_alive",
        "length",
        "lines",
        "method",
        "minor",
        "socket_key",
        "target",
    )

    def __init__(self, method: str, target: str, minor: int) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.host = ""
        self.lines: list[str] = []
        """Header lines as sent; `headers` are the same, name and value apart."""
        self.headers: list[tuple[str, str]] = []
        self.length: int | None = None
        """Bytes of body; CHUNKED; None: not a word was said about a body, and there is none."""
        self.keeps_alive = minor == 1
        self.expects_continue = False
        self.has_odd_connection = False
        """A `Connection` header names others that end at this hop."""
        self.has_tags = False
        self.cookies: list[str] = []
        self.hops = False
        self.is_shared = False
        """It is remembered as a whole, so others may remember what it becomes."""
        self.socket_key = ""
        """Not empty: the client asks for a WebSocket."""

    def __repr__(self) -> str:
        return f"<RequestHead {self.method}, {len(self.headers)} headers, body {self.length}>"


def parse_request(text: str, lines: Lines, max_headers: int) -> RequestHead:
    """The head without its last two CRLF, latin-1. Raises BadMessage."""
    start, *raw = text.split("\r\n")
    found = _START.fullmatch(start)
    if found is None:
        raise BadMessage(*why_bad_start(start))
    method, target = found[1], found[2]
    if method in _TUNNELS:
        raise BadMessage("not-plain-http", f"{method} is not taken here")
    if target[0] != "/" and target != "*":
        raise BadMessage("not-plain-http", "the target must be a path; this is no forward proxy")
    if len(raw) > max_headers:
        raise BadMessage("head-too-large", f"it has more than {max_headers} headers")
    head = RequestHead(method, target, 1 if found[3] == "1" else 0)
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
    _take_special(head, special)
    return head


def _take_special(head: RequestHead, special: list[Line]) -> None:
    """Framing, routing and what is asked of this connection."""
    found = _by_role(head, special)
    head.host = found.pop(HOST, "")
    if not head.host:
        raise BadMessage("no-host", "an HTTP request must say which host it is for")
    if CODING in found:
        _check_coding(head, found)
        head.length = CHUNKED
    elif LENGTH in found:
        head.length = parse_length(found.pop(LENGTH), "bad-request")
    connection = found.pop(CONNECTION, "")
    if connection == "keep-alive":
        head.keeps_alive = True
    elif connection:
        _take_connection(head, connection)
    if found:
        _take_rare(head, found, connection)


def _by_role(head: RequestHead, special: list[Line]) -> dict[int, str]:
    """The value of each; only some may come more than once."""
    found: dict[int, str] = {}
    for line in special:
        role, value = line.role, line.pair[1]
        if role == COOKIE:
            head.cookies.append(value)
        elif role not in found:
            found[role] = value
        elif role == CONNECTION:
            found[role] += f",{value}"
        elif role not in _MANY:
            raise BadMessage("bad-request", f"there are two {line.pair[0].lower()} headers")
    return found


_MANY: Final = frozenset({TAG, HOPS})


def _take_rare(head: RequestHead, found: dict[int, str], connection: str) -> None:
    head.has_tags = TAG in found
    head.hops = HOPS in found
    head.socket_key = found.get(SOCKET_KEY, "")
    if EXPECT in found:
        _take_expect(head, found[EXPECT])
    if UPGRADE in found or head.socket_key:
        _take_upgrade(head, found.get(UPGRADE, ""), connection, found.get(SOCKET_VERSION, ""))


def parse_length(value: str, rule: str) -> int:
    """A content-length. Raises BadMessage for a sign, a list, or a number no body can have."""
    if not (value.isascii() and value.isdigit()) or len(value) > MOST_LENGTH_DIGITS:
        raise BadMessage(rule, "the content-length is not one plain number")
    return int(value)


def _check_coding(head: RequestHead, found: dict[int, str]) -> None:
    if LENGTH in found:
        raise BadMessage("bad-request", "it has both a content-length and a transfer-encoding")
    if found[CODING] != "chunked":
        raise BadMessage("bad-request", "the transfer-encoding is not exactly: chunked")
    if head.minor == 0:
        raise BadMessage("bad-request", "HTTP/1.0 has no transfer-encoding")


def _take_connection(head: RequestHead, connection: str) -> None:
    names = [part.strip(" \t").lower() for part in connection.split(",")]
    if "close" in names:
        head.keeps_alive = False
    elif "keep-alive" in names:
        head.keeps_alive = True
    head.has_odd_connection = not _ORDINARY.issuperset(names)


def _take_expect(head: RequestHead, value: str) -> None:
    if value.lower() != "100-continue":
        raise BadMessage("bad-request", "it expects something other than 100-continue")
    head.expects_continue = head.minor == 1


def _take_upgrade(head: RequestHead, upgrade: str, connection: str, version: str) -> None:
    """The one upgrade there is: a whole and well-formed handshake for a WebSocket."""
    if upgrade.lower() != "websocket":
        raise BadMessage("not-plain-http", "only an upgrade to websocket is taken here")
    names = [part.strip(" \t").lower() for part in connection.split(",")]
    if head.method != "GET" or head.minor == 0 or "upgrade" not in names:
        raise BadMessage("not-plain-http", "a websocket begins with GET and Connection: upgrade")
    if head.length:
        raise BadMessage("bad-request", "a websocket's handshake has no body")
    if version != "13" or not _is_socket_key(head.socket_key):
        raise BadMessage("bad-request", "the websocket's version must be 13, its key 16 bytes")


def _is_socket_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def why_bad_start(start: str) -> tuple[str, str]:
    """Rule and detail for a request line that is none."""
    if "\r" in start or "\n" in start:
        return "bad-request", "a line ends in a bare CR or LF"
    parts = start.split(" ")
    if len(parts) != 3:
        return "bad-request", "the request line is not METHOD TARGET HTTP/1.1"
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        return "bad-request", "the protocol is neither HTTP/1.1 nor HTTP/1.0"
    if not re.fullmatch(r"[\x21-\x7e]+", parts[1]):
        return "bad-target", "it has a control or a non-ASCII character, or is empty"
    return "bad-request", "the method is no token"


def why_hopeless(data: bytes) -> tuple[str, str] | None:
    """Rule and detail when no further byte can make a head of this beginning of one."""
    if _BARE.search(data):
        return "bad-request", "a line ends in a bare CR or LF"
    if not _FIRST_BYTES.fullmatch(data):
        rule = "bad-target" if _METHOD.match(data) else "bad-request"
        return rule, "the request line has a control or a non-ASCII character"
    start, crlf, _ = data.partition(b"\r\n")
    text = start.decode("latin-1")
    if crlf and _START.fullmatch(text) is None:
        return why_bad_start(text)
    return None
