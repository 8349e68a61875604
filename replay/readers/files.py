"""Which files a trace is made of, and where each of them is: here, elsewhere, or standard input.

A file goes into the account by a name that says nothing of this machine and holds no secret.
Read next: `source.py` (reading one), `remote.py` (those that lie elsewhere).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from replay.readers.remote import Remote, ask_identity, ask_size, open_remote
from switchboard.errors import TraceError

_NUMBER: Final = re.compile(r"(\d+)")
_NOWHERE: Final = Path(os.devnull)


class Stdin:
    """Standard input: it is read once, from front to end, and nobody knows how long it is."""

    shown: Final = "standard input"

    def __repr__(self) -> str:
        return "STDIN"


STDIN: Final = Stdin()
Named = Path | Remote | Stdin
"""What a person may name as a trace: a path, an address, or standard input."""


class RawFile(Protocol):
    """The bytes of one file, from front to end."""

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer only where the file ends. Raises OSError."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file to read, and the name it goes by in the account: no machine's paths land there.

    path: where it lies; of a file that lies elsewhere, a path at which there is nothing.
    """

    path: Path
    name: str
    asked_for: bool = True
    """It was named itself, and not merely found in a folder."""
    elsewhere: Remote | Stdin | None = None

    @property
    def shown(self) -> str:
        """What it is called in a message."""
        return str(self.path) if self.elsewhere is None else self.elsewhere.shown

    def size(self) -> int | None:
        """How long it is, as far as that can be known before it is read."""
        if isinstance(self.elsewhere, Remote):
            return ask_size(self.elsewhere)
        try:
            return self.path.stat().st_size if self.elsewhere is None else None
        except OSError:  # who opens it says why
            return None

    def open(self) -> RawFile:
        """Its bytes as they lie. Raises TraceError."""
        if isinstance(self.elsewhere, Remote):
            return open_remote(self.elsewhere)
        if self.elsewhere is not None:
            return _StandardInput()
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise TraceError(f"cannot read {self.path}: {error.strerror}") from error


class _StandardInput:
    """Read through, never closed: it is the process's own."""

    def __init__(self) -> None:
        if sys.stdin is None or sys.stdin.closed:
            raise TraceError("there is no standard input to read a log from; name a file")
        if sys.stdin.isatty():
            raise TraceError("standard input is a terminal: pipe a log into it, or name a file")
        self._file = sys.stdin.buffer

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        """Nothing is held."""


def find_files(sources: Sequence[Named], *, were_found: bool = False) -> list[TraceFile]:
    """The files of a trace in the order they are read: as given; inside a folder by name.

    were_found: nobody named the sources; they are what lay in a folder.
    Numbers in names count as numbers, so `event-9.json` comes before `event-10.json`. Files and
    folders whose name starts with a dot are left out.
    """
    if sum(isinstance(source, Stdin) for source in sources) > 1:
        raise TraceError("standard input can be read only once; name - a single time")
    # Not `resolve`: a link is known by its own name.
    roots = [
        Path(os.path.abspath(each)) if isinstance(each, Path) else each  # noqa: PTH100
        for each in sources
    ]
    places = [place for root in roots for place in _expand(root)]
    if not places:
        named = ", ".join(each.shown if not isinstance(each, Path) else str(each) for each in roots)
        raise TraceError(f"no trace files: {named or 'nothing'} holds no file to read")
    parents = [place.parent for place in places if isinstance(place, Path)]
    common = Path(os.path.commonpath(parents)) if parents else _NOWHERE
    named_itself = frozenset() if were_found else frozenset(roots)
    return [_file_at(place, common, asked_for=place in named_itself) for place in places]


def identity(source: Named) -> list[str | int] | None:
    """What changes when the content does: name, size and time of change, or the server's own mark.

    None where nothing of the kind is known: what was made of it must not be taken for it again.
    Holds no secret. Raises OSError for a path that is not there.
    """
    if isinstance(source, Path):
        stat = source.stat()
        return [str(source.resolve()), stat.st_size, stat.st_mtime_ns]
    if isinstance(source, Stdin):
        return None
    mark = ask_identity(source)
    return None if mark is None else [sha256(source.address.encode()).hexdigest(), *mark]


def natural_key(name: str) -> list[list[tuple[int, int, str]]]:
    """Sorts path parts in turn, and digits inside a part by their number."""
    return [
        [(0, int(bit), bit) if bit.isdecimal() else (1, 0, bit) for bit in _NUMBER.split(part)]
        for part in name.split("/")
    ]


def _file_at(place: Named, common: Path, *, asked_for: bool) -> TraceFile:
    if isinstance(place, Path):
        return TraceFile(place, place.relative_to(common).as_posix(), asked_for)
    return TraceFile(_NOWHERE / "elsewhere", place.shown, asked_for, place)


def _expand(source: Named) -> list[Named]:
    if not isinstance(source, Path):
        return [source]
    if source.is_dir():
        found = (Path(at) / name for at, _, names in _walk(source) for name in names)
        visible = (path for path in found if not path.name.startswith("."))
        in_order = sorted(
            visible, key=lambda path: natural_key(path.relative_to(source).as_posix())
        )
        return list[Named](in_order)
    if not source.exists():
        raise TraceError(f"no such trace: {source}")
    if not source.is_file():
        raise TraceError(f"{source} is not a file or a folder")
    return [source]


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for at, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield at, folders, [name for name in names if (Path(at) / name).is_file()]


def _cannot_list(error: OSError) -> None:
    raise TraceError(f"cannot read {error.filename}: {error.strerror}") from error
