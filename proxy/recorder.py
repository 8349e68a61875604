"""Writes what passes a door as OPS events, without ever slowing it down.

A door hands over an exchange and goes on: it is put in a bounded queue, and a thread makes an event
of it (`recording.py`) and a line of a file (`rotation.py`). When the queue is full the exchange is
dropped and counted; when the disk is full, lines are lost and counted, and that is said once.
The file replays with `esr-replay FILE`. Floor 1. See docs/recorder.md.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.recording import Policy, build_event
from proxy.rotation import RotatingFile
from switchboard.event import Event, event_to_json
from switchboard.exchange import Exchange, Refusal

MAX_BYTES_PER_FILE: Final = 256 * 1024 * 1024
MAX_FILES: Final = 16
QUEUE: Final = 10_000
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""Bodies in the queue: a few large ones must not take the memory of ten thousand."""

# A thread that computes keeps the event loop from its turn for milliseconds, so the writer does a
# little at a time and then lets go.
SLICE: Final = 8
PAUSE_S: Final = 0.000_2
GATHER_S: Final = 0.05
"""How long it waits for more before it writes again; a door wakes it no oftener than this."""
CLOSE_S: Final = 5.0
"""A disk that hangs keeps nobody from stopping."""

Anonymise = Callable[[Event], Event | None]


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """Whole numbers since the start."""

    written: int
    written_bytes: int
    dropped: int
    """The queue was full, or the recorder closed."""
    lost: int
    """They could not be written."""
    withheld: int
    """The anonymiser kept them back, or failed."""
    bodies_left_out: int
    bodies_changed: int
    """Kept with secrets replaced."""
    rotations: int
    removed_files: int
    waiting: int


def say_on_stderr(sentence: str) -> None:
    """One line for whoever looks after the door."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{sentence}\n")


class Recorder:
    """An Observer that writes what passed. One a file; close it at the end.

    anonymise: sees every event before it is written; None from it withholds the event, and so does
    an exception.   say: told once each, of lost lines and of a failing anonymiser.
    """

    def __init__(
        self,
        path: Path,
        *,
        bodies: bool = True,
        max_bytes_per_file: int = MAX_BYTES_PER_FILE,
        max_files: int = MAX_FILES,
        max_body_bytes: int = 262_144,
        queue: int = QUEUE,
        anonymise: Anonymise | None = None,
        say: Callable[[str], None] = say_on_stderr,
        key: bytes | None = None,
    ) -> None:
        """Raises RecordingError when the file cannot be opened."""
        if min(max_bytes_per_file, max_files, max_body_bytes, queue) < 1:
            raise ValueError("limits of a recorder must be at least 1")
        self._file = RotatingFile(path, max_bytes_per_file, max_files)
        self._policy = Policy(key or secrets.token_bytes(16), bodies, max_body_bytes)
        self._queue = queue
        self._anonymise = anonymise
        self._say = say
        self._said: set[str] = set()
        self._lock = threading.Lock()
        self._waiting: list[Exchange] = []
        self._waiting_bytes = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._dropped = self._written = self._written_bytes = 0
        self._lost = self._withheld = self._left_out = self._changed = 0

    def __repr__(self) -> str:
        return f"<Recorder {self._file.path} {self.statistics()}>"

    def passed(self, exchange: Exchange) -> None:
        """Take it, or drop and count it; returns at once either way. From any thread."""
        size = len(exchange.body or b"") + len(exchange.answer_body or b"")
        with self._lock:
            is_full = len(self._waiting) >= self._queue
            if is_full or self._waiting_bytes + size > MAX_WAITING_BYTES or self._closing.is_set():
                self._dropped += 1
                return
            self._waiting.append(exchange)
            self._waiting_bytes += size
            if self._thread is None:
                self._start()
        if not self._wake.is_set():
            self._wake.set()

    def refused(self, refusal: Refusal) -> None:
        """What was refused is no traffic: the ledger counts it."""

    def statistics(self) -> RecorderStatistics:
        """What became of everything that was handed over."""
        return RecorderStatistics(
            written=self._written,
            written_bytes=self._written_bytes,
            dropped=self._dropped,
            lost=self._lost,
            withheld=self._withheld,
            bodies_left_out=self._left_out,
            bodies_changed=self._changed,
            rotations=self._file.rotations,
            removed_files=self._file.removed,
            waiting=len(self._waiting),
        )

    def close(self) -> None:
        """Write what waits, for at most five seconds; what comes later is dropped."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(CLOSE_S)
            if thread.is_alive():
                self._once("closed", f"{self._file.path} takes no more; the rest is not recorded")
                return
        self._file.close()

    def _start(self) -> None:
        # Not before something passed: a server may have forked, and threads do not survive that.
        thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._once("start", f"cannot record now: {error}; what waits is kept, the rest counted")
        else:
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            is_last = self._closing.is_set()
            batch = self._take()
            for start in range(0, len(batch), SLICE):
                self._write(batch[start : start + SLICE])
                self._closing.wait(PAUSE_S)
            if is_last:
                return
            self._closing.wait(GATHER_S)

    def _take(self) -> list[Exchange]:
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._waiting_bytes = 0
        return batch

    def _write(self, exchanges: Sequence[Exchange]) -> None:
        lines = [line for each in exchanges if (line := self._line(each)) is not None]
        if not lines:
            return
        data = "".join(lines).encode()
        try:
            self._file.append(data)
        except OSError as error:
            self._lost += len(lines)
            reason = error.strerror or error
            self._once(
                "lost",
                f"cannot record into {self._file.path}: {reason}; what is lost is counted, and "
                "traffic goes on",
            )
            return
        self._written += len(lines)
        self._written_bytes += len(data)

    def _line(self, exchange: Exchange) -> str | None:
        try:
            event = build_event(exchange, self._policy)
            kept = event if self._anonymise is None else self._anonymise(event)
            if kept is None:
                self._withheld += 1
                return None
            line = event_to_json(kept)
        except Exception as error:  # whatever it is, it must not end the thread, nor be written
            self._withheld += 1
            name = type(error).__name__  # its text might quote the request
            self._once("failed", f"an exchange was not recorded: {name}; such are counted")
            return None
        self._count_bodies(event)
        return f"{line}\n"

    def _count_bodies(self, event: Event) -> None:
        for key in event.extra:
            self._left_out += key.endswith("_left_out")
            self._changed += key.endswith("_changed")

    def _once(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._say(sentence)
