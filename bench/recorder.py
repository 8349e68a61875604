"""A server in a process of its own that stamps when each request arrives, and answers 200.

`python -m bench.recorder FILE`: prints its port, records until standard input ends, then writes
two int64 columns to FILE: all request numbers (the N of `/bench/<N>`, else -1), then all arrivals
in monotonic nanoseconds. It shares no code with the product, so that neither can flatter the other.
"""

from __future__ import annotations

import asyncio
import re
import sys
from array import array
from pathlib import Path
from time import monotonic_ns
from typing import cast

import uvloop

MAX_RECORDED = 4_000_000
"""Further requests are answered and not recorded."""

_BODY = b'{"ok":true,"message":"hello from the sandbox"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_NUMBER = re.compile(rb"[A-Z]+ /bench/(\d{1,18})[ ?]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,12})\r\n", re.IGNORECASE)


class Book:
    """Who arrived when."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.arrivals = array("q")

    def note(self, number: int, arrival_ns: int) -> None:
        if len(self.numbers) < MAX_RECORDED:
            self.numbers.append(number)
            self.arrivals.append(arrival_ns)

    def write(self, path: Path) -> None:
        path.write_bytes(self.numbers.tobytes() + self.arrivals.tobytes())


class Recorder(asyncio.Protocol):
    """One connection. A request is stamped when its first bytes are there."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._transport = cast("asyncio.Transport", None)
        self._data = b""
        self._began_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        now_ns = monotonic_ns()
        if not self._data:
            self._began_ns = now_ns
        self._data = self._data + data if self._data else data
        while self._data and (size := request_size(self._data)) is not None:
            found = _NUMBER.match(self._data)
            self._book.note(int(found[1]) if found else -1, self._began_ns)
            self._transport.write(ANSWER)
            self._data = self._data[size:]
            self._began_ns = now_ns


def request_size(data: bytes) -> int | None:
    """Bytes of the request that `data` begins with, or None while it is not all there."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(data, 0, end + 2)
    size = end + 4 + (int(found[1]) if found else 0)
    return size if size <= len(data) else None


async def serve(book: Book) -> None:
    """Listen on a free loopback port until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Recorder(book), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await orders.read()
    server.close()


def main(path: Path) -> None:
    book = Book()
    uvloop.run(serve(book))
    book.write(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
