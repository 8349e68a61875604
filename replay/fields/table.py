"""Comma- and tab-separated tables: each cell a text, called by the first cell of its column.

Read next: `body.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step

_PLAIN_HEAD: Final = re.compile(r"[^\W\d][\w .:/()#-]{0,63}")
_CELLS: Final = {
    # A cell in quotes may hold anything, and a doubled quote for each quote; one without, nothing
    # that ends it. Whatever follows the closing quote belongs to the cell, as spreadsheets read it.
    mark: re.compile(rf'("(?:[^"]|"")*+"[^{mark}\r\n]*+|[^{mark}\r\n]*+)({mark}|\r?\n|\r|\Z)')
    for mark in (",", "\t", ";")
}


def map_table(text: str, mark: str, show: Show, here: str) -> str | None:
    """The table with its cells replaced, the very one if nothing changed; None if it is too large.

    mark: what stands between two cells.
    """
    first = text.partition("\n")[0]
    if mark == "," and "," not in first and ";" in first:
        mark = ";"
    if text.count(mark) + text.count("\n") > MAX_LEAVES:
        return None
    names: list[str] = []
    pieces: list[str] = []
    row = column = 0
    is_changed = has_names = False
    for cell in _CELLS[mark].finditer(text):
        raw, end = cell[1], cell[2]
        if row == 0:
            names.append(_unquoted(raw).strip())
        name = names[column] if has_names and column < len(names) else ""
        new = raw
        if row > 0:
            place = step(name) if name else f"[{column}]"
            new = _map_cell(raw, name, show, f"{here}[{row}]{place}")
        is_changed = is_changed or new != raw
        pieces += [new, end]
        column += 1
        if end != mark:
            if row == 0:
                has_names = all(_is_head(each) for each in names)
                head = pieces[:]
                pieces = head if has_names else _map_first(head, show, here)
                is_changed = pieces != head
            row, column = row + 1, 0
            if not end:
                break
    return "".join(pieces) if is_changed else text


def _is_head(name: str) -> bool:
    return not name or (_PLAIN_HEAD.fullmatch(name) is not None and not looks_like_data(name))


def _map_first(pieces: list[str], show: Show, here: str) -> list[str]:
    """The first row of a table that has no names: cells and what ends them in turn."""
    return [
        piece if at % 2 else _map_cell(piece, "", show, f"{here}[0][{at // 2}]")
        for at, piece in enumerate(pieces)
    ]


def _map_cell(raw: str, name: str, show: Show, path: str) -> str:
    text = _unquoted(raw)
    if not text.strip():
        return raw
    new = show(path, name, text)
    if new == text:
        return raw
    is_quoted = raw[:1] == '"'
    made = new or ""
    if is_quoted or any(char in made for char in ',;\t\r\n"'):
        doubled = made.replace('"', '""')
        return f'"{doubled}"'
    return made


def _unquoted(raw: str) -> str:
    if raw[:1] != '"':
        return raw
    inner, _, tail = raw[1:].rpartition('"')
    return inner.replace('""', '"') + tail
