"""Tapes are compiled once and kept: the same unchanged log plays again without being read again.

A kept tape is named by its sources (path, size, time of change), the seed and the tape's version.
The newest few are kept, so the folder stays small.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from hms_esr.exits import UsageError
from hms_esr.scratch import make_scratch, no_room
from replay.compile import build_tape
from replay.readers.formats import find_format
from replay.tape import VERSION, Tape
from switchboard.errors import TraceError

KEPT = 8
FORGOTTEN_S = 86_400.0
"""A tape that was still being built so long ago belongs to a process that was killed."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What decides a tape, besides its sources."""

    seed: int
    format: str | None
    were_found: bool


def check_format(name: str) -> None:
    """Raises UsageError when no log is of that format."""
    try:
        find_format(name)
    except ValueError as error:
        raise UsageError(f"--format: {error}") from None


def open_tape(
    sources: Sequence[Path], home: Path, *, seed: int, trace_format: str | None, stack: ExitStack
) -> Tape:
    """The tape of `sources`, kept or new; closed with `stack`.

    Raises TraceError, ScratchError when there is no room for a new one, or OSError.
    """
    # Of several files nobody named each: one that is no trace is counted, not refused.
    options = BuildOptions(seed, trace_format, were_found=len(sources) > 1)
    folder = home / "tapes" / _name(sources, options)
    tape = _kept(folder)
    if tape is None:
        tape = Tape.open(_build(sources, folder, options, stack))
        _prune(folder.parent)
    stack.enter_context(tape)
    return tape


def _name(sources: Sequence[Path], options: BuildOptions) -> str:
    stats = [(str(path.resolve()), path.stat()) for path in sources]
    facts = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    key = orjson.dumps([VERSION, options.seed, options.format, facts])
    return f"TAPE-{hashlib.sha256(key).hexdigest()[:16]}"


def _kept(folder: Path) -> Tape | None:
    try:
        tape = Tape.open(folder)
        folder.touch()
    except (TraceError, OSError):
        return None
    return tape


def _build(sources: Sequence[Path], folder: Path, options: BuildOptions, stack: ExitStack) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _build_at(folder, sources, options)
    except OSError:
        # No room or no right there; a run should not fail for want of a cache.
        scratch = make_scratch("esr-tape-", stack)
        folder = scratch / folder.name
        with no_room("the tape", scratch):
            _build_at(folder, sources, options)
    return folder


def _build_at(folder: Path, sources: Sequence[Path], options: BuildOptions) -> None:
    build_tape(
        sources,
        folder,
        seed=options.seed,
        format=find_format(options.format) if options.format else None,
        were_found=options.were_found,
    )


def _prune(tapes: Path) -> None:
    """Remove all but the newest. A run that maps an older one keeps its pages."""
    now_s = time.time()
    try:
        kept = sorted(tapes.glob("TAPE-*"), key=_changed_s)
        building = list(tapes.glob(".TAPE-*"))
        left = [folder for folder in building if now_s - _changed_s(folder) > FORGOTTEN_S]
    except OSError:
        return
    for folder in kept[:-KEPT] + left:
        shutil.rmtree(folder, ignore_errors=True)


def _changed_s(path: Path) -> float:
    return path.stat().st_mtime
