"""The mode cell of a process: live or sandbox, and how to flip it.

Floor 0's edge: it may touch threads and the environment. A flip is atomic: when it returns, all
who listen have said that nothing of the old way runs any more, or are dead. When the mode cannot
be determined, it is sandbox. Read next: `edge/file_mode.py` (one mode for many processes),
`switch.py`.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from switchboard.edge.file_mode import FileMode
from switchboard.edge.listener import (
    FLIP_TIMEOUT_S,
    Drain,
    Listener,
    ModeError,
    checked,
    drain_each,
    log,
    named,
    remember,
)
from switchboard.rules import SANDBOX, Mode

__all__ = [
    "Cell",
    "FileMode",
    "Listener",
    "MemoryMode",
    "ModeError",
    "default_mode",
    "get_mode",
    "set_mode",
]

MODE_FILE_VARIABLE: Final = "ESR_MODE_FILE"


class MemoryMode:
    """The mode of one process."""

    def __init__(self, mode: Mode = SANDBOX) -> None:
        self._mode = checked(mode)
        self.generation = 1
        self.begin()
        remember(self)

    def __repr__(self) -> str:
        return f"<MemoryMode {self._mode}, flip {self.generation}, {len(self._listeners)} listen>"

    def begin(self) -> None:
        """Start with nobody listening; also in a child of a fork."""
        self._listeners: list[Listener] = []
        self._flipping = threading.Lock()
        self._said = threading.Condition()

    def read(self) -> Mode:
        """The mode now."""
        return self._mode

    def poll(self) -> int:
        """The number of the last flip; there is nothing to look after."""
        return self.generation

    def listen(self, drain: Drain | None = None) -> Listener:
        """Be waited for at a flip. Without `drain`, look at `generation` and acknowledge it."""
        with self._said:
            listener = Listener(self.generation, drain, self._changed)
            self._listeners = [*self._listeners, listener]
        return listener

    def flip(
        self, mode: Mode, *, who: str = "", why: str = "", timeout_s: float = FLIP_TIMEOUT_S
    ) -> None:
        """Change the mode; returns when nothing of the old way runs. Raises ModeError."""
        checked(mode)
        deadline = time.monotonic() + timeout_s
        if not self._flipping.acquire(timeout=timeout_s):
            raise ModeError("the mode was not flipped: another flip is still waiting")
        try:
            with self._said:
                before, self._mode = self._mode, mode
                self.generation += 1
            log.info("mode %s to %s by %r: %r", before, mode, named(who), why)
            left = drain_each(self._listeners, mode, self.generation, deadline)
            left += self._wait_acknowledged(deadline)
        finally:
            self._flipping.release()
        if left:
            raise ModeError(f"the mode is {mode} now, but {'; '.join(left)}")

    def _wait_acknowledged(self, deadline: float) -> list[str]:
        def is_done() -> bool:
            silent = (each for each in self._listeners if each.drain is None)
            return all(each.seen >= self.generation for each in silent)

        with self._said:
            if self._said.wait_for(is_done, max(0.0, deadline - time.monotonic())):
                return []
            return ["somebody in this process did not say that its old requests are done"]

    def _changed(self, listener: Listener) -> None:
        with self._said:
            if listener.is_closed:
                self._listeners = [each for each in self._listeners if each is not listener]
            self._said.notify_all()


Cell = MemoryMode | FileMode


def set_mode(
    mode: Mode, *, who: str = "", why: str = "", timeout_s: float = FLIP_TIMEOUT_S
) -> None:
    """Flip this process's mode, or the machine's where $ESR_MODE_FILE names a file.

    Returns when nothing of the old way runs any more. Raises ModeError. From a coroutine call
    `await asyncio.to_thread(set_mode, ...)`: on the event loop's own thread nothing can be
    drained, so what is open is cut off.
    """
    default_mode().flip(mode, who=who, why=why, timeout_s=timeout_s)


def get_mode() -> Mode:
    """The mode of this process."""
    cell = default_mode()
    cell.poll()
    return cell.read()


def default_mode() -> Cell:
    """The process's cell: a FileMode where $ESR_MODE_FILE names a file, else a MemoryMode."""
    global _default
    with _making:
        if _default is None:
            path = os.environ.get(MODE_FILE_VARIABLE, "")
            _default = FileMode(path) if path else MemoryMode()
        return _default


_making = threading.Lock()
_default: Cell | None = None
