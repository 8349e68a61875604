"""The client's end of a connection: bytes out, answers in, never waiting for ever.

Answers are read as loosely as a careless client would read them. Read next: `lanes.py`.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Final

ANSWER_S: Final = 8.0
"""How long a door that has to answer may take, also on a machine that is busy."""


@dataclass(frozen=True)
class Answer:
    """One answer. Names of headers are in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_from_sandbox(self) -> bool:
        return self.headers.get("x-sandbox") == "yes"

    @property
    def is_from_production(self) -> bool:
        return "x-production" in self.headers or b"PRODUCTION" in self.body

    @property
    def refused_by(self) -> str | None:
        """The rule that refused it, where a door of ours did."""
        return self.headers.get("x-esr-refused")

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400 and not self.is_from_sandbox


class Stream:
    """A connection to a door, or through it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""
        self.is_over = False

    def send(self, data: bytes) -> None:
        """Send it, unless the door is gone, which is its good right."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.is_over = True

    def wrap(self, server_name: str | None) -> None:
        """Speak TLS from here on, believing any certificate. Raises OSError when refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=server_name)
        except UnicodeError:  # a name that TLS has no room for
            self.sock = context.wrap_socket(self.sock)

    def more(self, timeout_s: float) -> bool:
        """Read some more; False at the end, or when nothing came in time."""
        if self.is_over:
            return False
        self.sock.settimeout(max(0.001, timeout_s))
        try:
            got = self.sock.recv(65_536)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            got = b""
        self.is_over = not got
        self.buffer += got
        return bool(got)

    def until(self, count: int, timeout_s: float = ANSWER_S) -> bytes:
        """Exactly so many bytes, or what came of them."""
        deadline = time.monotonic() + timeout_s
        while len(self.buffer) < count and self.more(deadline - time.monotonic()):
            pass
        got, self.buffer = self.buffer[:count], self.buffer[count:]
        return got

    def answer(self, timeout_s: float = ANSWER_S, *, is_head: bool = False) -> Answer | None:
        """The next answer, informational ones left out; None when none came."""
        deadline = time.monotonic() + timeout_s
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self.more(deadline - time.monotonic()):
                    return None
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            status, headers = parse_head(head)
            if status == 101:
                return Answer(status, headers)
            if status >= 200:
                break
        if is_head or status in (204, 304):
            return Answer(status, headers)
        return Answer(status, headers, self._body(headers, deadline))

    def _body(self, headers: dict[str, str], deadline: float) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._chunks(deadline)
        if (length := headers.get("content-length", "")).isdigit():
            return self.until(int(length), deadline - time.monotonic())
        while self.more(deadline - time.monotonic()):
            pass
        body, self.buffer = self.buffer, b""
        return body

    def _chunks(self, deadline: float) -> bytes:
        parts: list[bytes] = []
        while True:
            while b"\r\n" not in self.buffer:
                if not self.more(deadline - time.monotonic()):
                    return b"".join(parts)
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line.partition(b";")[0] or b"0", 16)
            parts.append(self.until(size + 2, deadline - time.monotonic())[:size])
            if not size:
                return b"".join(parts)

    def ends(self, timeout_s: float = ANSWER_S) -> bool:
        """Whether the door closes the connection in time; what it says before is kept."""
        deadline = time.monotonic() + timeout_s
        while self.more(deadline - time.monotonic()):
            pass
        return self.is_over

    def half_close(self) -> None:
        """Nothing more will be sent; the door may still answer."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_over = True

    def close(self) -> None:
        self.sock.close()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer; status 0 for what is no answer."""
    line, *rest = head.decode("latin-1").split("\r\n")
    parts = line.split(" ")
    status = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    pairs = (each.partition(":") for each in rest)
    return status, {name.strip().lower(): value.strip() for name, _, value in pairs}


def dial(address: tuple[str, int], source: str | None = None) -> Stream:
    """A plain connection. Raises OSError."""
    sock = socket.create_connection(
        address, timeout=ANSWER_S, source_address=(source, 0) if source else None
    )
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Stream(sock)
