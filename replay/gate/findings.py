"""What was found in a trace that could belong to a real person or system: counts and examples.

A finding says where, and of what kind; of the value itself only how it is laid out. Memory stays
flat: a few examples of each kind. Read next: `leak_gate.py` and `scanner.py`, which fill it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

EXAMPLES_PER_KIND: Final = 5
_LONGEST_SHAPE: Final = 24
_LONGEST_PATH: Final = 120
_KEPT: Final = frozenset("-.@:/()+ ,")
_OPAQUE: Final = frozenset({"jwt", "bearer", "basic", "cloud_key", "private_key", "secret"})
"""Of these not even the layout is anybody's business."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One. excerpt: `***-**-**** (11 characters)`, never the value."""

    file: str
    line: int
    path: str
    kind: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.path}: {self.kind} {self.excerpt}"


class Findings:
    """Counts of what was found, by kind, and the first few of each.

    What a person allowed (`--allow-kind`) is counted apart, and stops nothing.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.allowed: dict[str, int] = {}
        self._examples: dict[str, list[Finding]] = {}

    def __repr__(self) -> str:
        return f"<Findings {self.counts} allowed {self.allowed}>"

    @property
    def total(self) -> int:
        """Those that nobody allowed."""
        return sum(self.counts.values())

    def add(
        self, file: str, line: int, path: str, kind: str, text: str, *, is_allowed: bool = False
    ) -> None:
        """text: the value; only its layout is kept."""
        if is_allowed:
            self.allowed[kind] = self.allowed.get(kind, 0) + 1
            return
        self.counts[kind] = self.counts.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES_PER_KIND:
            examples.append(Finding(file, line, path[:_LONGEST_PATH], kind, mask(kind, text)))

    def examples(self) -> tuple[Finding, ...]:
        return tuple(each for kind in sorted(self._examples) for each in self._examples[kind])

    def merge(self, other: Findings) -> None:
        """Take over what another worker found; its examples come after those that are here."""
        for mine, theirs in ((self.counts, other.counts), (self.allowed, other.allowed)):
            for kind, count in theirs.items():
                mine[kind] = mine.get(kind, 0) + count
        for kind, several in other._examples.items():
            examples = self._examples.setdefault(kind, [])
            examples += several[: EXAMPLES_PER_KIND - len(examples)]

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "kinds": dict(sorted(self.counts.items())),
            "allowed": dict(sorted(self.allowed.items())),
            "examples": [
                {
                    "file": each.file,
                    "line": each.line,
                    "path": each.path,
                    "kind": each.kind,
                    "excerpt": each.excerpt,
                }
                for each in self.examples()
            ],
        }


def mask(kind: str, text: str) -> str:
    """How the value is laid out: a star for each letter and digit, and how long it is."""
    length = f"({len(text)} characters)"
    if kind in _OPAQUE:
        return f"*** {length}"
    shape = "".join([char if char in _KEPT else "*" for char in text[:_LONGEST_SHAPE]])
    return f"{shape}{'...' if len(text) > _LONGEST_SHAPE else ''} {length}"


def describe_counts(counts: Mapping[str, int]) -> str:
    """`3 ssn, 1 email`: the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {kind}" for kind, count in ordered)
