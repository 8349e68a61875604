"""Who is waited for at a flip of the mode, and how: what both kinds of mode cell share.

Floor 0's edge: it asks for the time and the process. Read next: `mode.py`, `file_mode.py`.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from switchboard.errors import EsrError
from switchboard.rules import LIVE, SANDBOX, Mode

FLIP_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.05
"""How often whoever listens should call `poll`; a flip is noticed at the next one."""

Drain = Callable[[Mode, float], str]
"""Ends what runs in another mode, within so many seconds; what it could not end, or ""."""

log = logging.getLogger("switchboard.mode")


class ModeError(EsrError):
    """The mode could not be flipped, or not for everybody; the sentence says who is behind."""


class Listener:
    """Someone who is waited for at a flip until its old requests are done."""

    def __init__(self, generation: int, drain: Drain | None, changed: Callable[[Listener], None]):
        self.seen = generation
        self.drain = drain
        self.token = secrets.randbits(63) + 1
        self.slot = -1
        self.pid = os.getpid()
        self.is_closed = False
        self._changed = changed

    def generation_seen_by(self, generation: int) -> None:
        """Acknowledge: nothing that began before this flip runs here any more."""
        self.seen = max(self.seen, generation)
        self._changed(self)

    def close(self) -> None:
        """Leave: no flip waits for it any more."""
        self.is_closed = True
        self._changed(self)


def checked(mode: Mode) -> Mode:
    """The mode itself; a caller's misuse is a ValueError."""
    if mode not in (LIVE, SANDBOX):
        raise ValueError(f"a mode is live or sandbox, not {str(mode)[:40]!r}")
    return mode


def named(who: str) -> str:
    """Who flips; without a name at least the account."""
    return who or f"uid {os.getuid()}"


def drain_each(
    listeners: list[Listener], mode: Mode, generation: int, deadline: float
) -> list[str]:
    """Let those that can drain do so, and acknowledge for them; what is left running."""
    left = []
    for listener in listeners:
        if listener.drain is None or listener.seen >= generation:
            continue
        try:
            running = listener.drain(mode, max(0.0, deadline - time.monotonic()))
        except Exception as error:
            log.exception("draining failed")
            running = f"draining failed with {type(error).__name__}"
        if running:
            left.append(f"in process {listener.pid} {running}")
        else:
            listener.generation_seen_by(generation)
    return left


class Cell(Protocol):
    """Holds locks and threads, which a child of a fork must not inherit."""

    def begin(self) -> None:
        """Start anew, with nobody listening."""


def remember(cell: Cell) -> None:
    """Let the cell begin anew in every child of a fork."""
    _cells.add(cell)


def _begin_in_child() -> None:
    for cell in list(_cells):
        cell.begin()


_cells: weakref.WeakSet[Cell] = weakref.WeakSet()
os.register_at_fork(after_in_child=_begin_in_child)
