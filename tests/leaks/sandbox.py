"""The sandbox: it echoes, speaks WebSocket, and does on demand what a hostile one would do.

A thread for each connection, so that a case that leaves one hanging disturbs no other. Everything
it is sent is kept, byte for byte, and searched for the mark of production's credentials.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.leaks.places import (
    IMPOSTOR_PORT,
    MARK,
    PROD_V4,
    SANDBOX,
    SANDBOX_PORT,
    SANDBOX_TLS_PORT,
)

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OK: Final = "HTTP/1.1 200 OK"

# What it answers to `/do/NAME`: the head without framing, and the body. None closes at once.
HOSTILE: Final[dict[str, tuple[list[str], str]]] = {
    "redirect-name": (["HTTP/1.1 302 Found", "location: http://www.hms.gov/landed"], ""),
    "redirect-ip": (["HTTP/1.1 307 Temporary", f"location: http://{PROD_V4}/landed"], ""),
    "redirect-unmapped": (["HTTP/1.1 301 Moved", "location: https://prod.other.example/"], ""),
    "redirect-userinfo": (
        ["HTTP/1.1 302 Found", "location: http://svc.hms.example@www.hms.gov/landed"],
        "",
    ),
    "redirect-slashes": (["HTTP/1.1 302 Found", "location: //www.hms.gov/landed"], ""),
    "redirect-backslash": (["HTTP/1.1 302 Found", "location: http:\\\\www.hms.gov/landed"], ""),
    "redirect-decimal": (["HTTP/1.1 302 Found", "location: http://3405803786/landed"], ""),
    "refresh": ([_OK, "refresh: 0; url=http://www.hms.gov/landed"], ""),
    "alt-svc": ([_OK, f'alt-svc: h3="{PROD_V4}:443"; ma=86400'], "ok"),
    "link": ([_OK, f"link: <http://{PROD_V4}/a>; rel=preload"], "ok"),
    "content-location": ([_OK, "content-location: http://www.hms.gov/x"], "ok"),
    "hsts": ([_OK, "strict-transport-security: max-age=9", "clear-site-data: *"], "ok"),
    "links": (
        [_OK, "content-type: text/html"],
        '<a href="http://www.hms.gov/a">a</a><a href="http://127.0.0.3:9001/b">b</a>',
    ),
    "cookie": ([_OK, "set-cookie: sid=1; Domain=hms.gov; Path=/"], "ok"),
}


@dataclass
class Seen:
    """What the sandbox was sent since somebody last asked."""

    connections: int = 0
    requests: list[str] = field(default_factory=list)
    """`METHOD target host`, each."""
    raw: bytes = b""

    @property
    def secrets(self) -> int:
        """How often a credential of production reached it."""
        low = self.raw.lower()
        plain = MARK.lower().encode()
        return low.count(plain) + sum(low.count(each) for each in _HIDDEN_MARKS)


def _hidden_marks() -> tuple[bytes, ...]:
    """The mark in base64, at each of the three places where it may begin."""
    marks = []
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + MARK.encode())
        marks.append(whole[4 if shift else 0 : len(MARK) // 3 * 4].lower())
    return tuple(marks)


_HIDDEN_MARKS: Final = _hidden_marks()


class Sandbox:
    """Its listeners: plain, TLS by the sandbox's authority, TLS by an impostor's."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._seen = Seen()
        self._listen(SANDBOX_PORT, None)
        self._listen(SANDBOX_TLS_PORT, folder / "sandbox.pem")
        self._listen(IMPOSTOR_PORT, folder / "impostor.pem")

    def take(self) -> Seen:
        """What was seen since the last call."""
        with self._lock:
            seen, self._seen = self._seen, Seen()
            return seen

    def look(self) -> Seen:
        """The same, without forgetting it."""
        with self._lock:
            return Seen(self._seen.connections, list(self._seen.requests), self._seen.raw)

    def _listen(self, port: int, pem: Path | None) -> None:
        sock = socket.create_server((SANDBOX, port), backlog=128)
        tls = None
        if pem is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(pem)
        threading.Thread(target=self._accept, args=(sock, tls), daemon=True).start()

    def _accept(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = sock.accept()
            with self._lock:
                self._seen.connections += 1
            threading.Thread(target=self._serve, args=(connection, tls), daemon=True).start()

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        connection.settimeout(60)
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection:
                _Conversation(self, connection).run()
        except (OSError, ValueError):
            connection.close()  # a door may end as it likes; what it sent is kept

    def note(self, raw: bytes, request: str = "") -> None:
        """Remember what was read, and a request that it made up."""
        with self._lock:
            self._seen.raw += raw
            if request:
                self._seen.requests.append(request)


class _Conversation:
    """One connection."""

    def __init__(self, sandbox: Sandbox, sock: socket.socket) -> None:
        self._sandbox = sandbox
        self._sock = sock
        self._buffer = b""

    def run(self) -> None:
        while self._request():
            pass

    def _more(self) -> bool:
        got = self._sock.recv(65_536)
        self._sandbox.note(got)
        self._buffer += got
        return bool(got)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not self._more():
                raise ValueError("it ended in the middle")
        head, _, self._buffer = self._buffer.partition(mark)
        return head

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._more():
                raise ValueError("it ended in the middle")
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _request(self) -> bool:
        head = self._until(b"\r\n\r\n").decode("latin-1")
        line, *rest = head.split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {n.lower(): v.strip() for n, _, v in (each.partition(":") for each in rest)}
        self._sandbox.note(b"", f"{method} {target} {headers.get('host', '')}")
        if target.startswith("/early"):
            self._answer([_OK, "connection: close"], "early")
            return False
        body = self._body(headers)
        if headers.get("upgrade", "").lower() == "websocket":
            return self._websocket(headers)
        return self._do(target.partition("?")[0], method, target, headers, body)

    def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self._until(b"\r\n").partition(b";")[0], 16):
                parts.append(self._exactly(size))
                self._exactly(2)
            while self._until(b"\r\n"):
                pass
            return b"".join(parts)
        return self._exactly(int(headers.get("content-length", "0")))

    def _do(
        self, path: str, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> bool:
        name = path.removeprefix("/do/")
        if name in HOSTILE:
            head, text = HOSTILE[name]
            self._answer(head, text)
        elif name == "die":
            self._sock.sendall(f"{_OK}\r\ncontent-length: 1000\r\n\r\nhalf".encode())
            return False
        elif name == "wrong-101":
            self._sock.sendall(
                b"HTTP/1.1 101 Switching\r\nupgrade: raw\r\nconnection: upgrade\r\n\r\n"
            )
            while self._more():
                pass
            return False
        elif name == "split":
            second = f"{_OK}\r\nx-split: yes\r\ncontent-length: 5\r\n\r\nSPLIT"
            self._sock.sendall(f"{_OK}\r\ncontent-length: 2\r\n\r\nok{second}".encode())
        elif name == "both-lengths":
            both = "content-length: 2\r\ntransfer-encoding: chunked"
            self._sock.sendall(f"{_OK}\r\n{both}\r\n\r\n0\r\n\r\n".encode())
        else:
            said = {
                "method": method,
                "target": target,
                "host": headers.get("host"),
                "bytes": len(body),
            }
            self._answer([_OK, "content-type: application/json"], json.dumps(said), method)
        return True

    def _answer(self, head: list[str], body: str, method: str = "GET") -> None:
        data = body.encode()
        lines = [*head, "x-sandbox: yes", f"content-length: {len(data)}", "", ""]
        self._sock.sendall("\r\n".join(lines).encode() + (b"" if method == "HEAD" else data))

    def _websocket(self, headers: dict[str, str]) -> bool:
        key = headers.get("sec-websocket-key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        lines = [
            "HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade",
            f"sec-websocket-accept: {accept}", "x-sandbox: yes", "", "",
        ]  # fmt: skip
        self._sock.sendall("\r\n".join(lines).encode())
        text = b"http://www.hms.gov/from-a-frame"
        self._sock.sendall(bytes([0x81, len(text)]) + text)
        while self._more():
            pass
        return False
