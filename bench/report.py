"""What a benchmark hands back: tables, remarks, figures for `--json`, and its targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. runs: rounds, of which medians are taken."""

    runs: int
    is_quick: bool
    is_full: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that must not pass its limit."""

    what: str
    figure: float
    limit: float

    def __str__(self) -> str:
        if math.isnan(self.figure):
            return f"  -     {self.what}: not measured (at most {self.limit:g})"
        word = "ok   " if self.figure <= self.limit else "MISS "
        return f"  {word} {self.what}: {self.figure:.3f} (at most {self.limit:g})"


@dataclass(slots=True)
class Report:
    """One benchmark's results."""

    name: str
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: Figures = field(default_factory=dict)

    def __str__(self) -> str:
        notes = [f"  {note}" for note in self.notes]
        blocks = ["\n".join(self.tables), "\n".join(notes), "\n".join(map(str, self.targets))]
        return "\n".join(f"{block}\n" for block in blocks if block)


def to_json(value: object) -> object:
    """Plain JSON values; a number nobody measured is null."""
    if isinstance(value, float):
        return None if math.isnan(value) or math.isinf(value) else value
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(item) for item in value]
    return value
