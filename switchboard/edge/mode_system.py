"""Files and processes as the shared mode needs them: plain files only, locks that end, who lives.

Floor 0's edge. Nothing here follows a symbolic link or waits for ever. Read next: `file_mode.py`.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from switchboard import mode_file
from switchboard.mode_file import Slot
from switchboard.rules import Mode

ASK_AGAIN_S: Final = 0.005
FORGOTTEN_NS: Final = 30_000_000_000
"""A listener in another container, where its pid means nothing to us, is dead after this."""


def open_plain(path: Path, flags: int) -> int:
    """A regular file, never what a symbolic link leads to, and never waiting for a pipe."""
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError("it is no regular file")
    return fd


def open_shared(path: Path, *, create: bool) -> int:
    """Open for reading and writing, or only for reading where nothing else is allowed."""
    try:
        return open_plain(path, os.O_RDWR | (os.O_CREAT if create else 0))
    except PermissionError:
        if create:
            raise
        return open_plain(path, os.O_RDONLY)


def read_plain(path: Path) -> bytes:
    """The few bytes of a word file."""
    fd = open_plain(path, os.O_RDONLY)
    try:
        return os.read(fd, mode_file.LONGEST_WORD)
    finally:
        os.close(fd)


def write_word(path: Path, mode: Mode) -> None:
    """Write in place, so that owner and mount stay; every half-written state is sandbox."""
    fd = open_plain(path, os.O_WRONLY | os.O_CREAT)
    try:
        word = mode_file.build_word(mode)
        os.pwrite(fd, word, 0)
        os.truncate(fd, len(word))
        os.fsync(fd)
    finally:
        os.close(fd)


def identity_of(path: Path, fd: int | None = None) -> tuple[int, int, int] | None:
    """Device, inode and size, or None when it is not there, or is not the open file."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if fd is not None and not os.path.samestat(found, os.fstat(fd)):
        return None
    return found.st_dev, found.st_ino, found.st_size


@contextmanager
def locked(fd: int, deadline: float) -> Iterator[None]:
    """Hold the file lock, which others only ever hold for moments."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError("another process holds its lock") from None
            time.sleep(ASK_AGAIN_S)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def is_alive(slot: Slot) -> bool:
    """True while the listener may still have requests running."""
    age_ns = time.monotonic_ns() - slot.beat_ns
    if age_ns < 0:
        return False  # it wrote before the machine was started
    if slot.namespace != pid_namespace():
        return age_ns < FORGOTTEN_NS
    started = started_of(slot.pid)
    return started is not None and slot.started in (0, started)


def started_of(pid: int) -> int | None:
    """When the process started, 0 where the system does not say; None when it is dead."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # somebody else's, and alive
    try:
        # After the name of the program, which may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def pid_namespace() -> int:
    """In which namespace our pids mean something; 0 where the system does not say."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def reason(error: OSError) -> str:
    """What the system says, without its number."""
    return error.strerror or str(error)
