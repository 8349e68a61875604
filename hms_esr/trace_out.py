"""Where a trace is written: a file that appears whole or not at all, or a stream.

What is written is looked at by the leak gate, so nothing may be seen of it before the gate has
said yes: what goes to a stream waits in a file without a name until then.
Read next: `new_file.py`.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

import zstandard

from hms_esr.exits import UsageError
from hms_esr.new_file import NewFile
from hms_esr.plain import require_plain
from hms_esr.scratch import no_room
from hms_esr.voice import turn_away

STDOUT: Final = "-"
SAYS_STDOUT: Final = frozenset({STDOUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Standard output may be a file that others append to: it is written to and never replaced."""
_BLOCK: Final = 1 << 20

Telling = Callable[[], AbstractContextManager[None]]
"""Turns an OSError inside into the sentence for the user."""


class ByteSink(Protocol):
    """What a writer of a format writes to."""

    def write(self, data: bytes, /) -> object: ...


def choose_out(name: str) -> str:
    """What `--out` means: a file, a device or a pipe, or `-`.

    Raises UsageError when nothing can be written there: before a long log is read.
    """
    if name in SAYS_STDOUT:
        if sys.stdout is None:
            raise UsageError("--out - needs standard output, which is closed: name a file instead")
        return STDOUT
    if not name or "\0" in name:
        raise UsageError("--out is no path: name a file, or - for standard output")
    path = require_plain(Path(name), "--out")
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder: name a file, or - for standard output")
    folder = _place_of(path).parent
    if not folder.is_dir():
        raise UsageError(f"--out {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"--out {path} cannot be written: choose a file that can")
    return name


def refuse_overwriting(json_file: str | None, kept: Iterable[object]) -> None:
    """Raises UsageError when `--json` would replace a log that is read, or what `--out` writes."""
    if json_file is None or json_file == STDOUT:
        return
    place = Path(json_file).resolve()
    if not is_stream(json_file) and any(
        isinstance(each, Path) and each.resolve() == place for each in kept
    ):
        raise UsageError(f"--json {json_file} would overwrite the trace: name another file")


def is_stream(name: str) -> bool:
    """True for what is written to as it is, such as a device or a pipe: it has no file beside it.

    name: what `choose_out` gave.
    """
    if name == STDOUT:
        return True
    try:
        mode = Path(name).stat().st_mode
    except OSError:  # nothing stands there yet: it will be a file
        return False
    return not stat.S_ISREG(mode)


@contextmanager
def open_out(name: str) -> Iterator[ByteSink]:
    """What to write to; it takes its place when the block ends well, and is gone when it does not.

    name: what `choose_out` gave; a file is compressed when it ends in .gz or .zst.
    Raises UsageError when it cannot be written, ScratchError when there is no room to wait in.
    """
    with _streamed(name) if is_stream(name) else _replaced(name) as sink:
        yield sink


@contextmanager
def _replaced(name: str) -> Iterator[ByteSink]:
    place = _place_of(Path(name))
    with _told(name):
        new = NewFile(place)
    with new:
        with _packed(_Careful(new.file, lambda: _told(name)), place.suffix) as packed:
            yield packed
        with _told(name):
            new.appear()


@contextmanager
def _streamed(name: str) -> Iterator[ByteSink]:
    # It has no name, so that a process that is killed leaves nothing.
    folder = Path(tempfile.gettempdir())
    with ExitStack() as stack:
        with no_room("what goes out", folder):
            spool = stack.enter_context(tempfile.TemporaryFile(prefix="esr-out-"))
        yield _Careful(spool, lambda: no_room("what goes out", folder))
        with no_room("what goes out", folder):
            spool.seek(0)
        if name == STDOUT:
            _print(spool)
        else:
            _pour(spool, name)


class _Careful:
    """A file whose failures are told as the user's sentence, whoever packs into it."""

    def __init__(self, file: BinaryIO, telling: Telling) -> None:
        self._file = file
        self._telling = telling

    def write(self, data: bytes, /) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            with self._telling():
                raise error

    def flush(self) -> None:
        with self._telling():
            self._file.flush()


def _place_of(path: Path) -> Path:
    """A link stays, and what it leads to is replaced."""
    return path.resolve() if path.is_symlink() else path


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--out {name} cannot be written: {error.strerror or error}") from error


@contextmanager
def _packed(file: _Careful, suffix: str) -> Iterator[ByteSink]:
    """The file itself, or what packs into it; no clock and no name goes into the bytes."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=cast(BinaryIO, file), mtime=0) as packed:
            yield packed
    elif suffix == ".zst":
        with zstandard.ZstdCompressor().stream_writer(
            cast(BinaryIO, file), closefd=False
        ) as stream:
            yield stream
    else:
        yield file


def _print(spool: BinaryIO) -> None:
    try:
        shutil.copyfileobj(spool, sys.stdout.buffer, _BLOCK)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        turn_away(sys.stdout)  # its reader has what it wanted
    except OSError as error:
        with suppress(OSError):
            turn_away(sys.stdout)
        with _told(STDOUT):
            raise error


def _pour(spool: BinaryIO, name: str) -> None:
    with _told(name), suppress(BrokenPipeError), Path(name).open("wb") as stream:
        shutil.copyfileobj(spool, stream, _BLOCK)
