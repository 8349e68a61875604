"""Tapes are compiled once and kept: the same unchanged log plays again without being read again.

A kept tape is named by its sources (path, size, time of change), the seed and the tape's version.
The newest few are kept, so the folder stays small.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import orjson

from hms_esr.scratch import make_scratch, no_room
from replay.compile import build_tape
from replay.tape import VERSION, Tape
from switchboard.errors import TraceError

KEPT = 8


def open_tape(
    sources: Sequence[Path], home: Path, *, seed: int, trace_format: str | None, stack: ExitStack
) -> Tape:
    """The tape of `sources`, kept or new; closed with `stack`.

    Raises TraceError, ScratchError when there is no room for a new one, or OSError.
    """
    folder = home / "tapes" / _name(sources, seed, trace_format)
    tape = _kept(folder)
    if tape is None:
        tape = Tape.open(_build(sources, folder, seed, trace_format, stack))
        _prune(folder.parent)
    stack.enter_context(tape)
    return tape


def _name(sources: Sequence[Path], seed: int, trace_format: str | None) -> str:
    stats = [(str(path.resolve()), path.stat()) for path in sources]
    facts = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    key = orjson.dumps([VERSION, seed, trace_format, facts])
    return f"TAPE-{hashlib.sha256(key).hexdigest()[:16]}"


def _kept(folder: Path) -> Tape | None:
    try:
        tape = Tape.open(folder)
        folder.touch()
    except (TraceError, OSError):
        return None
    return tape


def _build(
    sources: Sequence[Path], folder: Path, seed: int, trace_format: str | None, stack: ExitStack
) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        build_tape(sources, folder, seed=seed, format=trace_format)
    except OSError:
        # No room or no right there; a run should not fail for want of a cache.
        scratch = make_scratch("esr-tape-", stack)
        folder = scratch / folder.name
        with no_room("the tape", scratch):
            build_tape(sources, folder, seed=seed, format=trace_format)
    return folder


def _prune(tapes: Path) -> None:
    """Remove all but the newest. A run that maps an older one keeps its pages."""
    try:
        kept = sorted(tapes.glob("TAPE-*"), key=lambda path: path.stat().st_mtime_ns)
    except OSError:
        return
    for folder in kept[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
