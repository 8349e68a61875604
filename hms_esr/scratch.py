"""Temporary folders of a run, and the sentence for when there is no room for one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scorecard.files import explain
from switchboard.errors import EsrError


class ScratchError(EsrError):
    """What a run needs beside its own folder could not be written."""


def make_scratch(prefix: str, stack: ExitStack) -> Path:
    """A folder that is gone when `stack` closes. Raises ScratchError."""
    with no_room("anything", Path(tempfile.gettempdir()) if tempfile.tempdir else None):
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    return Path(stack.enter_context(made))


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
