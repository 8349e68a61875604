"""Ways off the machine that do not go through its network, found before there is a jail.

A socket in the file system belongs to no network namespace: whoever opens `/run/docker.sock` or a
session bus has somebody outside to run things for them. And a network socket that was handed down
as a standard stream stays in the network that it was made in. Read next: `jail.py`, which covers
what is found here.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hms_esr.containment.plan import ContainError

RUN_FOLDERS: Final = ("/run", "/var/run")
UNIX_TABLE: Final = Path("/proc/net/unix")
_PATH_COLUMN: Final = 7
_STREAMS: Final = ("standard input", "standard output", "standard error")


def folders_to_cover(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Folders where services of this machine keep their sockets, each once, by its real name."""
    named = (*RUN_FOLDERS, variables.get("XDG_RUNTIME_DIR", ""))
    real = sorted({os.path.realpath(each) for each in named if each.startswith("/")} - {"/"})
    return tuple(each for each in real if Path(each).is_dir() and not _is_below(each, real))


def sockets_to_cover(covered: Iterable[str]) -> tuple[str, ...]:
    """The sockets of this machine that lie in no folder of `covered`."""
    folders = tuple(covered)
    text = UNIX_TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    return tuple(each for each in parse_unix_table(text) if not _is_below(each, folders))


def parse_unix_table(text: str) -> tuple[str, ...]:
    """The paths in `/proc/net/unix`, each once; abstract names are none."""
    rows = (line.split(maxsplit=_PATH_COLUMN) for line in text.splitlines()[1:])
    paths = (row[_PATH_COLUMN] for row in rows if len(row) > _PATH_COLUMN)
    return tuple(dict.fromkeys(path for path in paths if path.startswith("/")))


def check_streams() -> None:
    """Raise ContainError when a standard stream is a socket that could be dialled with again."""
    for descriptor, name in enumerate(_STREAMS):
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and not _is_harmless(descriptor):
            raise ContainError(
                f"{name} is a network socket, by which the command could get out: "
                "put a pipe or a file in its place"
            )


def _is_harmless(descriptor: int) -> bool:
    """A connected pair cannot be connected to anything else."""
    with socket.socket(fileno=os.dup(descriptor)) as held:
        return held.family == socket.AF_UNIX and held.type == socket.SOCK_STREAM


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)
