"""Tapes are compiled once and kept: the same unchanged log plays again without being read again.

A kept tape is named by its sources (path, size, time of change), the seed, what was done to every
event, and the tape's version. The newest few are kept, so the folder stays small. A log that the
leak gate refuses leaves nothing.
"""

from __future__ import annotations

import glob
import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from hms_esr.leak_words import refuse
from hms_esr.plain import hide_secrets, to_shown
from hms_esr.progress import show_progress
from hms_esr.scratch import make_scratch, no_room
from hms_esr.trace_reading import HowToRead, Sources
from replay.building.compile import build_tape
from replay.gate.findings import Findings
from replay.readers.files import STDIN, identity
from replay.tape import ANONYMISER, VERSION, Tape, TapeInfo
from scenarios.log_files import STANDARD_INPUT
from switchboard.errors import LeakError, TraceError

KEPT = 8
FORGOTTEN_S = 86_400.0
"""A tape that was still being built so long ago belongs to a process that was killed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a tape. way_out: what a person can do where the leak gate refuses."""

    sources: Sources
    how: HowToRead
    seed: int
    way_out: str


def open_tape(recipe: Recipe, home: Path, stack: ExitStack) -> Tape:
    """The tape of a recipe, kept or new; closed with `stack`.

    Raises TraceError, LeakError, ScratchError when there is no room for a new one, or OSError.
    """
    name = _name(recipe)
    folder = home / "tapes" / (name or "TAPE-once")
    tape = _kept(folder) if name else None
    if tape is None:
        tape = Tape.open(_build(recipe, folder if name else None, stack))
        _prune(home / "tapes")
    stack.enter_context(tape)
    return tape


def build_at(folder: Path, recipe: Recipe) -> TapeInfo:
    """Compile a tape at `folder`. Raises TraceError, LeakError with the way out, or OSError."""
    _forget_killed(folder.parent, glob.escape(folder.name))
    findings, how = Findings(), recipe.how
    anonymise = how.treatment.anonymise
    try:
        with show_progress("compiling") as on_progress:
            return build_tape(
                recipe.sources.files,
                folder,
                seed=recipe.seed,
                format=how.format,
                were_found=recipe.sources.were_found,
                on_progress=on_progress,
                chain=how.treatment.build,
                findings=findings,
                allowed=how.treatment.allowed,
                workers=how.workers,
                in_order=how.treatment.in_order,
                anonymiser=ANONYMISER if anonymise is None else anonymise.describe(),
            )
    except LeakError:
        what = f"{_listed(recipe.sources.named)} is not made into a tape"
        raise refuse(findings, what, recipe.way_out) from None


def _listed(named: Sequence[str]) -> str:
    first = STDIN.shown if named[0] == STANDARD_INPUT else to_shown(hide_secrets(named[0]))
    return first if len(named) == 1 else f"{first} and {len(named) - 1} more"


def _name(recipe: Recipe) -> str | None:
    """None where a source has nothing to know it again by."""
    marks = [identity(source) for source in recipe.sources.files]
    if any(mark is None for mark in marks):
        return None
    sources = recipe.sources
    key = orjson.dumps(
        [VERSION, recipe.seed, recipe.how.identity, sources.were_found, marks],
        option=orjson.OPT_SORT_KEYS,
    )
    return f"TAPE-{hashlib.sha256(key).hexdigest()[:16]}"


def _build(recipe: Recipe, folder: Path | None, stack: ExitStack) -> Path:
    if folder is not None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            build_at(folder, recipe)
            return folder
        except OSError:
            """No room or no right there; a run should not fail for want of a cache."""
    scratch = make_scratch("esr-tape-", stack)
    with no_room("the tape", scratch):
        build_at(scratch / "tape", recipe)
    return scratch / "tape"


def _kept(folder: Path) -> Tape | None:
    try:
        tape = Tape.open(folder)
        folder.touch()
    except (TraceError, OSError):
        return None
    return tape


def _prune(tapes: Path) -> None:
    """Remove all but the newest. A run that maps an older one keeps its pages."""
    try:
        kept = sorted(tapes.glob("TAPE-*"), key=_changed_s)
    except OSError:
        return
    for folder in kept[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
    _forget_killed(tapes, "TAPE-*")


def _forget_killed(parent: Path, pattern: str) -> None:
    """Remove what builders of such tapes left behind that were killed."""
    now_s = time.time()
    for building in parent.glob(f".{pattern}.*.building"):
        with suppress(OSError):
            if now_s - _changed_s(building) > FORGOTTEN_S:
                shutil.rmtree(building, ignore_errors=True)


def _changed_s(path: Path) -> float:
    return path.stat().st_mtime
