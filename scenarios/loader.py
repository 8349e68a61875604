"""From what a person typed to a Scenario: an id, a scenario file, or straight a log.

Floor 2. Ids are looked for in `./scenarios`, then the folders of `$ESR_SCENARIOS`, then among the
bundled ones; the first folder that has the id wins, and two files of one folder that share an id
are a fault that names both. The working directory and the environment variables are arguments.
Read next: `spec.py` for what is in a file, `log_files.py` for what its `log_path` means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from replay.readers.remote import is_address, show_address
from scenarios.log_files import STANDARD_INPUT, is_glob, is_lake_path
from scenarios.log_files import bundled_lake as bundled_lake
from scenarios.log_files import lake_folder as lake_folder
from scenarios.log_files import resolve_log_path as resolve_log_path
from scenarios.one_liners import spell_out
from scenarios.spec import Scenario, parse_scenario
from scenarios.yaml_lines import load_yaml
from switchboard.errors import Fault, ScenarioError

BUNDLED: Final = Path(__file__).parent
SUFFIXES: Final = (".yml", ".yaml")
MAX_BYTES: Final = 1_000_000

_PACKED: Final = re.compile(r"\.(?:gz|zst|bz2|xz|ndjson|jsonl|json|log|txt|har|gor)$")
_NOT_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A file that says it is a scenario; whether it is a sound one shows when it is read."""

    id: str
    path: Path


def find_scenario(name_or_path: str, *, cwd: Path, env: Mapping[str, str]) -> Scenario:
    """The scenario of an id, of a .yml file, or of defaults for a log file, folder or glob.

    Raises ScenarioError: with the nearest ids and where it looked when there is none, and with
    every fault of a file that is not sound.
    """
    name = name_or_path.strip()
    if not name:
        raise ScenarioError("no scenario is named; write an id, a .yml file or a log")
    if not name.isprintable():
        raise ScenarioError(f"{name[:80]!a} is not plain text; write an id, a .yml file or a log")
    if not _looks_like_path(name):
        found = _find_id(name, scenario_folders(cwd, env), cwd)
        if found is not None:
            return read_scenario(found, _shown(found, cwd))
    if name == STANDARD_INPUT or is_address(name):
        return scenario_for_log(name)
    path = cwd / name
    if name.endswith(SUFFIXES) and not path.is_dir():
        return read_scenario(path, name)
    if is_lake_path(name) or is_glob(name) or _exists(path):
        return scenario_for_log(name)
    raise ScenarioError(_unknown(name, cwd, env))


def read_scenario(path: Path, source: str | None = None) -> Scenario:
    """The scenario in a file, which errors call `source`. Raises ScenarioError with every fault."""
    source = source or str(path)
    value, line_of = load_yaml(spell_out(_read_text(path, source)), source)
    return parse_scenario(value, source, line_of, file=path)


def scenario_for_log(log_path: str) -> Scenario:
    """A scenario of defaults that plays a log as it was recorded; its id comes from the name."""
    # An id is shown and kept, and an address may hold a password.
    shown = show_address(log_path) if is_address(log_path) else log_path
    names = [name for name in shown.split("/") if name and not is_glob(name)]
    stem = names[-1] if names else ""
    while _PACKED.search(stem):
        stem = _PACKED.sub("", stem)
    slug = _NOT_ID.sub("-", stem).strip("-_")[:64]
    return parse_scenario({"id": slug or "log", "log_path": log_path}, "the log")


def scenario_folders(cwd: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Where scenario files are looked for, in order, each folder once."""
    listed = [name for name in env.get("ESR_SCENARIOS", "").split(os.pathsep) if name]
    folders = (*(cwd / name for name in ("scenarios", *listed)), BUNDLED)
    return tuple(dict.fromkeys(folder.absolute() for folder in folders))


def list_scenarios(*, cwd: Path, env: Mapping[str, str]) -> tuple[ScenarioFile, ...]:
    """Every scenario that an id can reach, in order of ids; a folder hides those after it."""
    reached: dict[str, ScenarioFile] = {}
    for folder in scenario_folders(cwd, env):
        for found in scenario_files(folder):
            reached.setdefault(found.id, found)
    return tuple(reached[name] for name in sorted(reached))


def scenario_files(folder: Path) -> tuple[ScenarioFile, ...]:
    """The scenario files of one folder, in order of names.

    A mapping with `id` or `log_path` is one. Without a usable id it goes by the file's name, and
    so does a file that cannot be read at all, so that asking for it says what is wrong.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    except OSError:
        return ()  # a folder that is not there holds no scenarios
    ids = ((path, _peek_id(path)) for path in paths if path.is_file())
    return tuple(ScenarioFile(name, path) for path, name in ids if name is not None)


def _find_id(name: str, folders: Sequence[Path], cwd: Path) -> Path | None:
    for folder in folders:
        found = [file.path for file in scenario_files(folder) if file.id == name]
        if len(found) > 1:
            both = " and ".join(_shown(path, cwd) for path in found)
            raise ScenarioError(f"the id {name} is given twice, in {both}; rename one of them")
        if found:
            return found[0]
    return None


def _peek_id(path: Path) -> str | None:
    try:
        value, _ = load_yaml(spell_out(_read_text(path, path.name)), path.name)
    except ScenarioError:
        return path.stem
    if not isinstance(value, Mapping) or value.keys().isdisjoint({"id", "log_path"}):
        return None
    written = value.get("id")
    return written if isinstance(written, str) else path.stem


def _read_text(path: Path, source: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ScenarioError(f"{source} is larger than {MAX_BYTES:,} bytes; it is no scenario")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault("", line, "this is not UTF-8 text")
        raise ScenarioError(f"{source} cannot be read", [fault]) from None


def _looks_like_path(name: str) -> bool:
    return "/" in name or name.endswith(SUFFIXES)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for the file system is the name of nothing
        return False


def _unknown(name: str, cwd: Path, env: Mapping[str, str]) -> str:
    ids = [found.id for found in list_scenarios(cwd=cwd, env=env)]
    near = get_close_matches(name.lower(), ids, 3, 0.5)
    folders = ", ".join(_shown(folder, cwd) for folder in scenario_folders(cwd, env))
    if near:
        hint = f"did you mean {_or(near)}?"
    else:
        hint = f"there are {', '.join(ids[:12])}" if ids else "there is none at all"
    what = "file" if _looks_like_path(name) else "scenario and no file"
    return f"there is no {what} {name[:200]}; {hint} (scenarios are looked for in {folders})"


def _or(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(path: Path, cwd: Path) -> str:
    """The path as a person would type it: relative where it lies below the working directory."""
    here = cwd.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
