"""From what a person typed to a Drill: a file, or the id of one in `drills/` or of a bundled one.

Floor 2. The working directory is looked through first, then the bundled drills; two files of one
folder that share an id are a fault that names both. Read next: `drill.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from scenarios.drill import Drill, parse_drill
from scenarios.plain_files import read_plain
from scenarios.yaml_lines import load_yaml
from switchboard.errors import Fault, ScenarioError

BUNDLED_DRILLS: Final = Path(__file__).parent / "drills"
SUFFIXES: Final = (".yml", ".yaml")
MAX_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class DrillFile:
    """A file that says it is a drill; whether it is a sound one shows when it is read."""

    id: str
    title: str
    path: Path


def find_drill(name: str, *, cwd: Path) -> Drill:
    """The drill of an id or of a file. Raises ScenarioError, with the nearest ids for no drill."""
    name = name.strip()
    if not name or not name.isprintable():
        raise ScenarioError("no drill is named; write an id such as ach_outage, or a .yml file")
    if "/" in name or name.endswith(SUFFIXES):
        return read_drill(cwd / name, name)
    for folder in drill_folders(cwd):
        found = [file.path for file in drill_files(folder) if file.id == name]
        if len(found) > 1:
            both = " and ".join(_shown(path, cwd) for path in found)
            raise ScenarioError(f"the drill {name} is given twice, in {both}; rename one of them")
        if found:
            return read_drill(found[0], _shown(found[0], cwd))
    raise ScenarioError(_unknown(name, cwd))


def read_drill(path: Path, source: str) -> Drill:
    """The drill in a file, which errors call `source`. Raises ScenarioError with every fault."""
    value, line_of = load_yaml(_read_text(path, source), source)
    return parse_drill(value, source, line_of, file=path)


def list_drills(cwd: Path) -> tuple[DrillFile, ...]:
    """Every drill that an id can reach, in order of ids; one's own hide the bundled ones."""
    reached: dict[str, DrillFile] = {}
    for folder in drill_folders(cwd):
        for found in drill_files(folder):
            reached.setdefault(found.id, found)
    return tuple(reached[name] for name in sorted(reached))


def drill_folders(cwd: Path) -> tuple[Path, ...]:
    """Where drills are looked for, in order."""
    return tuple(dict.fromkeys(((cwd / "drills").absolute(), BUNDLED_DRILLS)))


def drill_files(folder: Path) -> tuple[DrillFile, ...]:
    """The drills of one folder, in order of names.

    A file without a usable id goes by its name, so that asking for it says what is wrong.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    except OSError:
        return ()  # a folder that is not there holds no drills
    found = (_peek(path) for path in paths if path.is_file())
    return tuple(file for file in found if file is not None)


def _peek(path: Path) -> DrillFile | None:
    """None for a scenario, which may well lie beside its drill."""
    try:
        value, _ = load_yaml(_read_text(path, path.name), path.name)
    except ScenarioError:
        value = None
    written = value if isinstance(value, Mapping) else {}
    if "log_path" in written and "hypothesis" not in written:
        return None
    name, title = written.get("id"), written.get("title")
    return DrillFile(
        name if isinstance(name, str) else path.stem, title if isinstance(title, str) else "", path
    )


def _read_text(path: Path, source: str) -> str:
    try:
        data = read_plain(path, MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ScenarioError(f"{source} is larger than {MAX_BYTES:,} bytes; it is no drill")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault("", line, "this is not UTF-8 text")
        raise ScenarioError(f"{source} cannot be read", [fault]) from None


def _unknown(name: str, cwd: Path) -> str:
    ids = [found.id for found in list_drills(cwd)]
    near = get_close_matches(name.lower(), ids, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(ids)}"
    folders = ", ".join(_shown(folder, cwd) for folder in drill_folders(cwd))
    return f"there is no drill {name[:200]}; {hint} (drills are looked for in {folders})"


def _shown(path: Path, cwd: Path) -> str:
    """The path as a person would type it: relative where it lies below the working directory."""
    here = cwd.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
