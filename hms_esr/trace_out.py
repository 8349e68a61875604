"""Where a trace is written: a file that appears whole or not at all, or standard output.

What is written is looked at by the leak gate, so nothing may be seen of it before the gate has
said yes: even what goes to standard output waits in a file until then.
"""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from hms_esr.exits import UsageError
from hms_esr.voice import turn_away

STDOUT: Final = "-"
_BLOCK: Final = 1 << 20


class ByteSink(Protocol):
    """What a writer of a format writes to."""

    def write(self, data: bytes, /) -> object: ...


@contextmanager
def open_out(name: str) -> Iterator[ByteSink]:
    """What to write to; it takes its place when the block ends well, and is gone when it does not.

    name: a file, compressed when it ends in .gz or .zst; or `-`.
    Raises UsageError when it cannot be written.
    """
    if name == STDOUT:
        with _spooled() as spool:
            yield spool
            _pour(spool)
        return
    path = Path(name)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with _refusing(name), part.open("xb") as file:
            with _packed(file, path.suffix) as packed:
                yield packed
            file.flush()
            os.fsync(file.fileno())
        with _refusing(name):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_out(name: str) -> None:
    """Raises UsageError when nothing can be written there: before a long log is read."""
    if name == STDOUT:
        if sys.stdout is None:
            raise UsageError("--out - needs standard output, which is closed: name a file instead")
        return
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder: name a file, or - for standard output")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--out {path} cannot be written: choose a file that can")


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--out {name} cannot be written: {error.strerror or error}") from error


@contextmanager
def _packed(file: BinaryIO, suffix: str) -> Iterator[ByteSink]:
    """The file itself, or what packs into it; no clock and no name goes into the bytes."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            yield packed
    elif suffix == ".zst":
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as stream:
            yield stream
    else:
        yield file


@contextmanager
def _spooled() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile(prefix="esr-out-") as spool:
        yield spool


def _pour(spool: BinaryIO) -> None:
    spool.seek(0)
    try:
        shutil.copyfileobj(spool, sys.stdout.buffer, _BLOCK)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        turn_away(sys.stdout)  # its reader has what it wanted
    except OSError as error:
        with suppress(OSError):
            turn_away(sys.stdout)
        reason = error.strerror or error
        raise UsageError(f"--out - cannot be written: {reason}") from error
