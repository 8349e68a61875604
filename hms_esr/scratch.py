"""Temporary folders of a run, and the sentence for when there is no room for one."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hms_esr.run_folder import RunLock, is_alive
from scorecard.files import explain
from switchboard.errors import EsrError


class ScratchError(EsrError):
    """What a run needs beside its own folder could not be written."""


FORGOTTEN_S = 3600.0
"""A folder this old that no living process holds was left behind by one that was killed."""


def make_scratch(prefix: str, stack: ExitStack) -> Path:
    """A folder that is gone when `stack` closes. Raises ScratchError.

    What killed processes left under the same prefix is removed first.
    """
    with no_room("anything", Path(tempfile.gettempdir()) if tempfile.tempdir else None):
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    folder = Path(stack.enter_context(made))
    forget_killed(folder.parent, prefix, time.time())
    with suppress(OSError):
        stack.enter_context(RunLock.take(folder))
    return folder


def forget_killed(parent: Path, prefix: str, now_s: float) -> None:
    """Remove our own folders that nobody holds any more. now_s: seconds since the epoch."""
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            status = folder.lstat()
            is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            is_old = now_s - status.st_mtime > FORGOTTEN_S
            if is_ours and is_old and not is_alive(folder):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def no_room(what: str, folder: Path | None) -> Iterator[None]:
    """Turn an OSError into the sentence that says where room is needed."""
    try:
        yield
    except OSError as error:
        where = f" to {folder}" if folder else ""
        # A column that did not fit is told in counts of items, without an error number.
        reason = explain(error) if error.errno else "there is too little room"
        raise ScratchError(
            f"cannot write {what}{where}: {reason}; make room there, or name another "
            "temporary folder with TMPDIR"
        ) from error
