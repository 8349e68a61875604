"""Reading a file that somebody named, without ever waiting for it.

Floor 2. A name may lead to a pipe, a terminal or a device, and opening one of those can wait for
ever. A door that looks at its rules every half second must not hang because of what lies there.
Read next: `rules_files.py`.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_plain(path: Path, most_bytes: int) -> bytes:
    """What is in a plain file, at most `most_bytes` of it.

    Raises OSError, also for what is no plain file, and ValueError for what is no name of one.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    # It may have been replaced since: opened without waiting, and looked at once more.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(most_bytes)
