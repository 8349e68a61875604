"""What became of every entry of a trace: used, or skipped for a reason that is named.

`entries == used + sum(skipped)` always holds, so nobody has to wonder where traffic went.
A `Tally` counts while a trace is read; `Account` is the frozen result that a tape carries.
Read next: `tape.py` (who carries it), `compile.py` (who fills it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

EXAMPLES_PER_REASON = 5
MAX_SOURCES = 1_000
EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Example:
    """One entry that was skipped: where it stands, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the trace as it was read. `bytes` counts what lies on disk, still compressed."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Account:
    """The whole account of a trace. `notes` are sentences a person should know of."""

    entries: int = 0
    used: int = 0
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    examples: tuple[Example, ...] = ()
    format: str = ""
    stamps: str = EXACT
    out_of_order: int = 0
    bodies_unknown: int = 0
    sources: tuple[SourceFile, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def skipped_total(self) -> int:
        return sum(self.skipped.values())


def account_to_json(account: Account) -> dict[str, Any]:
    return {
        "entries": account.entries,
        "used": account.used,
        "skipped": dict(account.skipped),
        "examples": [
            {"file": example.file, "line": example.line, "reason": example.reason}
            for example in account.examples
        ],
        "format": account.format,
        "stamps": account.stamps,
        "out_of_order": account.out_of_order,
        "bodies_unknown": account.bodies_unknown,
        "sources": [
            {"path": source.path, "bytes": source.bytes, "sha256": source.sha256}
            for source in account.sources
        ],
        "notes": list(account.notes),
    }


def parse_account(value: Mapping[str, Any]) -> Account:
    """The account as `account_to_json` wrote it. Raises KeyError or TypeError on anything else."""
    return Account(
        entries=int(value["entries"]),
        used=int(value["used"]),
        skipped=MappingProxyType({str(k): int(n) for k, n in value["skipped"].items()}),
        examples=tuple(Example(e["file"], e["line"], e["reason"]) for e in value["examples"]),
        format=str(value["format"]),
        stamps=str(value["stamps"]),
        out_of_order=int(value["out_of_order"]),
        bodies_unknown=int(value.get("bodies_unknown", 0)),
        sources=tuple(SourceFile(s["path"], s["bytes"], s["sha256"]) for s in value["sources"]),
        notes=tuple(value.get("notes", ())),
    )


class Tally:
    """Counts while a trace is read. Memory stays flat: a few examples for each reason."""

    def __init__(self) -> None:
        self.used = 0
        self.skipped: dict[str, int] = {}
        self.bodies_unknown = 0
        self._examples: dict[str, list[Example]] = {}
        self._sources: list[SourceFile] = []
        self._more_files = 0
        self._more_bytes = 0
        self._more_digest = hashlib.sha256()

    def skip(self, file: str, line: int, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        examples = self._examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_PER_REASON:
            examples.append(Example(file, line, reason))

    def add_source(self, source: SourceFile) -> None:
        """Past `MAX_SOURCES` files the rest are folded into one line, so that memory stays flat."""
        if len(self._sources) < MAX_SOURCES:
            self._sources.append(source)
            return
        self._more_files += 1
        self._more_bytes += source.bytes
        self._more_digest.update(f"{source.path}\0{source.sha256}\n".encode())

    def close(
        self, *, trace_format: str, stamps: str, out_of_order: int, notes: tuple[str, ...]
    ) -> Account:
        return Account(
            entries=self.used + sum(self.skipped.values()),
            used=self.used,
            skipped=MappingProxyType(dict(sorted(self.skipped.items()))),
            examples=self.examples(),
            format=trace_format,
            stamps=stamps,
            out_of_order=out_of_order,
            bodies_unknown=self.bodies_unknown,
            sources=self._all_sources(),
            notes=notes,
        )

    def examples(self) -> tuple[Example, ...]:
        return tuple(e for reason in sorted(self._examples) for e in self._examples[reason])

    def _all_sources(self) -> tuple[SourceFile, ...]:
        if not self._more_files:
            return tuple(self._sources)
        rest = f"(and {self._more_files} more files)"
        return (
            *self._sources,
            SourceFile(rest, self._more_bytes, self._more_digest.hexdigest()),
        )


def describe_skips(tally: Tally) -> str:
    """Reasons with their counts and where each was first met: "not JSON (3, first at a.log:1)"."""
    first: dict[str, Example] = {}
    for example in tally.examples():
        first.setdefault(example.reason, example)
    return "; ".join(
        f"{reason} ({count}, first at {first[reason].file}:{first[reason].line})"
        for reason, count in sorted(tally.skipped.items(), key=lambda item: (-item[1], item[0]))
    )
