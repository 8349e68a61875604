"""The ticker that wakes a process at an exact moment: when a request is due, when an answer is.

uvloop's and asyncio's own timers step in milliseconds. On Linux a timerfd on the monotonic clock,
watched as a readable file, wakes within tens of microseconds; elsewhere `LoopTicker` falls back to
the loop's timers. All processes of a machine read the same monotonic clock.
Floor 0, one of its edges.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Protocol

NS_PER_S = 1_000_000_000
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_CLOCK_MONOTONIC = 1


class Ticker(Protocol):
    """Calls back once, soon after the monotonic time it was last armed for, and never before."""

    def arm(self, at_ns: int) -> None:
        """Fire at `at_ns` on the monotonic clock; a time in the past fires at once."""

    def close(self) -> None:
        """Never fire again."""


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerfdTicker:
    """A timerfd watched by the loop. Linux only. Source: timerfd_create(2)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._fd, self._set = _open_timerfd()
        loop.add_reader(self._fd, self._fired)

    def arm(self, at_ns: int) -> None:
        # A timerfd armed for 0 is disarmed, so a time at or before the epoch becomes 1 ns.
        self._set(at_ns if at_ns > 0 else 1)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _fired(self) -> None:
        # The timer may have been armed anew between the wake-up and this read.
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        self._callback()


def _open_timerfd() -> tuple[int, Callable[[int], None]]:
    """A timerfd and the function that arms it for an absolute time in nanoseconds."""
    if sys.version_info >= (3, 13):
        fd = os.timerfd_create(_CLOCK_MONOTONIC, flags=_TFD_FLAGS)
        settime = os.timerfd_settime_ns

        def arm(at_ns: int) -> None:
            settime(fd, flags=_TFD_TIMER_ABSTIME, initial=at_ns)

        return fd, arm
    else:  # noqa: RET505 - mypy knows an else of a version check, but not what follows one
        return _open_timerfd_by_ctypes()


def _open_timerfd_by_ctypes() -> tuple[int, Callable[[int], None]]:
    """The same through libc, for Pythons whose `os` does not have it yet."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create failed")
    spec = _Itimerspec()
    value = spec.value
    pointer = ctypes.byref(spec)
    settime = libc.timerfd_settime

    def arm(at_ns: int) -> None:
        value.sec, value.nsec = divmod(at_ns, NS_PER_S)
        settime(fd, _TFD_TIMER_ABSTIME, pointer, None)

    return fd, arm


class LoopTicker:
    """The portable fallback: the loop's own timer, a millisecond coarse."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[[], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._callback = callback
        self._now_ns = now_ns
        self._at_ns = 0
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, at_ns: int) -> None:
        self.close()
        self._at_ns = at_ns
        wait_s = max(0.0, (at_ns - self._now_ns()) / NS_PER_S)
        self._handle = self._loop.call_later(wait_s, self._fired)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fired(self) -> None:
        # Timers that step in milliseconds may fire up to half a one early.
        if self._now_ns() < self._at_ns:
            self.arm(self._at_ns)
        else:
            self._callback()


def choose_ticker(
    loop: asyncio.AbstractEventLoop, callback: Callable[[], None], now_ns: Callable[[], int]
) -> Ticker:
    """The finest ticker that this platform has."""
    if sys.platform.startswith("linux"):
        # A kernel or sandbox without timerfd still replays, a millisecond coarser.
        with contextlib.suppress(OSError):
            return TimerfdTicker(loop, callback)
    return LoopTicker(loop, callback, now_ns)
