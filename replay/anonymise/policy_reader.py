"""A policy as someone writes it, read with every fault and its line.

```yaml
name: claims
extends: built_in
header.x-request-id: keep
body.$..ssn: {do: pseudonym, kind: ssn}
query.q: free_text
url.path.citizens: pseudonym
```
Read next: `policy.py`; docs/anonymise.md has every key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from replay.anonymise.policy import (
    ACTIONS,
    BUILT_IN,
    GENERAL_KINDS,
    GENERALISE,
    PLACES,
    PSEUDONYM,
    Policy,
    Rule,
)
from replay.pseudonyms.kinds import PSEUDONYM_KINDS
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, nearest, shown

MAX_RULES: Final = 500
MAX_PATTERN: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_.$*\[\]~|;\"@/-]+")
_BARE: Final = frozenset({"user", "session"})


def parse_policy(value: object, source: str, line_of: LineOf, path: str = "") -> Policy:
    """The policy in a decoded mapping; `path` is where in the file it stands.

    Raises ScenarioError with every fault found; `source` names the file in it.
    """
    reader = FaultReader(line_of)
    policy = read_policy(value, reader, path)
    if reader.faults:
        raise ScenarioError(f"{source} is not a policy", reader.faults)
    return policy


def read_policy(value: object, reader: FaultReader, path: str) -> Policy:
    """The same inside a larger file, whose faults are collected together."""
    if value is None or value is True or value == BUILT_IN.name:
        return BUILT_IN
    if not isinstance(value, Mapping):
        reader.fault(path, f"must be a mapping of fields and what is done, not {kind_of(value)}")
        return BUILT_IN
    name = BUILT_IN.name if set(value) <= {"extends"} else "own"
    rules: list[Rule] = []
    for key, said in value.items():
        at = join(path, str(key))
        if key == "name":
            name = reader.checked(at, said, _parse_name) or name
        elif key == "extends":
            reader.checked(at, said, _parse_base)
        else:
            rule = _read_rule(str(key), said, reader, at)
            rules += [] if rule is None else [rule]
    if len(rules) > MAX_RULES:
        reader.fault(path, f"has {len(rules)} rules, and at most {MAX_RULES} are read")
    return Policy(name, tuple(rules))


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} is no name; use up to 64 letters, digits, dots and dashes")
    return text


def _parse_base(text: str) -> str:
    if text != BUILT_IN.name:
        raise ValueError(f"{shown(text)} is no policy to extend; there is {BUILT_IN.name}")
    return text


def _read_rule(pattern: str, said: object, reader: FaultReader, at: str) -> Rule | None:
    problem = _problem_of(pattern)
    if problem:
        reader.fault(at, problem)
        return None
    if isinstance(said, Mapping):
        raw = reader.mapping(said, at, ("do", "kind"))
        action = reader.checked(join(at, "do"), raw.get("do", PSEUDONYM), str)
        kind = reader.text(raw, at, "kind", "")
        if action is None:
            return None
        return _checked(Rule(pattern, action, kind), reader, join(at, "do"), join(at, "kind"))
    action = reader.checked(at, said, str)
    return None if action is None else _checked(Rule(pattern, action), reader, at, at)


def _checked(rule: Rule, reader: FaultReader, at: str, kind_at: str) -> Rule | None:
    known = GENERAL_KINDS if rule.action == GENERALISE else PSEUDONYM_KINDS
    if rule.action not in ACTIONS:
        reader.fault(at, f"{shown(rule.action)} is nothing to do; {nearest(rule.action, ACTIONS)}")
    elif rule.kind and rule.action not in (PSEUDONYM, GENERALISE):
        reader.fault(kind_at, f"{rule.action} takes no kind; leave it out")
    elif rule.kind and rule.kind not in known:
        hint = nearest(rule.kind, known)
        reader.fault(kind_at, f"{shown(rule.kind)} is no kind to {rule.action}; {hint}")
    else:
        return rule
    return None


def _problem_of(pattern: str) -> str:
    """What is wrong with a pattern of fields; "" when nothing is."""
    bare = pattern.removeprefix("answer.")
    place, dot, rest = bare.partition(".")
    place = place.partition("[")[0]
    if len(pattern) > MAX_PATTERN or not _PATTERN.fullmatch(pattern):
        return f"{shown(pattern)} is no pattern of fields; write one such as header.x-request-id"
    if pattern.count("..") > 1:
        return f"{shown(pattern)} has more than one `..`, which stands for any steps between"
    if place not in PLACES:
        return f"{shown(place)} is no place of a field; {nearest(place, (*PLACES, 'answer'))}"
    if place in _BARE:
        return f"{place} has nothing inside; write {place} alone" if dot else ""
    if not rest:
        return f"says nothing of which {place}; write {place}.* for all of them"
    if place == "kind" and rest not in PSEUDONYM_KINDS:
        return f"{shown(rest)} is no kind; {nearest(rest, PSEUDONYM_KINDS)}"
    return ""
