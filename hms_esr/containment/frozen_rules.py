"""The rules of one contained run, copied to where the command cannot edit them.

The command runs as the same user, so it could write a route of its own into `switchboard.yml`, and
doors take edits while they run. They are given a copy, with the environments and the files that it
names, in a folder that is hidden inside the jail. Read next: `../contain.py`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath

from hms_esr.containment.plan import ContainError
from scenarios.environments import SUFFIXES, environment_folders
from scenarios.rules_files import read_rules
from scenarios.yaml_lines import load_yaml
from switchboard.errors import EsrError
from switchboard.rules import LIVE, Rules


class FrozenRulesError(EsrError):
    """The rules cannot be copied as they are."""


def freeze_rules(
    file: Path, variables: Mapping[str, str], here: Path, to: Path
) -> tuple[Path, Rules]:
    """Copy a rules file and what belongs to it into the folder `to`: the copy, and its rules.

    Raises RuleError with every fault, ContainError when the rules are for live traffic.
    """
    rules = read_rules(file)  # so that faults name the user's own file
    to.mkdir()
    copy = to / file.name
    shutil.copyfile(file, copy)
    folders = (file.parent / "environments", *environment_folders(variables, here))
    _copy_environments(folders, to / "environments")
    for name in files_named(rules):
        _copy_beside(file.parent, name, to, rules.source)
    frozen = read_rules(copy)  # what holds, also if the file was edited just now
    if frozen.mode == LIVE:
        raise ContainError(
            f"{rules.source} says mode: live, and nothing that is contained goes live: "
            "use a file that says mode: sandbox"
        )
    if frozen.canaries is not None:
        _leave_canaries_to_the_jail(copy)
    return copy, frozen


def files_named(rules: Rules) -> tuple[str, ...]:
    """The files that rules point to, each once."""
    ends = [end for route in rules.routes for end in (route.to, route.live) if end is not None]
    authorities = [end.ca_file for end in ends if end.ca_file is not None]
    return tuple(dict.fromkeys([*rules.secret_files, *authorities]))


def _leave_canaries_to_the_jail(copy: Path) -> None:
    """Take `interlock` out of the doors' copy.

    Doors are outside, where production may well be in reach; whether the command can get there is
    asked inside. JSON is YAML.
    """
    value, _ = load_yaml(copy.read_text(encoding="utf-8-sig"), str(copy))
    assert isinstance(value, Mapping)  # it was read as rules just now
    kept = {key: each for key, each in value.items() if key != "interlock"}
    copy.write_text(json.dumps(kept), encoding="ascii")


def _copy_environments(folders: tuple[Path, ...], to: Path) -> None:
    to.mkdir()
    for folder in folders:
        for file in sorted(folder.glob("*")) if folder.is_dir() else ():
            # The first folder that has a name keeps it, as when they are looked up.
            if file.suffix in SUFFIXES and file.is_file() and not (to / file.name).exists():
                shutil.copyfile(file, to / file.name)


def _copy_beside(folder: Path, name: str, to: Path, source: str) -> None:
    path = PurePath(name)
    if path.is_absolute() or not (folder / path).is_file():
        return  # the doors say what they miss
    if ".." in path.parts:
        raise FrozenRulesError(
            f"{source} names the file {name}: here it must lie beside the rules or below, or be "
            "written as a whole path"
        )
    (to / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / path, to / path)
