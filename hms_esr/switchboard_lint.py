"""Linting what a switchboard is told: a rules file, or an environment and what stands on it.

Floor 3: what the pure parsers find, and what only this machine can know (a variable that is not
set, a file that is not there, a stub that nobody bundled), which is a note and no fault: a file
is often checked on another machine than the one that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hms_esr.bundled import bundled_services
from hms_esr.exits import UsageError
from scenarios.environments import (
    SUFFIXES,
    environment_folders,
    environment_names,
    read_environment,
)
from scenarios.rules_files import DEFAULT_NAME, find_rules, read_lines, read_rules, read_value
from switchboard.environment import Environment
from switchboard.errors import Fault, GuardError, RuleError
from switchboard.guard import check_declared
from switchboard.rules import Rules


@dataclass(frozen=True, slots=True)
class Lint:
    """What is to be said of one file."""

    source: str
    kind: str
    """`rules` or `environment`."""
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...] = ()
    summary: str = ""
    """What is in a sound file, in one line."""

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "kind": self.kind,
            "sound": not self.faults,
            "faults": [_fault_json(fault) for fault in self.faults],
            "notes": [_fault_json(note) for note in self.notes],
        }


def lint(target: str | None, variables: Mapping[str, str], here: Path) -> list[Lint]:
    """What is to be said of a file, or of an environment with the rules that stand on it.

    target: a file, the name of an environment, or None for the rules file that would be used.
    Raises UsageError when there is no such thing.
    """
    if target is None:
        return [lint_rules(find_rules(None, variables, here), variables)]
    path = here / target
    if path.is_file() or path.suffix in SUFFIXES or "/" in target:
        is_environment = path.parent.name == "environments" or _is_environment(path)
        return [
            lint_environment(path) if is_environment else lint_rules(path, variables),
        ]
    folders = environment_folders(variables, here)
    for folder in folders:
        for file in (folder / f"{target}{suffix}" for suffix in SUFFIXES):
            if file.is_file():
                return [lint_environment(file), *_standing_on(target, variables, here)]
    names = environment_names(folders)
    near = get_close_matches(target, names, 1)
    hint = f"did you mean {near[0]}?" if near else "name a file, or a file of ./environments"
    raise UsageError(f"{target[:80]!a} is neither a file nor an environment; {hint}")


def lint_rules(path: Path, variables: Mapping[str, str]) -> Lint:
    """What is to be said of a rules file."""
    try:
        rules = read_rules(path)
    except RuleError as error:
        return Lint(_named(path), "rules", _faults_of(error))
    line_of = read_lines(path)
    notes = [
        Fault(at, line_of(at), message) for at, message in _missing_here(rules, path, variables)
    ]
    return Lint(rules.source, "rules", (), (*rules.notes, *notes), _summary(rules))


def lint_environment(path: Path) -> Lint:
    """What is to be said of an environment file."""
    try:
        environment = read_environment(path)
    except RuleError as error:
        return Lint(_named(path), "environment", _faults_of(error))
    faults: list[Fault] = []
    try:
        check_declared(environment)
    except GuardError as error:
        faults.append(Fault("upstreams", None, " ".join(str(error).split())))
    count = len(environment.upstreams)
    return Lint(
        environment.source,
        "environment",
        tuple(faults),
        tuple(_not_for_rules(environment)),
        f"{count} upstream{'s' * (count != 1)}",
    )


def _standing_on(name: str, variables: Mapping[str, str], here: Path) -> Iterator[Lint]:
    """The rules files in use that are layered on the environment."""
    listed = [here / DEFAULT_NAME]
    if variables.get("ESR_RULES"):
        listed.append(here / variables["ESR_RULES"])
    for path in dict.fromkeys(listed):
        if path.is_file() and _value_of(path, "environment") == name:
            yield lint_rules(path, variables)


def _missing_here(
    rules: Rules, path: Path, variables: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    forwarded = {end.name for end in rules.destinations}
    for at, each in enumerate(rules.injections):
        where = f"credentials.inject[{at}]"
        if each.upstream not in forwarded:
            yield where, f"is never used: {each.upstream} is only a live upstream, left untouched"
        if each.from_env and not variables.get(each.from_env):
            yield where, f"the variable {each.from_env} is not set here"
        if each.from_file and not (path.parent / each.from_file).is_file():
            yield where, f"there is no file {each.from_file} here"
    bundled = [service.name for service in bundled_services()]
    for route in rules.routes:
        if route.stub is not None and route.stub not in bundled:
            yield (
                f"{route.rule}.stub",
                f"no stub is called {route.stub}; {_or(bundled)} are bundled",
            )
        for key, end in (("to", route.to), ("live", route.live)):
            if end is not None and end.ca_file and not (path.parent / end.ca_file).is_file():
                yield f"{route.rule}.{key}.ca_file", f"there is no file {end.ca_file} here"


def _not_for_rules(environment: Environment) -> Iterator[Fault]:
    for at, upstream in enumerate(environment.upstreams):
        if upstream.address is None:
            message = f"{upstream.host} is a name: a switchboard dials addresses only"
            yield Fault(f"upstreams[{at}].base_url", None, message)


def _summary(rules: Rules) -> str:
    counts = (
        (len(rules.routes), "route"),
        (len(rules.destinations), "destination"),
        (len(rules.deny_hosts), "denied host pattern"),
        (len(rules.deny_networks), "denied network"),
    )
    return ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts)


def _is_environment(path: Path) -> bool:
    """An environment has upstreams of its own, and rules have not."""
    return any(_value_of(path, key) is not None for key in ("base_url", "upstreams"))


def _value_of(path: Path, key: str) -> object:
    value = read_value(path)
    return value.get(key) if isinstance(value, Mapping) else None


def _faults_of(error: RuleError) -> tuple[Fault, ...]:
    return error.faults or (Fault("", None, error.message),)


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {"path": fault.path, "line": fault.line, "message": fault.message}


def _named(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _or(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
