"""Finding, reading and watching the rules file of a switchboard: `switchboard.yml`.

Floor 2: this is where a file and YAML meet the pure parser of `switchboard/rules_reader.py`, and
where `environment: NAME` is looked up for it. An edit that is not sound changes nothing: the rules
that were in force stay, and the complaint is told once. The format is in `docs/switchboard.md`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scenarios.environments import (
    SUFFIXES,
    environment_folders,
    load_environment,
    read_environment,
)
from scenarios.plain_files import read_plain
from scenarios.yaml_lines import LineOf, load_yaml
from switchboard.environment import Environment
from switchboard.errors import Fault, RuleError, ScenarioError
from switchboard.headers import is_label
from switchboard.rules import Rules
from switchboard.rules_reader import parse_rules

DEFAULT_NAME: Final = "switchboard.yml"
MAX_BYTES: Final = 1_000_000
MODE_SUFFIX: Final = ".mode"

_Stamp = tuple[int, int, int]
"""Time, size and inode."""


def find_rules(option: str | None, variables: Mapping[str, str], here: Path) -> Path:
    """The rules file: `--rules`, else `$ESR_RULES`, else `./switchboard.yml`.

    Raises RuleError when nothing names one; whether it can be read shows when it is read.
    """
    named = option or variables.get("ESR_RULES")
    if named:
        return here / named
    if (here / DEFAULT_NAME).is_file():
        return here / DEFAULT_NAME
    raise RuleError(
        f"there is no rules file: name one with --rules FILE or $ESR_RULES, or write {DEFAULT_NAME}"
    )


def mode_file_of(rules_file: Path) -> Path:
    """Where the mode is kept beside the rules: `switchboard.mode` for `switchboard.yml`."""
    return rules_file.with_suffix(MODE_SUFFIX)


def read_rules(path: Path, folders: Sequence[Path] | None = None) -> Rules:
    """The rules in a file. Raises RuleError with every fault in it.

    folders: where `environment: NAME` is looked for; by default `environments` beside the file,
    then as for every environment.
    """
    return _read(path, _folders(path) if folders is None else folders).rules


@dataclass(frozen=True, slots=True)
class _Reading:
    """Rules, and the files that they came from."""

    rules: Rules
    files: tuple[Path, ...]


class RulesWatch:
    """The rules of a file that may be edited while they are in force.

    `rules` are those in force; `complaint` is what is wrong with the file as it is now, or None.
    """

    def __init__(
        self,
        path: Path,
        *,
        report: Callable[[str], None],
        folders: Sequence[Path] | None = None,
    ) -> None:
        """Read the file. Raises RuleError with every fault in it.

        report: is told one sentence, once for each unsound edit and once when that is mended;
        `complaint` is up to date when it is called.
        """
        self.path = path
        self.complaint: str | None = None
        self._report = report
        self._folders = _folders(path) if folders is None else tuple(folders)
        reading = _read(path, self._folders)
        self.rules = reading.rules
        self._files = reading.files
        # Nothing is remembered of the files yet, so the first check reads them once more: an edit
        # between two looks is never taken for what was read.
        self._stamps: tuple[_Stamp | None, ...] = ()
        self._seen: tuple[bytes | None, ...] = ()

    def check(self) -> Rules | None:
        """The new rules when the file was edited and is sound; None when nothing is to be done."""
        # What is wrong may be mended in another file than those we know of, so look every time.
        if self.complaint is None and not self._is_edited():
            return None
        try:
            reading = _read(self.path, self._folders)
        except RuleError as error:
            complaint = f"{error}\nThe rules that were read before stay in force."
            is_new, self.complaint = complaint != self.complaint, complaint
            if is_new:
                self._report(complaint)
            return None
        was_complaining, self.complaint = self.complaint is not None, None
        if was_complaining:
            self._report(f"{reading.rules.source} is sound again")
        if reading.files != self._files:
            self._files, self._stamps = reading.files, ()
        if reading.rules == self.rules:
            return None
        self.rules = reading.rules
        return reading.rules

    def _is_edited(self) -> bool:
        stamps = _stamps(self._files)  # before reading, so that no later edit is missed
        if stamps == self._stamps:
            return False
        contents = _contents(self._files)
        is_edited = contents != self._seen
        self._stamps, self._seen = stamps, contents
        return is_edited


def read_lines(path: Path) -> LineOf:
    """Where a path like `deny.hosts[0]` stands in a rules file; nowhere if it cannot be read."""
    return _peek(path)[1]


def read_value(path: Path) -> object:
    """What stands in a YAML file, unjudged; None if it cannot be read."""
    return _peek(path)[0]


def _peek(path: Path) -> tuple[object, LineOf]:
    source = _shown(path)
    try:
        return load_yaml(_read_text(path, source), source)
    except ScenarioError:
        return None, lambda _: None


def _folders(path: Path) -> tuple[Path, ...]:
    return (path.parent / "environments", *environment_folders(os.environ, Path.cwd()))


def _read(path: Path, folders: Sequence[Path]) -> _Reading:
    source = _shown(path)
    try:
        value, line_of = load_yaml(_read_text(path, source), source)
    except RuleError:
        raise
    except ScenarioError as error:
        raise RuleError(error.message, error.faults) from None
    files = [path]
    environment = None
    if isinstance(value, Mapping) and isinstance(name := value.get("environment"), str):
        environment, file = _read_environment(name, folders, source, line_of)
        files.append(file)
    rules = parse_rules(value, source=source, line_of=line_of, environment=environment)
    return _Reading(rules, tuple(files))


def _read_environment(
    name: str, folders: Sequence[Path], source: str, line_of: LineOf
) -> tuple[Environment, Path]:
    for folder in dict.fromkeys(folders):
        for suffix in SUFFIXES:
            file = folder / f"{name}{suffix}"
            if is_label(name) and file.is_file():
                return read_environment(file), file
    try:
        return load_environment(name, folders), folders[0] / name
    except RuleError as error:
        fault = Fault("environment", line_of("environment"), error.message)
        raise RuleError(source, [fault]) from None


def _read_text(path: Path, source: str) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RuleError(f"{source} is no plain file; name the file that holds the rules")
        data = read_plain(path, MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not the name of a file"
        raise RuleError(f"{source} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise RuleError(f"{source} is larger than {MAX_BYTES:,} bytes; it is no rules file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleError(source, [Fault("", line, "this is not UTF-8 text")]) from None


def _stamps(files: Sequence[Path]) -> tuple[_Stamp | None, ...]:
    """What changes when a file does: cheap enough to be asked several times a second."""
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _contents(files: Sequence[Path]) -> tuple[bytes | None, ...]:
    """A digest of each file; None where it cannot be read, which is a change as well."""
    return tuple(map(_content, files))


def _content(file: Path) -> bytes | None:
    try:
        return hashlib.sha256(read_plain(file, MAX_BYTES + 1)).digest()
    except OSError:
        return None


def _shown(path: Path) -> str:
    """The path as a person would type it: relative where it lies below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
