"""How the tables of docs/faults.md are written from the code, for the test that compares them."""

from __future__ import annotations

from collections.abc import Iterable

from stubs.faults.durations import format_ms
from stubs.faults.parameters import REQUIRED, Parameter

HEAD = "| Parameter | Unit | Default | Meaning |\n|---|---|---|---|\n"


def table_of(rows: Iterable[Parameter]) -> str:
    return HEAD + "".join(map(row_of, rows))


def row_of(row: Parameter) -> str:
    return f"| `{row.name}` | {_cell(row.unit)} | {_default(row)} | {_cell(row.meaning)} |\n"


def _default(row: Parameter) -> str:
    if row.default == REQUIRED:
        return "required"
    if row.default is None or row.default in ("", ()):
        return "–"
    if row.unit == "s, recorded" and isinstance(row.default, float):
        return f"{row.default:g} ({format_ms(row.default * 1000)})"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    return f"{row.default:g}" if isinstance(row.default, float) else f"`{row.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
