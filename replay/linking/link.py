"""Links of a tape: a value of a recorded answer that comes back in a later request.

While a trace is read, links name rows in the order of the trace; `LinkSpill` puts them on disk as
they come. At the end `write_links` turns them to the rows of the tape, as `links.ndjson`.
Read next: `replay/building/arrange.py`, which knows where each row went; `replay/tape.py`, which
reads them back.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from replay.building.spill_files import SpillFiles

LINKS: Final = "links.ndjson"
MAX_LINKS: Final = 1_000_000
MAX_PATH: Final = 1_000
"""Bytes of a path; a longer one is not a place that anybody named."""

_ROWS: Final = "links.row.spill"
_LENGTHS: Final = "links.length.spill"
_TEXTS: Final = "links.text.spill"
_WRITTEN_AT_ONCE: Final = 10_000

U32 = npt.NDArray[np.uint32]


class Link(NamedTuple):
    """The value at `answer` in the recorded answer of `from_row` is what stands at `request` in
    the request of `to_row`. Rows are those of the tape, and both are of `session`."""

    session: int
    from_row: int
    answer: str
    to_row: int
    request: str


class LinkSpill:
    """Takes links as they are found, and holds a batch of them at most."""

    def __init__(self) -> None:
        self.count = 0
        self.left_out = 0
        """Links past the limits."""
        self._rows = array("I")
        self._lengths = array("I")
        self._texts = bytearray()

    def add(self, from_row: int, to_row: int, answer: str, request: str) -> None:
        paths = answer.encode("utf-8", "replace"), request.encode("utf-8", "replace")
        if self.count >= MAX_LINKS or max(map(len, paths)) > MAX_PATH:
            self.left_out += 1
            return
        self.count += 1
        self._rows.extend((from_row, to_row))
        for path in paths:
            self._lengths.append(len(path))
            self._texts += path

    def spill(self, writer: SpillFiles) -> None:
        if self._rows:
            writer.append_bytes(_ROWS, self._rows.tobytes())
            writer.append_bytes(_LENGTHS, self._lengths.tobytes())
            writer.append_bytes(_TEXTS, self._texts)
            self._rows, self._lengths = array("I"), array("I")
            self._texts.clear()


def linked_rows(folder: Path) -> U32:
    """From and to of each link that was spilled, one after the other, as rows of the trace."""
    path = folder / _ROWS
    return np.fromfile(path, np.uint32) if path.exists() else np.zeros(0, np.uint32)


def write_links(writer: SpillFiles, rows: U32, session: U32) -> None:
    """Write the links that were spilled, by the rows that they link and then as they came.

    rows: `linked_rows`, turned to rows of the tape. session: that of each link.
    """
    lengths = np.fromfile(writer.path / _LENGTHS, np.uint32).reshape(-1, 2)
    ends = np.cumsum(lengths.sum(axis=1, dtype=np.int64))
    order = np.lexsort((rows[:, 0], rows[:, 1]))
    with (writer.path / _TEXTS).open("rb") as texts:
        for at in range(0, len(order), _WRITTEN_AT_ONCE):
            lines = bytearray()
            for link in map(int, order[at : at + _WRITTEN_AT_ONCE]):
                first, second = map(int, lengths[link])
                both = os.pread(texts.fileno(), first + second, int(ends[link]) - first - second)
                lines += _line(
                    Link(
                        int(session[link]),
                        int(rows[link, 0]),
                        both[:first].decode(),
                        int(rows[link, 1]),
                        both[first:].decode(),
                    )
                )
            writer.append_bytes(LINKS, lines)


def _line(link: Link) -> bytes:
    value = {
        "session": link.session,
        "from": link.from_row,
        "answer": link.answer,
        "to": link.to_row,
        "request": link.request,
    }
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def read_links(path: Path) -> Iterator[Link]:
    """The links of a file that `write_links` wrote. Raises ValueError or KeyError on another."""
    with path.open("rb") as file:
        for line in file:
            value: dict[str, Any] = orjson.loads(line)
            yield Link(
                int(value["session"]),
                int(value["from"]),
                str(value["answer"]),
                int(value["to"]),
                str(value["request"]),
            )
