"""Finding and reading environment files: `--target staging` is `environments/staging.yml`.

Floor 2: this is where a file and YAML meet the pure parser of `switchboard/environment.py`.
Looked for in `./environments`, then in `$ESR_ENVIRONMENTS` (several folders as in `$PATH`).
The format is described in `docs/environments.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from scenarios.plain_files import read_plain
from scenarios.yaml_lines import load_yaml
from switchboard.environment import Environment, parse_environment
from switchboard.errors import Fault, RuleError, ScenarioError
from switchboard.headers import is_label

SUFFIXES: Final = (".yml", ".yaml")
MAX_BYTES: Final = 1_000_000


def environment_folders(variables: Mapping[str, str], here: Path) -> tuple[Path, ...]:
    """Where environment files are looked for, in order.

    variables: the process's environment variables.   here: the working directory.
    """
    listed = variables.get("ESR_ENVIRONMENTS", "").split(os.pathsep)
    return (here / "environments", *(here / folder for folder in listed if folder))


def environment_names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The names of all environment files, the first folder first, each once."""
    return tuple(dict.fromkeys(path.stem for path in _files(folders)))


def load_environment(name: str, folders: Sequence[Path]) -> Environment:
    """The environment of this name. Raises RuleError when there is none or it has faults."""
    for path in _files(folders):
        if path.stem == name:
            return read_environment(path)
    raise RuleError(_unknown(name, folders))


def read_environment(path: Path) -> Environment:
    """The environment in a file. Raises RuleError with every fault in it."""
    source = _shown(path)
    try:
        value, line_of = load_yaml(_read_text(path, source), source)
    except RuleError:
        raise
    except ScenarioError as error:
        raise RuleError(error.message, error.faults) from None
    environment = parse_environment(value, source=source, line_of=line_of)
    if environment.name != path.stem:
        message = f"must be {path.stem}, like the file, or be left out"
        raise RuleError(source, [Fault("name", line_of("name"), message)])
    return environment


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
        except OSError:
            continue  # a folder that is not there holds no environments
        yield from (path for path in found if path.is_file())


def _read_text(path: Path, source: str) -> str:
    try:
        data = read_plain(path, MAX_BYTES + 1)
    except OSError as error:
        raise RuleError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise RuleError(f"{source} is larger than {MAX_BYTES:,} bytes; it is no environment file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RuleError(f"{source} is not UTF-8 text") from None


def _unknown(name: str, folders: Sequence[Path]) -> str:
    if not is_label(name):
        return f"{name[:80]!a} is not the name of an environment: write one such as staging"
    names = environment_names(folders)
    near = get_close_matches(name, names, 3)
    where = " or ".join(_shown(folder) for folder in folders)
    if near:
        return f"there is no environment {name}; did you mean {' or '.join(near)}?"
    if names:
        return f"there is no environment {name} in {where}; there are {', '.join(names)}"
    return f"there is no environment {name}: write {name}.yml in {where}"


def _shown(path: Path) -> str:
    """The path as a person would type it: relative where it lies below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
