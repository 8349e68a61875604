"""Reading ledger.ndjson, the rail's ground truth, which a run keeps beside its outcomes.

A gateway that was killed leaves its last line unfinished; such a line was never told to anybody,
and is left out. Floor 2. Read next: `payments.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """Its lines in their order. Raises OSError, and ValueError that names a line that is wrong."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield _parse_line(line, f"{path}, line {number}")


def _parse_line(line: bytes, where: str) -> dict[str, Any]:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{where}: not a line of a ledger: {error}") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise ValueError(f"{where}: a line of a ledger is a JSON object with an event")
    return event
