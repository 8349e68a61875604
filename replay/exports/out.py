"""Where an export is written to. Read next: any of the writers beside it."""

from __future__ import annotations

from typing import Protocol


class Out(Protocol):
    """Anything that takes bytes: a file, a compressor, a buffer."""

    def write(self, data: bytes, /) -> object: ...
