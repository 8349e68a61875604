"""A fault as it is typed: `down ach for=3m at=now`, `ACH_DOWN at=15m`, JSON, or a file.

Read next: `chaos_command.py`; docs/faults.md lists the kinds and their parameters.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hms_esr.exits import UsageError
from scenarios.plain_files import read_plain
from scenarios.yaml_lines import MAX_CHARS, load_yaml
from stubs.admin.fault_calls import read_injected
from stubs.admin.messages import CallError
from stubs.faults.kinds import FAULT_KINDS
from switchboard.errors import ScenarioError
from switchboard.fault_reader import LineOf, nearest, shown

SUFFIXES: Final = (".yml", ".yaml", ".json")
HOW: Final = "write it like: down ach for=3m at=now"

_ACTION: Final = re.compile(r"[A-Z][A-Z0-9_-]*_[A-Z]+")
_SETTING: Final = re.compile(r"([a-z_]{1,40})=(.*)", re.DOTALL)
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_OF_TARGET: Final = ("service", "route", "method", "tenant")


def read_faults(words: Sequence[str], extra: Mapping[str, str]) -> list[object]:
    """Faults to inject, each as a mapping or text that the gateway reads.

    extra: what options say of every one of them, such as `for`. Raises UsageError or ScenarioError
    with everything that is wrong, and where.
    """
    raw, source, line_of = _read(words)
    is_wrapped = isinstance(raw, Mapping) and "chaos" in raw
    if isinstance(raw, Mapping) and is_wrapped:  # a scenario has more than its faults
        raw = raw["chaos"]
    made = [_with(each, extra) for each in (raw if isinstance(raw, list) else [raw])]
    whole = made if isinstance(raw, list) else made[0]
    try:
        read_injected({"chaos": whole} if is_wrapped else whole, 0.0, line_of=line_of)
    except CallError as error:
        if not error.faults:
            raise UsageError(f"{source}: {error}") from error
        raise ScenarioError(f"{source} cannot be injected", error.faults) from error
    return made


def parse_words(words: Sequence[str]) -> dict[str, Any] | str:
    """The fault of some words. Raises UsageError."""
    first, *rest = words
    if first == "kill_pod":
        return " ".join(words)
    if first in FAULT_KINDS:
        fault: dict[str, Any] = {"kind": first}
    elif _ACTION.fullmatch(first):
        fault = {"action": first}
    else:
        hint = nearest(first[:80], FAULT_KINDS)
        raise UsageError(f"{shown(first)} is no kind of fault and no file; {hint}")
    places = [word for word in rest if not _SETTING.fullmatch(word)]
    target: dict[str, Any] = _parse_place(places) if places else {}
    for name, value in (_setting(word) for word in rest if word not in places):
        holder = target if name in _OF_TARGET else fault
        if name in holder:
            raise UsageError(f"{name} is written twice; write it once")
        holder[name] = value if name in _OF_TARGET else _value(value)
    if target:
        fault["target"] = target
    return fault


def _read(words: Sequence[str]) -> tuple[object, str, LineOf]:
    """What was written, where, and on which lines."""
    if not words or not "".join(words).strip():
        raise UsageError(f"name a fault; {HOW}")
    text = words[0].strip()
    if len(words) == 1 and text[:1] in ("{", "["):
        return _json(text), "the fault", _no_line
    if len(words) == 1 and Path(text).suffix.lower() in SUFFIXES:
        path = Path(text)
        if path.suffix.lower() == ".json":
            return _json(_text(path), str(path)), str(path), _no_line
        return _yaml(path)
    if len(words) == 1:
        words = _split(text)
    return parse_words(words), "the fault", _no_line


def _yaml(path: Path) -> tuple[object, str, LineOf]:
    value, line_of = load_yaml(_text(path), str(path))
    return value, str(path), line_of


def _text(path: Path) -> str:
    try:
        return read_plain(path, 4 * MAX_CHARS).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}") from error


def _json(text: str, source: str = "the fault") -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source} is no JSON: {error}") from error


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the fault cannot be read: {error}; {HOW}") from error


def _parse_place(places: Sequence[str]) -> dict[str, Any]:
    """`ach`, `ach /payments/*`, `ach POST /payments`."""
    service, *route = places
    is_path = route and route[-1].startswith("/")
    is_route = len(route) <= 2 and (len(route) < 2 or _METHOD.fullmatch(route[0]))
    if service.startswith("/") or (route and not (is_path and is_route)):
        said = shown(" ".join(places))
        raise UsageError(f"{said} is not understood: a service, then maybe a route; {HOW}")
    return {"service": service, **({"route": " ".join(route)} if route else {})}


def _setting(word: str) -> tuple[str, str]:
    found = _SETTING.fullmatch(word)
    if found is None:
        raise AssertionError("only settings come here")
    return found[1], found[2]


def _value(text: str) -> Any:
    """A number, a mapping or true and false as such, anything else as text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is None else value


def _with(fault: object, extra: Mapping[str, str]) -> object:
    """The fault with what options say. Raises UsageError where it says so itself."""
    if not extra:
        return fault
    if isinstance(fault, str):
        found = re.fullmatch(r"kill_pod\s+(\S+)", fault.strip())
        if found is None:
            raise UsageError(f"options do not go with {shown(fault)}; write it as a mapping")
        fault = {"kill_pod": found[1]}
    if not isinstance(fault, Mapping):
        return fault
    for name in extra:
        if name in fault:
            raise UsageError(f"--{name} and {name} of the fault are both given; give one")
    return {**fault, **extra}


def _no_line(path: str) -> int | None:
    return None
