"""What really happened, as lines of JSON in a file: the ground truth of services that have one.

A line is on disk before the answer goes, so a gateway that is killed has said what it did.
Floor 1. Read next: `service.py`, whose `Surroundings.record` this is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from switchboard.errors import EsrError


class LedgerFile:
    """Appends the events of kind `ledger`. Raises EsrError when there can be no such file."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise EsrError(f"cannot write the ledger {path}: {error.strerror}") from error
        self.lost = 0
        """Lines that did not get onto the disk."""

    def record(self, kind: str, event: Mapping[str, Any]) -> None:
        """One event; another kind than `ledger` is nobody's."""
        if kind != "ledger":
            return
        line = orjson.dumps(dict(event), default=str) + b"\n"
        try:
            written = os.write(self._descriptor, line)
        except OSError:
            written = 0
        if written != len(line):
            self.lost += 1

    def close(self) -> None:
        os.close(self._descriptor)


def record_nothing(kind: str, event: Mapping[str, Any]) -> None:
    """Nobody keeps a ledger."""
