"""A caller that looks at the wire itself: which bytes came, how it ended, what came in between."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Self

TIMEOUT_S = 20


@dataclass(frozen=True)
class Heard:
    """What came until the connection ended. how: `closed` or `reset`."""

    data: bytes
    how: str

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        """0 for what is no HTTP."""
        words = self.data.split(b" ", 2)
        return int(words[1]) if self.data.startswith(b"HTTP/1.1 ") else 0

    def header(self, name: str) -> bytes | None:
        lines = self.head.split(b"\r\n")[1:]
        named = (line.partition(b":") for line in lines)
        return next((v.strip() for n, _, v in named if n.lower() == name.encode()), None)


class Caller:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._rest = b""
        """What came after the last answer that was taken."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        length = {"content-length": str(len(body))} if body else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **length}.items())
        self.say(f"{method} {path} HTTP/1.1\r\nhost: sandbox.test\r\n{lines}\r\n".encode() + body)

    def listen(self) -> Heard:
        """Everything until the end."""
        parts = [self._take_rest()]
        try:
            while part := self.socket.recv(65_536):
                parts.append(part)
        except ConnectionResetError:
            return Heard(b"".join(parts), "reset")
        return Heard(b"".join(parts), "closed")

    def answer(self, is_head: bool = False) -> Heard:
        """One whole answer on a connection that stays."""
        data = self._take_rest()
        while b"\r\n\r\n" not in data:
            if not (part := self.socket.recv(65_536)):
                return Heard(data, "closed")
            data += part
        length = 0 if is_head else int(Heard(data, "").header("content-length") or 0)
        whole = data.index(b"\r\n\r\n") + 4 + length
        while len(data) < whole:
            if not (part := self.socket.recv(65_536)):
                return Heard(data, "closed")
            data += part
        self._rest = data[whole:]
        return Heard(data[:whole], "kept")

    def _take_rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest

    def is_silent(self, for_s: float = 0.15) -> bool:
        """Whether nothing is said for a while, and the connection stands."""
        self.socket.settimeout(for_s)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)
        return False

    def reset(self) -> None:
        """Go away without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
