"""The part of a shared mode file in which listeners write down what they have seen.

Floor 0's edge. One slot a listener; a slot of the dead is taken again. A listener may write from
any thread, so the open file is only used and let go under a lock.
Read next: `file_mode.py`, `mode_file.py` (the form of a slot).
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from switchboard import mode_file
from switchboard.edge.listener import Listener
from switchboard.edge.mode_system import is_alive, locked, pid_namespace, started_of
from switchboard.mode_file import Slot

LOCK_TIMEOUT_S: Final = 2.0
BEAT_NS: Final = 1_000_000_000


class Slots:
    """The open shared file of one process, as far as its listeners go."""

    def __init__(self) -> None:
        self.fd = -1
        self.listeners: list[Listener] = []
        self._writing = threading.Lock()

    def open(self, fd: int) -> None:
        """Use this file from now on."""
        with self._writing:
            self.fd = fd

    def close(self) -> None:
        """Let the file go; the listeners stay."""
        with self._writing:
            fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def sign_in(self, listener: Listener) -> None:
        """Give the listener a slot. Raises OSError."""
        with locked(self.fd, time.monotonic() + LOCK_TIMEOUT_S):
            taken = dict(mode_file.parse_slots(self._read()))
            free = (n for n in range(mode_file.SLOTS) if n not in taken or not is_alive(taken[n]))
            listener.slot = next(free, -1)
            if listener.slot < 0:
                raise OSError(f"{mode_file.SLOTS:,} processes listen already")
            started, namespace = started_of(listener.pid) or 0, pid_namespace()
            slot = Slot(
                listener.pid, started, namespace, listener.token, listener.seen, time.monotonic_ns()
            )
            os.pwrite(self.fd, mode_file.build_slot(slot), mode_file.slot_at(listener.slot))

    def check(self) -> None:
        """Beat, and sign in again where the file was made anew. Raises OSError."""
        for listener in self.listeners:
            with self._writing:
                own = self._own(listener)
                if own is not None and time.monotonic_ns() - own.beat_ns > BEAT_NS:
                    self._write_seen(listener)
            if own is None and not listener.is_closed:
                self.sign_in(listener)

    def changed(self, listener: Listener) -> None:
        """A listener acknowledged or left; from any thread."""
        if listener.pid != os.getpid():
            return  # a child of a fork leaves its parent's slot alone
        with self._writing:
            if listener.is_closed:
                self.listeners = [each for each in self.listeners if each is not listener]
            if self._own(listener) is None:
                return
            if listener.is_closed:
                empty = mode_file.build_slot(mode_file.EMPTY)
                os.pwrite(self.fd, empty, mode_file.slot_at(listener.slot))
            else:
                self._write_seen(listener)

    def behind(self, generation: int) -> set[int]:
        """Pids that live and have not seen it; those of here that drain are told of elsewhere."""
        own = {each.token for each in self.listeners if each.drain is not None}
        return {
            slot.pid
            for _, slot in mode_file.parse_slots(self._read())
            if slot.seen < generation and slot.token not in own and is_alive(slot)
        }

    def _read(self) -> bytes:
        return os.pread(self.fd, mode_file.SHARED_BYTES, 0)

    def _own(self, listener: Listener) -> Slot | None:
        if self.fd < 0 or listener.slot < 0:
            return None
        raw = os.pread(self.fd, mode_file.SLOT_BYTES, mode_file.slot_at(listener.slot))
        found = mode_file.parse_slot(raw)
        return found if found is not None and found.token == listener.token else None

    def _write_seen(self, listener: Listener) -> None:
        at = mode_file.slot_at(listener.slot) + mode_file.SEEN_AT
        os.pwrite(self.fd, mode_file.build_seen(listener.seen, time.monotonic_ns()), at)
