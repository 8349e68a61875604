"""Writing the files of a tape, so that there is a whole one in the end or none.

Read next: `tape.py`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from replay.building.spill_files import SpillFiles
from replay.tape_info import INFO, TapeInfo, info_to_json, parse_info

REQUEST_COLUMNS: Mapping[str, str] = {
    "due_ns": "<i8",
    "session": "<u4",
    "offset": "<u8",
    "length": "<u4",
    "split": "<u2",
    "host": "<u2",
    "route": "<u2",
    "status": "<u2",
    "wait_us": "<u4",
}
"""Columns with one row a request, and their types."""
SESSION_COLUMNS: Mapping[str, str] = {"session_user": "<u4"}
USER_COLUMNS: Mapping[str, str] = {"user_at": "<u8"}
COLUMNS: Mapping[str, str] = {**REQUEST_COLUMNS, **SESSION_COLUMNS, **USER_COLUMNS}
BLOB = "requests.bin"
USER_NAMES = "users.bin"


def column_file(name: str) -> str:
    """The file of a column: `due_ns.i8`."""
    return f"{name}.{COLUMNS[name][1:]}"


class TapeWriter(SpillFiles):
    """Writes the files of a tape into a hidden sibling folder that `commit` renames into place.

    Leaving the `with` block without a commit removes everything, so a build that was interrupted
    leaves nothing that opens as a tape. Every failed write is an OSError.
    """

    def __init__(self, folder: Path) -> None:
        _refuse_foreign(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        super().__init__(folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.building"))
        self.path.mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_files()
        shutil.rmtree(self.path, ignore_errors=True)

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows to a column; they are converted to the column's type."""
        self.append_bytes(column_file(name), np.ascontiguousarray(rows, COLUMNS[name]).data)

    def commit(self, info: TapeInfo) -> TapeInfo:
        """Write `tape.json` last, then move the folder into place. Returns info with its digest."""
        for file in (*map(column_file, COLUMNS), BLOB, USER_NAMES):
            self.append_bytes(
                file, b""
            )  # a column without rows is an empty file, not a missing one
        text = (json.dumps(info_to_json(info), indent=1) + "\n").encode()
        self.append_bytes(INFO, text)
        self.close_files()
        _move_into_place(self.path, self.folder)
        return parse_info(json.loads(text), hashlib.sha256(text).hexdigest())


def write_user_names(writer: TapeWriter, names: Iterable[str]) -> None:
    """`users.bin` and `user_at`, a few thousand names at a time."""
    writer.append("user_at", np.zeros(1, np.uint64))
    at = 0
    batch: list[bytes] = []

    def flush() -> None:
        nonlocal at
        ends = np.cumsum([len(name) for name in batch], dtype=np.uint64) + np.uint64(at)
        writer.append("user_at", ends)
        writer.append_bytes(USER_NAMES, b"".join(batch))
        at = int(ends[-1])
        batch.clear()

    for name in names:
        batch.append(name.encode())
        if len(batch) == 10_000:
            flush()
    if batch:
        flush()


def _refuse_foreign(folder: Path) -> None:
    """A tape may replace a tape; anything else that stands there is left alone."""
    if folder.is_dir() and not (folder / INFO).exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is in the way: it is a folder, and not a tape")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is in the way: it is a file")


def _move_into_place(built: Path, folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        built.rename(folder)
        return
    # A full folder cannot be renamed over: the old tape steps aside for a moment.
    aside = built.with_suffix(".old")
    folder.rename(aside)
    try:
        built.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
