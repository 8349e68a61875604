"""The start of a file, looked at once by every format that may claim it.

Pure. Read next: `formats.py`, which asks the formats in turn.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import Any, Final

import orjson

LINES_TRIED: Final = 50


class Head:
    """The first block of a file (decompressed, UTF-8 or bytes), and what can be told from it."""

    def __init__(self, data: bytes, *, is_all: bool = False) -> None:
        self.data = data
        self.is_all = is_all
        """The file is no longer than this."""

    @cached_property
    def lines(self) -> list[bytes]:
        """The first lines that are not blank, without their ends; the last may be cut.

        Comments (`#`) are left out, and so are the NULs that a crash leaves around a line.
        """
        lines = (line.strip(b"\0\r") for line in self.data.split(b"\n"))
        telling = (line for line in lines if line.strip() and not line.startswith(b"#"))
        return list(islice(telling, LINES_TRIED))

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """Those of the lines that are JSON objects, decoded."""
        found = (_object(line) for line in self.lines if line.lstrip().startswith(b"{"))
        return [value for value in found if value is not None]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict else None
