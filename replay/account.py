"""What became of every entry of a trace: used, skipped for a reason, or dropped by a filter.

`entries == used + sum(skipped) + sum(dropped)` always holds, so nobody has to wonder where traffic
went.
A `Tally` counts while a trace is read; `Account` is the frozen result that a tape carries.
Read next: `tape.py` (who carries it), `replay/building/compile.py` (who fills it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

EXAMPLES_PER_REASON = 5
MAX_SOURCES = 1_000
MAX_NOTES = 20
EXACT = "exact"

Counts = Mapping[str, int]


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


def _no_counts() -> Counts:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Account:
    """The whole account of a trace.

    dropped: what a filter left out on purpose, by filter.   session_keys: by what users were told
    apart (user, session, client, ..., none), in requests.   stamp: what the recorded stamps meant:
    the "start" of a request, its "end", or "start, end".   allowed: kinds of findings that were
    let pass on purpose.   found: how many of those there are.   notes: sentences to know of.
    """

    entries: int = 0
    used: int = 0
    skipped: Counts = field(default_factory=_no_counts)
    examples: tuple[Example, ...] = ()
    format: str = ""
    stamps: str = EXACT
    out_of_order: int = 0
    bodies_unknown: int = 0
    sources: tuple[SourceFile, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: Counts = field(default_factory=_no_counts)
    session_keys: Counts = field(default_factory=_no_counts)
    stamp: str = ""
    allowed: tuple[str, ...] = ()
    found: Counts = field(default_factory=_no_counts)

    @property
    def skipped_total(self) -> int:
        return sum(self.skipped.values())

    @property
    def dropped_total(self) -> int:
        return sum(self.dropped.values())


def account_to_json(account: Account) -> dict[str, Any]:
    return {
        "entries": account.entries,
        "used": account.used,
        "skipped": dict(account.skipped),
        "dropped": dict(account.dropped),
        "examples": [
            {"file": example.file, "line": example.line, "reason": example.reason}
            for example in account.examples
        ],
        "format": account.format,
        "stamp": account.stamp,
        "stamps": account.stamps,
        "out_of_order": account.out_of_order,
        "bodies_unknown": account.bodies_unknown,
        "session_keys": dict(account.session_keys),
        "allowed": list(account.allowed),
        "found": dict(account.found),
        "sources": [
            {"path": source.path, "bytes": source.bytes, "sha256": source.sha256}
            for source in account.sources
        ],
        "notes": list(account.notes),
    }


def parse_account(value: Mapping[str, Any]) -> Account:
    """The account as `account_to_json` wrote it; a tape of old lacks some keys.

    Raises KeyError, TypeError, ValueError or AttributeError on anything else.
    """
    return Account(
        entries=int(value["entries"]),
        used=int(value["used"]),
        skipped=_parse_counts(value["skipped"]),
        examples=tuple(Example(e["file"], e["line"], e["reason"]) for e in value["examples"]),
        format=str(value["format"]),
        stamps=str(value["stamps"]),
        out_of_order=int(value["out_of_order"]),
        bodies_unknown=int(value.get("bodies_unknown", 0)),
        sources=tuple(SourceFile(s["path"], s["bytes"], s["sha256"]) for s in value["sources"]),
        notes=tuple(value.get("notes", ())),
        dropped=_parse_counts(value.get("dropped", {})),
        session_keys=_parse_counts(value.get("session_keys", {})),
        stamp=str(value.get("stamp", "")),
        allowed=tuple(map(str, value.get("allowed", ()))),
        found=_parse_counts(value.get("found", {})),
    )


def _parse_counts(value: Mapping[str, Any]) -> Counts:
    return MappingProxyType({str(key): int(count) for key, count in value.items()})


class Tally:
    """Counts while a trace is read. Memory stays flat: a few examples for each reason."""

    def __init__(self) -> None:
        self.used = 0
        self.skipped: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.session_keys: dict[str, int] = {}
        self.bodies_unknown = 0
        self._notes: dict[str, int] = {}
        self._more_notes = 0
        self._examples: dict[str, list[Example]] = {}
        self._sources: list[SourceFile] = []
        self._more_files = 0
        self._more_bytes = 0
        self._more_digest = b""

    @property
    def entries(self) -> int:
        return self.used + sum(self.skipped.values()) + sum(self.dropped.values())

    def skip(self, file: str, line: int, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        examples = self._examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_PER_REASON:
            examples.append(Example(file, line, reason))

    def drop(self, name: str, count: int = 1) -> None:
        """The filter of that name left entries out on purpose."""
        self.dropped[name] = self.dropped.get(name, 0) + count

    def note_key(self, kind: str, count: int = 1) -> None:
        """A user was told from others by this kind of key."""
        self.session_keys[kind] = self.session_keys.get(kind, 0) + count

    def note(self, text: str, count: int = 0) -> None:
        """Something a person should know of, counted by its text; a count of 0 goes unsaid."""
        if text in self._notes or len(self._notes) < MAX_NOTES:
            self._notes[text] = self._notes.get(text, 0) + count
        else:
            self._more_notes += 1

    def add_source(self, source: SourceFile) -> None:
        """Past `MAX_SOURCES` files the rest are folded into one line, so that memory stays flat."""
        if len(self._sources) < MAX_SOURCES:
            self._sources.append(source)
            return
        self._more_files += 1
        self._more_bytes += source.bytes
        line = f"{source.path}\0{source.sha256}\n".encode()
        self._more_digest = hashlib.sha256(self._more_digest + line).digest()

    def merge(self, other: Tally) -> None:
        """Take in what was counted of the part of the trace that follows."""
        self.used += other.used
        self.bodies_unknown += other.bodies_unknown
        for mine, more in (
            (self.skipped, other.skipped),
            (self.dropped, other.dropped),
            (self.session_keys, other.session_keys),
        ):
            for name, count in more.items():
                mine[name] = mine.get(name, 0) + count
        for reason, examples in other._examples.items():
            own = self._examples.setdefault(reason, [])
            own += examples[: EXAMPLES_PER_REASON - len(own)]
        for text, count in other._notes.items():
            self.note(text, count)
        self._more_notes += other._more_notes
        for source in other._sources:
            self.add_source(source)
        if other._more_files:
            self.add_source(other._rest_of_sources())

    def close(
        self,
        *,
        trace_format: str,
        stamps: str,
        out_of_order: int,
        notes: tuple[str, ...],
        stamp: str = "",
        allowed: tuple[str, ...] = (),
        found: Counts | None = None,
    ) -> Account:
        """The account. notes: what is to be known besides what was noted."""
        return Account(
            entries=self.entries,
            used=self.used,
            skipped=_sorted(self.skipped),
            examples=self.examples(),
            format=trace_format,
            stamps=stamps,
            out_of_order=out_of_order,
            bodies_unknown=self.bodies_unknown,
            sources=self._all_sources(),
            notes=notes + self._said_notes(),
            dropped=_sorted(self.dropped),
            session_keys=_sorted(self.session_keys),
            stamp=stamp,
            allowed=allowed,
            found=_sorted(found or {}),
        )

    def examples(self) -> tuple[Example, ...]:
        return tuple(e for reason in sorted(self._examples) for e in self._examples[reason])

    def _said_notes(self) -> tuple[str, ...]:
        said = tuple(f"{text} ({n})" if n else text for text, n in self._notes.items())
        return (*said, f"and {self._more_notes} more notes") if self._more_notes else said

    def _all_sources(self) -> tuple[SourceFile, ...]:
        rest = (self._rest_of_sources(),) if self._more_files else ()
        return (*self._sources, *rest)

    def _rest_of_sources(self) -> SourceFile:
        rest = f"(and {self._more_files} more files)"
        return SourceFile(rest, self._more_bytes, self._more_digest.hex())


def _sorted(counts: Counts) -> Counts:
    return MappingProxyType(dict(sorted(counts.items())))


def describe_skips(tally: Tally) -> str:
    """Reasons with their counts and where each was first met: "not JSON (3, first at a.log:1)"."""
    first: dict[str, Example] = {}
    for example in tally.examples():
        first.setdefault(example.reason, example)
    return "; ".join(
        f"{reason} ({count}, first at {first[reason].file}:{first[reason].line})"
        for reason, count in sorted(tally.skipped.items(), key=lambda item: (-item[1], item[0]))
    )
