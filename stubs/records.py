"""What really happened, as lines of JSON in a file: the ground truth of services that have one.

A line is on disk before the answer goes, so a gateway that is killed has said what it did.
Floor 1. Read next: `service.py`, whose `Surroundings.record` this is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from stubs.append_file import AppendFile
from switchboard.errors import EsrError


class LedgerFile:
    """Appends the events of kind `ledger`. Raises EsrError when there can be no such file."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = AppendFile(path)
        except OSError as error:
            raise EsrError(f"cannot write the ledger {path}: {error.strerror}") from error
        self.close = self._file.close

    @property
    def lost(self) -> int:
        """Lines that did not get onto the disk."""
        return self._file.lost

    def record(self, kind: str, event: Mapping[str, Any]) -> None:
        """One event; another kind than `ledger` is nobody's."""
        if kind == "ledger":
            self._file.append(orjson.dumps(dict(event), default=str) + b"\n")


def record_nothing(kind: str, event: Mapping[str, Any]) -> None:
    """Nobody keeps a ledger."""
