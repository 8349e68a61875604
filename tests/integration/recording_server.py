"""A real HTTP server on loopback that records what it was asked, for tests of whole runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Delay = Callable[["Request"], float]


@dataclass(frozen=True)
class Request:
    """One request as it arrived; times are seconds on the monotonic clock."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    arrived_s: float

    @property
    def user(self) -> str:
        return self.headers["x-esr-user"]


class RecordingServer:
    """Answers 200 after `delay_s(request)`; keep-alive; runs in a thread of its own."""

    def __init__(
        self, delay_s: Delay | None = None, status: Callable[[Request], int] | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.finished: list[tuple[Request, float]] = []
        self.connections = 0
        """How many were ever accepted."""
        self.port = 0
        self._delay_s = delay_s
        self._status = status
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                if self._delay_s is not None:
                    await asyncio.sleep(self._delay_s(request))
                status = self._status(request) if self._status else 200
                self.finished.append((request, time.monotonic()))
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, which is its right
        finally:
            self._open.discard(writer)
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    arrived_s = time.monotonic()
    line, *pairs = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (p.partition(":") for p in pairs)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body, arrived_s)
