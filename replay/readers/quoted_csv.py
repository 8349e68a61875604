"""Rows of CSV (RFC 4180) out of lines, where a field in quotes may go on over several.

The standard library's reader has one limit of a field for the whole process, and bodies are longer
than that. Memory is bounded, and every line is looked at once.
Read next: `vegeta_results.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from replay.readers.source import MAX_LINE, OVERLONG

NO_END: Final = "quotes without an end"
MAX_LINES: Final = 1_000
"""One row has no more lines than this: a lone quote must not swallow the rest of a file."""

Batches = Iterable[tuple[int, list[bytes | None]]]


def iter_rows(batches: Batches) -> Iterator[tuple[int, list[bytes] | str]]:
    """The number of the first line of every row, and its fields, or why it is none."""
    held: list[bytes] = []
    start = size = 0
    is_open = False
    for first, batch in batches:
        for number, line in enumerate(batch, first):
            if not held:
                start, size = number, 0
            if line is None:
                yield start, OVERLONG
                held, is_open = [], False
                continue
            held.append(line)
            size += len(line)
            is_open ^= line.count(b'"') % 2 == 1
            if not is_open:
                yield start, split_fields(b"\n".join(held).rstrip(b"\r"))
                held = []
            elif size > MAX_LINE or len(held) >= MAX_LINES:
                yield start, NO_END
                held, is_open = [], False
    if held:
        yield start, NO_END


def split_fields(row: bytes) -> list[bytes]:
    """The fields of a row, in which quotes come in pairs; a pair inside quotes is one quote."""
    if b'"' not in row:
        return row.split(b",")
    fields: list[bytes] = []
    field: list[bytes] = []
    parts = row.split(b'"')
    for at, part in enumerate(parts):
        if at % 2:  # inside quotes
            field.append(part)
        elif not part and 0 < at < len(parts) - 1:
            field.append(b'"')
        else:
            text, *others = part.split(b",")
            field.append(text)
            for other in others:
                fields.append(b"".join(field))
                field = [other]
    fields.append(b"".join(field))
    return fields
