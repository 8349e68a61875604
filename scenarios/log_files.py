"""From a scenario's `log_path` to the files to be read: a file, a folder, a glob, or the lake.

Floor 2. `/lake/...` always lies under the lake folder (`$ESR_LAKE`, by default the bundled one)
and cannot leave it by `..`. An address (`s3://...`) means what lies there, and `-` is standard
input. What cannot be found is a TraceError that says where it was looked for.
Read next: `lake/README.md` for the bundled lake; the readers themselves are in `replay/readers/`.
"""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from replay.readers.files import STDIN, Named, natural_key
from replay.readers.remote import MAX_FILES, find_remote, is_address, parse_address
from switchboard.errors import TraceError

LAKE_PREFIX: Final = "/lake"
STANDARD_INPUT: Final = "-"

# fmt: off
NOT_DATA_SUFFIXES: Final = frozenset({
    ".md", ".rst", ".yml", ".yaml", ".toml", ".py", ".pyc", ".html", ".pdf", ".png", ".svg", ".crc",
    ".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig", ".tmp", ".part", ".swp", ".bak", ".lock",
    ".times",  # of vegeta's targets, read beside them
})
# fmt: on
"""What lies beside the logs of a folder; a file that is named itself is read whatever it is."""
NOT_DATA_STEMS: Final = frozenset({"readme", "license", "changelog", "manifest"})


def bundled_lake() -> Path:
    """The small synthetic lake that ships with the package."""
    return Path(__file__).parent / "lake"


def lake_folder(env: Mapping[str, str], cwd: Path) -> Path:
    """Where `/lake` is: `$ESR_LAKE`, or the bundled one."""
    named = env.get("ESR_LAKE", "")
    return cwd / named if named else bundled_lake()


def resolve_log_path(
    log_path: str, *, scenario_dir: Path | None, lake: Path, cwd: Path | None = None
) -> tuple[Named, ...]:
    """The files to be read, in natural order (`part-9` before `part-10`); never empty.

    scenario_dir: the folder of the scenario's file, where a relative path is looked for second.
    cwd: where it is looked for first (the process's own by default).
    Raises TraceError when nothing is there, or when an address cannot be read.
    """
    if not log_path.strip() or "\0" in log_path:
        raise TraceError("the log path is empty or not a path; name a file, a folder or a glob")
    if log_path == STANDARD_INPUT:
        return (STDIN,)
    if is_address(log_path):
        found = find_remote(parse_address(log_path), is_data)
        return tuple(sorted(found, key=lambda remote: natural_key(remote.address)))
    places = _places(log_path, scenario_dir, lake, cwd or Path())
    for root, name in places:
        files = _files_at(root, name)
        if files is not None:
            return files
    looked = " or ".join(dict.fromkeys(str(root / name) for root, name in places))
    hint = "; $ESR_LAKE names another lake" if is_lake_path(log_path) else ""
    raise TraceError(f"there is no log at {looked}{hint}")


def is_lake_path(log_path: str) -> bool:
    """True for a path that means the lake, wherever the lake is."""
    return log_path == LAKE_PREFIX or log_path.startswith(f"{LAKE_PREFIX}/")


def is_glob(log_path: str) -> bool:
    """True when the text holds one of the wildcards `*`, `?` and `[`."""
    return glob.has_magic(log_path)


def is_data(name: str) -> bool:
    """True for a file of a folder that may be a log: not hidden, and no notes or checksums."""
    if name.startswith((".", "_")) or name.endswith("~"):
        return False
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122 (a bare name, many times)
    return suffix not in NOT_DATA_SUFFIXES and stem not in NOT_DATA_STEMS


def _places(
    log_path: str, scenario_dir: Path | None, lake: Path, cwd: Path
) -> list[tuple[Path, str]]:
    """Where to look, in order, as a folder and what is sought in it."""
    if not is_lake_path(log_path):
        return [(root, log_path) for root in (cwd, scenario_dir) if root is not None]
    # Read as text: a `..` is taken away before any link in the lake is followed.
    inside = posixpath.normpath(log_path)
    if not is_lake_path(inside):
        raise TraceError(f"{log_path} leads out of the lake; name a path that stays below /lake")
    return [(lake, inside.removeprefix(LAKE_PREFIX).lstrip("/"))]


def _files_at(root: Path, name: str) -> tuple[Path, ...] | None:
    """The log files a path or glob means; None when there is nothing at all."""
    path = root / name
    try:
        if path.is_dir():
            return _some(_walk(path), f"the folder {path} holds no log file")
        if path.is_file():
            return (path,)
        if path.exists():
            raise TraceError(f"{path} is not a regular file; pipe the log into - instead")
        return _glob(root, name) if is_glob(name) else None
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error


def _glob(root: Path, pattern: str) -> tuple[Path, ...] | None:
    # Not Path.glob: it refuses absolute patterns, and its `**` differs between Pythons.
    names = glob.iglob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    matched = [root / name for name in islice(names, MAX_FILES + 1)]
    if not matched:
        return None
    nested = (_walk(path) if path.is_dir() else iter([path]) for path in matched)
    files = dict.fromkeys(file for group in nested for file in group if is_data(file.name))
    return _some(files, f"the pattern {root / pattern} matches no log file")


def _walk(folder: Path) -> Iterator[Path]:
    def stop(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        yield from (Path(parent, name) for name in names if is_data(name))


def _some(files: Iterable[Path], otherwise: str) -> tuple[Path, ...]:
    found = list(islice((file for file in files if file.is_file()), MAX_FILES + 1))
    if not found:
        raise TraceError(otherwise)
    if len(found) > MAX_FILES:
        raise TraceError(f"more than {MAX_FILES:,} files lie there; name fewer with a glob")
    return tuple(sorted(found, key=lambda file: natural_key(file.as_posix())))
