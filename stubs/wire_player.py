"""Playing a script on a connection, and what only its socket can do: a reset, a look at its state.

Floor 1. Read next: `wire_plan.py`, which writes the scripts, and `transport.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from struct import Struct
from typing import Final

from stubs.answering import Sleep
from stubs.wire_plan import End, Pause, Say, Step

_NO_LINGER: Final = Struct("ii").pack(1, 0)
_TCP_INFO: Final = getattr(socket, "TCP_INFO", 11)
_TCP_CLOSED, _TCP_CLOSE_WAIT = 7, 8


class FullFlag:
    """Whether the kernel takes no more bytes of a connection."""

    __slots__ = ("_cleared",)

    def __init__(self) -> None:
        self._cleared: asyncio.Event | None = None

    @property
    def is_set(self) -> bool:
        return self._cleared is not None

    def set(self) -> None:
        self._cleared = self._cleared or asyncio.Event()

    def clear(self) -> bool:
        """Whether it was set."""
        cleared, self._cleared = self._cleared, None
        if cleared is not None:
            cleared.set()
        return cleared is not None

    async def wait_cleared(self) -> None:
        if self._cleared is not None:
            await self._cleared.wait()


class WirePlayer:
    """Writes an answer slice by slice, each only when the caller has taken the one before.

    full: set by the connection while the kernel takes no more.
    """

    def __init__(self, transport: asyncio.Transport, full: FullFlag, sleep: Sleep) -> None:
        self._transport = transport
        self._full = full
        self._sleep = sleep
        self._loop = asyncio.get_running_loop()
        self.said_bytes = 0

    async def play(self, steps: Iterable[Step]) -> End:
        """Everything but the end, which is given back."""
        transport, loop = self._transport, self._loop
        if transport.is_closing():
            return "keep"  # nobody is there any more
        transport.set_write_buffer_limits(high=0)
        due_s = loop.time()
        for step in steps:
            if isinstance(step, Say):
                transport.write(step.data)
                self.said_bytes += len(step.data)
                await self._wait_written()
            elif isinstance(step, Pause):
                due_s = max(due_s + step.for_s, loop.time())
                await self._sleep(due_s - loop.time())
            else:
                if not transport.is_closing():
                    transport.set_write_buffer_limits()
                return step.how
        raise AssertionError("a script has an end")

    async def _wait_written(self) -> None:
        """Until the kernel has everything."""
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():
            if self._full.is_set:
                await self._full.wait_cleared()
            else:  # the loop writes at the end of its round
                await asyncio.sleep(0)


def reset(transport: asyncio.Transport) -> None:
    """End a connection with a reset, whatever is still to be sent."""
    if not transport.is_closing():
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def is_gone(transport: asyncio.Transport, *, counts_half: bool) -> bool:
    """Whether the caller left while nobody read from it, which only the kernel knows then.

    counts_half: also when it only said that it will send no more.
    """
    try:
        end = transport.get_extra_info("socket")
        state: int = end.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0]
    except (OSError, AttributeError):
        return True
    return state == _TCP_CLOSED or (state == _TCP_CLOSE_WAIT and counts_half)


def peer_of(transport: asyncio.Transport) -> str | None:
    """The address of the other end."""
    name = transport.get_extra_info("peername")
    return name[0] if name else None
