"""Plain aligned tables. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

Cell = str | float | int | None


def show(cell: Cell, digits: int = 3) -> str:
    """A cell as text; a number nobody measured is a dash, never 0."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.{digits}f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def draw_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A titled table: the first column to the left, all others to the right."""
    texts = [[show(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    lines = [_line(heads, widths), rule, *(_line(row, widths) for row in texts)]
    return "\n".join([title, "", *(f"  {line}".rstrip() for line in lines), ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)])
