"""The mode of all processes of a machine that name the same file.

Floor 0's edge. One word file for people, one shared file for processes, one audit log, which is
also the lock of a flip. The shared file is mapped into memory and the word file is not, because
reading what an editor cut off a mapped file kills the process.
Read next: `mode_file.py` (what stands in them), `mode_system.py`.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from switchboard import mode_file
from switchboard.edge.listener import (
    FLIP_TIMEOUT_S,
    POLL_S,
    Drain,
    Listener,
    ModeError,
    checked,
    drain_each,
    log,
    named,
    remember,
)
from switchboard.edge.mode_slots import LOCK_TIMEOUT_S, Slots
from switchboard.edge.mode_system import (
    ASK_AGAIN_S,
    identity_of,
    locked,
    open_plain,
    open_shared,
    read_plain,
    reason,
    write_word,
)
from switchboard.rules import LIVE, SANDBOX, Mode

MOST_WORD_BYTES: Final = 1_000
BY_HAND: Final = "unknown, edited by hand"


class FileMode:
    """The mode of every process of the machine that names the same file.

    An edit of the word file by hand is taken over at the next `poll` of anybody.
    """

    def __init__(self, path: str | Path, default: Mode = SANDBOX) -> None:
        self.path = Path(path)
        if not self.path.name or "\0" in str(path):
            raise ModeError(f"{path!s:.100} is no name of a mode file: name one such as a.mode")
        self.shared_path = self.path.with_name(f"{self.path.name}.shared")
        self.audit_path = self.path.with_suffix(".audit.ndjson")
        self._default = LIVE if default == LIVE else SANDBOX
        self._head: bytes | mmap.mmap = mode_file.build_head(SANDBOX, 0)
        """What is believed: the mapped file, or bytes of our own while there is none to believe."""
        self._slots = Slots()
        self._was_shared = False
        self._warned: set[str] = set()
        self.begin()
        remember(self)
        self.poll()

    def __repr__(self) -> str:
        count = len(self._slots.listeners)
        return f"<FileMode {self.path} {self.read()}, flip {self.generation}, {count} listen here>"

    def begin(self) -> None:
        """Start with nobody listening; also in a child of a fork."""
        self._identity: tuple[int, int, int] | None = None
        self._map: mmap.mmap | None = None
        self._watcher: threading.Thread | None = None
        self._looking = threading.Lock()
        """Held while looking after the files and during a whole flip."""
        if self._slots.fd >= 0:
            os.close(self._slots.fd)  # a file lock would be shared with the parent
        self._slots = Slots()

    def read(self) -> Mode:
        """The mode now, also when another process flipped it a moment ago."""
        return LIVE if self._head[:16] == mode_file.LIVE_HEAD else SANDBOX

    @property
    def generation(self) -> int:
        """The number of the last flip; it only grows."""
        return mode_file.parse_generation(self._head[: mode_file.HEAD_BYTES])

    def poll(self) -> int:
        """Look after the files, and give the number of the last flip. Never waits for a flip."""
        if self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self.generation

    def listen(self, drain: Drain | None = None) -> Listener:
        """Be waited for at a flip by any process. Raises ModeError when that cannot be.

        With `drain`, a thread of this object looks and acknowledges; without, whoever listens
        calls `poll` about every `POLL_S`, and acknowledges each generation after `Listener.seen`.
        """
        with self._looking:
            try:
                self._share()
                listener = Listener(self.generation, drain, self._slots.changed)
                self._slots.sign_in(listener)
            except OSError as error:
                raise ModeError(f"{self.shared_path} cannot be used: {reason(error)}") from error
            self._slots.listeners = [*self._slots.listeners, listener]
            if drain is not None and self._watcher is None:
                self._watcher = threading.Thread(
                    target=watch, args=(weakref.ref(self),), name="switchboard-mode", daemon=True
                )
                self._watcher.start()
        return listener

    def flip(
        self, mode: Mode, *, who: str = "", why: str = "", timeout_s: float = FLIP_TIMEOUT_S
    ) -> None:
        """Change the mode for every process; returns when nothing of the old way runs.

        Raises ModeError when somebody did not acknowledge in time (the mode is flipped then), or
        when nothing could be written.
        """
        checked(mode)
        deadline = time.monotonic() + timeout_s
        if not self._looking.acquire(timeout=timeout_s):
            raise ModeError("the mode was not flipped: another flip is still waiting")
        try:
            self._look()
            self._check_own()
            with self._flip_lock(deadline) as audit:
                left = self._switch(audit, mode, named(who), why)
                left += drain_each(self._slots.listeners, mode, self.generation, deadline)
                left += self._wait_acknowledged(deadline)
        except OSError as error:
            raise ModeError(f"{self.path} cannot be flipped: {reason(error)}") from error
        finally:
            self._looking.release()
        if left:
            raise ModeError(f"the mode is {mode} now, but {'; '.join(left)}")

    def _check_own(self) -> None:
        """A file that is far too long for a mode is somebody's work: it is not written over."""
        found = identity_of(self.path)
        if found is not None and found[2] > MOST_WORD_BYTES:
            raise ModeError(
                f"{self.path} holds something else than a mode, and is not written over: the mode "
                "stays sandbox; name another file"
            )

    def drain_behind(self) -> None:
        """Look, and drain whoever of this process has not seen the last flip."""
        if not self._looking.acquire(blocking=False):
            return  # a flip of this very process drains by itself
        try:
            self._look()
            generation, mode, listeners = self.generation, self.read(), self._slots.listeners
        finally:
            self._looking.release()
        for left in drain_each(listeners, mode, generation, math.inf):
            self._say(f"the mode is {mode} now, but {left}")

    def is_watched_by(self, thread: threading.Thread) -> bool:
        """True for the thread that drains here; a child of a fork has none at first."""
        return self._watcher is thread

    # Looking after the files. All of it runs under `_looking`.

    def _look(self) -> None:
        try:
            self._check_shared()
            self._check_word()
            self._slots.check()
        except OSError as error:
            self._let_go(f"{self.shared_path} cannot be used: {reason(error)}")

    def _check_shared(self) -> None:
        now = identity_of(self.shared_path)
        if self._map is not None and now != self._identity:
            self._let_go(f"{self.shared_path} was replaced or cut short")
        if self._map is None and (now is not None or self._slots.listeners):
            self._attach(create=bool(self._slots.listeners))

    def _check_word(self) -> None:
        """Believe the shared file only where the word file says the same."""
        mode = self._wanted()
        if self._map is None:
            if mode != self.read():
                self._head = mode_file.build_head(mode, self._next_generation())
            return
        if mode != mode_file.parse_head(self._map[: mode_file.HEAD_BYTES]):
            try:
                self._take_over()
            except OSError as error:
                self._say(f"{self.path} says {mode}, and that cannot be shared: {reason(error)}")
                self._disbelieve()
                return
        self._head = self._map

    def _take_over(self) -> None:
        """Make what somebody wrote into the word file the mode of all."""
        with self._audit_lock() as audit:
            if audit is None:
                return  # whoever flips holds the lock until both files agree
            mode, before = self._wanted(), self._shared_mode()
            if mode == before:
                return
            unwritten = self._audit(audit, before, mode, BY_HAND, f"found in {self.path.name}")
            if unwritten and mode == LIVE:
                raise OSError(unwritten[0])
            self._write_head(mode)

    def _shared_mode(self) -> Mode:
        head = self._map[: mode_file.HEAD_BYTES] if self._map is not None else b""
        return mode_file.parse_head(head) or SANDBOX

    def _wanted(self) -> Mode:
        """What the word file says; the default where there never was anything."""
        try:
            mode = mode_file.parse_word(read_plain(self.path))
        except FileNotFoundError:
            if self._map is None and not self._was_shared:
                return self._default
            self._say(f"{self.path} is gone, so the mode is sandbox")
            return SANDBOX
        except OSError as error:
            self._say(f"{self.path} cannot be read, so the mode is sandbox: {reason(error)}")
            return SANDBOX
        if mode is None:
            self._say(f"{self.path} says neither live nor sandbox, so the mode is sandbox")
            return SANDBOX
        return mode

    def _share(self) -> None:
        self._look()
        if self._map is None:
            self._attach(create=True)
            self._check_word()

    def _attach(self, *, create: bool) -> None:
        """Open and map the shared file, made or mended where that must be."""
        fd = open_shared(self.shared_path, create=create)
        try:
            with locked(fd, time.monotonic() + LOCK_TIMEOUT_S):
                self._mend(fd)
            found = mmap.mmap(fd, mode_file.SHARED_BYTES, prot=mmap.PROT_READ)
        except BaseException:
            os.close(fd)
            raise
        self._slots.open(fd)
        self._map, self._was_shared = found, True
        self._identity = identity_of(self.shared_path)

    def _mend(self, fd: int) -> None:
        """Make a whole shared file of a new one, and of a damaged one, which is sandbox."""
        size = os.fstat(fd).st_size
        head = os.pread(fd, mode_file.HEAD_BYTES, 0)
        if size == mode_file.SHARED_BYTES and mode_file.parse_head(head) is not None:
            return
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
            raise OSError("it is damaged, and may not be written")
        mode = self._wanted() if size == 0 else SANDBOX
        if size:
            self._say(f"{self.shared_path} was damaged, so the mode is sandbox")
        if size or not os.path.lexists(self.path):
            write_word(self.path, mode)
        os.truncate(fd, 0)
        os.truncate(fd, mode_file.SHARED_BYTES)
        os.pwrite(fd, mode_file.build_head(mode, self._next_generation()), 0)

    def _disbelieve(self) -> None:
        if self.read() != SANDBOX or self._head is self._map:
            self._head = mode_file.build_head(SANDBOX, self._next_generation())

    def _let_go(self, why: str) -> None:
        """Trust nothing any more: sandbox, until the file is there again."""
        self._say(f"{why}, so the mode is sandbox")
        self._disbelieve()
        self._map = None  # and never closed by hand: another thread may be reading it
        self._slots.close()

    def _say(self, what: str) -> None:
        """Say it loudly, once."""
        if what not in self._warned:
            self._warned.add(what)
            log.warning("%s", what)

    def _next_generation(self) -> int:
        """Grows even when the file with the last number is gone: it is never below the clock."""
        return max(self.generation + 1, time.time_ns() // 1_000)

    # Flipping. All of it runs under `_looking` and the flip lock.

    def _switch(self, audit: int, mode: Mode, who: str, why: str) -> list[str]:
        """Write it down, then change it; back into the sandbox also where the log is full."""
        self._share()
        unwritten = self._audit(audit, self.read(), mode, who, why)
        if unwritten and mode == LIVE:
            raise OSError(unwritten[0])
        # The word first: whoever dies between the two has not flipped, and the next poll of
        # anybody ends what was begun.
        write_word(self.path, mode)
        self._write_head(mode)
        self._warned.clear()
        return unwritten

    def _write_head(self, mode: Mode) -> None:
        generation = self._next_generation().to_bytes(8, "little")
        with locked(self._slots.fd, time.monotonic() + LOCK_TIMEOUT_S):
            # Mode before number: whoever sees the number sees the mode.
            os.pwrite(self._slots.fd, mode_file.WORDS[mode], len(mode_file.MAGIC))
            os.pwrite(self._slots.fd, generation, mode_file.GENERATION_AT)
        if self._map is not None:
            self._head = self._map

    def _wait_acknowledged(self, deadline: float) -> list[str]:
        """Until all who live have acknowledged; who has not by the deadline."""
        generation = self.generation
        while behind := self._slots.behind(generation):
            if time.monotonic() >= deadline:
                pids = ", ".join(str(pid) for pid in sorted(behind))
                return [f"these processes did not say that their old requests are done: {pids}"]
            time.sleep(ASK_AGAIN_S)
        return []

    @contextmanager
    def _flip_lock(self, deadline: float) -> Iterator[int]:
        while True:
            with self._audit_lock() as audit:
                if audit is not None:
                    yield audit
                    return
            if time.monotonic() >= deadline:
                raise ModeError("the mode was not flipped: another process is still flipping it")
            time.sleep(ASK_AGAIN_S)

    @contextmanager
    def _audit_lock(self) -> Iterator[int | None]:
        """The open audit log, locked; None while another process flips."""
        fd = open_plain(self.audit_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            try:
                # A log that was rotated away in this moment is not what others lock.
                yield fd if identity_of(self.audit_path, fd) is not None else None
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            os.close(fd)

    def _audit(self, fd: int, before: Mode, mode: Mode, who: str, why: str) -> list[str]:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = mode_file.audit_line(at, before, mode, who, why, os.getpid())
        log.info("mode %s to %s by %r: %r", before, mode, who, why)
        try:
            if os.write(fd, line) != len(line):
                return [f"{self.audit_path} is full"]
            os.fsync(fd)
        except OSError as error:
            return [f"{self.audit_path} could not be written: {reason(error)}"]
        return []


def watch(cell: weakref.ref[FileMode]) -> None:
    """Look after a FileMode as long as somebody holds it: the thread that drains for it."""
    me = threading.current_thread()
    while (mode := cell()) is not None and mode.is_watched_by(me):
        try:
            mode.drain_behind()
        except Exception:
            log.exception("looking after %s failed", mode.path)
        del mode
        time.sleep(POLL_S)
