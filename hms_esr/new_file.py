"""A file that appears whole, in place of what was there, or not at all.

Until it appears it has no name, where the system can do that: then not even a process that is
killed leaves anything behind. Elsewhere it lies beside its place, hidden, and only its owner can
read it. Read next: `trace_out.py`, which writes traces into it.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PRIVATE: Final = 0o600
_USUAL: Final = 0o666
_DESCRIPTORS: Final = Path("/proc/self/fd")
"""Through which Linux gives a name to a file that has none."""


class NewFile:
    """Write to `file`, then `appear`; leaving the block without it leaves nothing.

    place: where it will stand; what stands there gives it its permissions.
    Everything here may raise OSError.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._aside = place.with_name(f".{secrets.token_hex(8)}.part")
        self._mode = _mode_of(place)
        descriptor = _open_nameless(place.parent)
        self._has_name = descriptor is None
        if descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self._aside, flags, _PRIVATE)
        self.file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # whoever writes has heard of it, or has an error of their own
            self.file.close()
        if self._has_name:
            self._aside.unlink(missing_ok=True)

    def appear(self) -> None:
        """All of it is on the disk, then it takes its place at once."""
        self.file.flush()
        descriptor = self.file.fileno()
        os.fchmod(descriptor, self._mode)
        os.fsync(descriptor)
        if not self._has_name:
            _give_name(descriptor, self._aside)
            self._has_name = True
        self._aside.replace(self._place)
        self._has_name = False


def _mode_of(place: Path) -> int:
    """What may be done to the file that stands there, else to any new one of this user's."""
    try:
        return stat.S_IMODE(place.stat().st_mode)
    except OSError:
        withheld = os.umask(0o077)
        os.umask(withheld)
        return _USUAL & ~withheld


def _open_nameless(folder: Path) -> int | None:
    """None where this system, or the disk of this folder, has no files without a name."""
    if not hasattr(os, "O_TMPFILE") or not _DESCRIPTORS.is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE)
    except OSError:  # a reason that holds for files with names too is met there
        return None


def _give_name(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The folder is given so that the system call is linkat, which can follow the link.
        source = _DESCRIPTORS / str(descriptor)
        os.link(source, path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
