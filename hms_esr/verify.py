"""`esr runs verify RUN`: does the interlock hold, and do the files that it vouches for?

Everything in a run folder may have been written by anybody, so nothing of it is believed: files are
opened without waiting, read up to a limit, and what is odd about them becomes a sentence.
Read next: `switchboard/interlock.py`, which judges the document itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hms_esr.commands import Output, here
from hms_esr.exits import PASS
from hms_esr.interlock import BOUND_FILES, INTERLOCK_FILE, mark_of
from hms_esr.plain import to_plain, to_shown
from hms_esr.run_folder import runs_folder
from hms_esr.runs import find_run
from hms_esr.signing import load_verifiers
from switchboard.errors import GuardError
from switchboard.interlock import MAX_BYTES, Verifier, check_document, parse_document

DOES_NOT_HOLD = GuardError.exit_code
SCORECARD = "scorecard.json"
MOST_NAMED = 20
"""Faults that are listed; a hostile folder may have a million."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What is to be said of an interlock. `document` is empty when it could not be read."""

    name: str
    document: Mapping[str, Any] = field(repr=False)
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults

    @property
    def sentence(self) -> str:
        """One line for a person, once it holds."""
        told, key = self.document, self.document["signature"]
        return (
            f"{self.name} holds: {told['connections_to_production']} connections to production, "
            f"{told['attempts_refused']:,} attempts refused; "
            f"signed with {key['algorithm']}, key {key['key_id']}"
        )

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        known = self.document if self.holds else {}
        return {
            "run_id": to_plain(self.name),
            "holds": self.holds,
            "faults": list(self.faults),
            "connections_to_production": known.get("connections_to_production"),
            "attempts_refused": known.get("attempts_refused"),
            "signature": known.get("signature"),
        }


def verify_command(run: str, json_file: str | None) -> int:
    """Check a run, or an interlock file by its path: 0 when it holds, else 97 and why.

    Raises UnknownRunError when there is no such run, SigningError when a key is no good.
    """
    out = Output(json_file)
    cwd = here()
    verified = verify(run, cwd, load_verifiers(os.environ, cwd))
    voice = out.console
    if verified.holds:
        voice.print(verified.sentence, markup=False, highlight=False, soft_wrap=True)
    else:
        heading = f"{verified.name} does not hold:"
        voice.print(heading, markup=False, highlight=False, soft_wrap=True)
        for fault in verified.faults:
            voice.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
    out.write(verified.to_json())
    out.check_heard()
    return PASS if verified.holds else DOES_NOT_HOLD


def verify(run: str, cwd: Path, verifiers: Sequence[Verifier]) -> Verified:
    """What is to be said of a run's interlock, or of a file's. Raises UnknownRunError."""
    path = Path(run)
    if path.suffix == ".json" and (cwd / path).exists():
        return _verify_file(to_shown(run), cwd / path, verifiers)
    folder = find_run(runs_folder(os.environ, cwd), run)
    return verify_run(folder, verifiers)


def verify_run(folder: Path, verifiers: Sequence[Verifier]) -> Verified:
    """What is to be said of the run in a folder."""
    name = to_shown(to_plain(folder.name))
    judged = _verify_file(name, folder / INTERLOCK_FILE, verifiers)
    if not judged.document:
        return judged
    faults = [*judged.faults, *_check_run(folder, judged.document)]
    return Verified(name, judged.document, _listed(faults))


def _verify_file(name: str, path: Path, verifiers: Sequence[Verifier]) -> Verified:
    try:
        document = parse_document(_read(path))
    except FileNotFoundError:
        return Verified(name, {}, (f"there is no {path.name}: nothing vouches for it",))
    except OSError as error:
        return Verified(name, {}, (f"{path.name} cannot be read: {error.strerror or error}",))
    except ValueError as error:
        return Verified(name, {}, (f"{path.name} is no interlock: {error}",))
    faults = check_document(document, verifiers)
    if not verifiers:
        faults.append(
            "there is no key to check it with: set ESR_INTERLOCK_KEY or ESR_INTERLOCK_ED25519, "
            "or keep interlock.key of the machine that signed it"
        )
    return Verified(name, document, _listed(faults))


def _listed(faults: Sequence[str]) -> tuple[str, ...]:
    more = len(faults) - MOST_NAMED
    return (*faults[:MOST_NAMED], *([f"and {more:,} more"] if more > 0 else ()))


def _check_run(folder: Path, document: Mapping[str, Any]) -> Iterator[str]:
    """Is it this run's interlock, and are these the files that it vouches for?"""
    if document.get("run_id") != folder.name:
        yield f"it is the interlock of another run, {_shown(document.get('run_id'))}"
    files = document.get("files")
    if not isinstance(files, dict):
        yield "it does not say which files it vouches for"
        return
    if not files:
        yield "it was signed before the run was over, and vouches for none of its files"
        return
    yield from _check_files(folder, files)
    yield from _check_scorecard(folder, document)


def _check_files(folder: Path, files: Mapping[str, Any]) -> Iterator[str]:
    for name, mark in files.items():
        if Path(name).name != name or not any(Path(name).match(each) for each in BOUND_FILES):
            yield f"it vouches for {_shown(name)}, which is no file of a run"
            continue
        yield from _check_file(folder / name, mark)
    there = {path.name for pattern in BOUND_FILES for path in folder.glob(pattern)}
    for name in sorted(there - files.keys()):
        yield f"{_shown(name)} was added after it was signed"


def _check_file(path: Path, mark: object) -> Iterator[str]:
    size = mark.get("bytes") if isinstance(mark, dict) else None
    try:
        if not path.is_file():  # a pipe or a device would never end
            yield f"{_shown(path.name)} is gone"
        elif path.stat().st_size != size or mark_of(path) != mark:
            yield f"{_shown(path.name)} was changed after it was signed"
    except OSError as error:
        yield f"{_shown(path.name)} cannot be read: {error.strerror or error}"


def _check_scorecard(folder: Path, document: Mapping[str, Any]) -> Iterator[str]:
    """The figure that people read is the one that was signed."""
    try:
        card = parse_document(_read(folder / SCORECARD))
    except (OSError, ValueError):
        return  # its digest has told of that already
    signed = {
        "connections": document.get("connections_to_production"),
        "refused": document.get("attempts_refused"),
    }
    if card.get("production") != signed:
        yield f"{SCORECARD} says something else of production than the interlock"


def _read(path: Path) -> bytes:
    """A file, up to one byte more than is believed. Raises OSError; never waits for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        return file.read(MAX_BYTES + 1)


def _shown(value: object) -> str:
    return ascii(str(value)[:80])[1:-1]
