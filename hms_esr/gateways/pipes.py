"""A worker's ends of the two pipes to its supervisor: orders come down, frames go up.

What they say is in `job.py`; the other ends are in `member.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, cast

import orjson

from replay.frames import frame

MOST_WAITING_BYTES: Final = 1_000_000
_CHUNK: Final = 65_536


class Orders(threading.Thread):
    """Reads orders from standard input, in a thread of its own so that no busy loop delays it."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def run(self) -> None:
        """Hand over each line; say when there will be no more."""
        for line in _lines(0):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, orjson.loads(line))
        self._on_end()

    async def get(self) -> dict[str, Any]:
        """The next order."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._queue.get()


def _lines(descriptor: int) -> Iterator[bytes]:
    """Whole lines until the other end is closed.

    Unbuffered: a buffer's lock, held by a thread that waits, would trouble the interpreter's end.
    """
    held = bytearray()
    while chunk := os.read(descriptor, _CHUNK):
        held += chunk
        *whole, rest = held.split(b"\n")
        yield from map(bytes, whole)
        held = bytearray(rest)


class Upward(asyncio.BaseProtocol):
    """The pipe to the supervisor."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._pipe: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Writing may begin."""
        self._pipe = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Everything was written, or nobody is there."""
        self._closed.set()

    @property
    def is_clear(self) -> bool:
        """True while the supervisor reads; otherwise counts add up here, which is bounded."""
        return self._pipe is not None and self._pipe.get_write_buffer_size() < MOST_WAITING_BYTES

    def send(self, **head: Any) -> None:
        """Write one frame."""
        if self._pipe is not None:
            self._pipe.write(frame(head))

    async def close(self) -> None:
        """Wait until the supervisor has read everything, or is gone. Closing flushes first."""
        if self._pipe is not None:
            self._pipe.close()
            await self._closed.wait()
