"""What an anonymiser does with each field: a person's rules, and what holds where there are none.

A rule is a pattern of fields and an action; of two rules that fit, the later one counts. Where no
rule fits the built-in policy decides, and that is safe: `built_in.py`.
Read next: `policy_reader.py`, which reads a policy someone wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Final

from replay.fields.leaf import Leaf

KEEP: Final = "keep"
PSEUDONYM: Final = "pseudonym"
GENERALISE: Final = "generalise"
DROP: Final = "drop"
FREE_TEXT: Final = "free_text"
ACTIONS: Final = (KEEP, PSEUDONYM, GENERALISE, DROP, FREE_TEXT)
PLACES: Final = ("url", "query", "header", "cookie", "body", "user", "session", "kind", "extra")
"""What a pattern may begin with, after an `answer.` perhaps."""
GENERAL_KINDS: Final = ("zip", "birth_date", "number")
"""Kinds that can be made less exact."""
_ANSWER: Final = "answer."
_HELD: Final = 8_192
_GLOBS: Final = {"..": r"(?:.*[.|\]])?(?:\$\.)?", "*": r"[^.\[|]*"}


@dataclass(frozen=True, slots=True)
class Rule:
    """An action for the fields that a pattern fits. kind: "" lets the name of a field decide."""

    pattern: str
    action: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules on top of the built-in policy."""

    name: str = "built_in"
    rules: tuple[Rule, ...] = ()

    @property
    def digest(self) -> str:
        """Tells policies apart by what they say."""
        said = json.dumps([[rule.pattern, rule.action, rule.kind] for rule in self.rules])
        return hashlib.sha256(said.encode()).hexdigest()[:12]


BUILT_IN: Final = Policy()


@dataclass(slots=True)
class Rules:
    """The rules of a policy, ready to be asked."""

    policy: Policy
    _fits: tuple[tuple[Rule, _Fit], ...] = ()
    _known: dict[tuple[str, str], Rule | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fits = tuple((rule, _Fit(rule.pattern)) for rule in reversed(self.policy.rules))

    def __bool__(self) -> bool:
        return bool(self._fits)

    def find(self, leaf: Leaf) -> Rule | None:
        """The last rule that fits."""
        key = (leaf.path, leaf.name)
        if key in self._known:
            return self._known[key]
        found = next((rule for rule, fit in self._fits if fit.is_of(leaf)), None)
        if len(self._known) >= _HELD:
            self._known.clear()
        self._known[key] = found
        return found


class _Fit:
    """A pattern, compiled."""

    def __init__(self, pattern: str) -> None:
        self._is_answer = pattern.startswith(_ANSWER)
        place, _, rest = pattern.removeprefix(_ANSWER).partition(".")
        self._place = place
        self._kind = rest if place == "kind" else ""
        self._name = ""
        self._path: re.Pattern[str] | None = None
        if place == "query":
            self._path = _glob(rest, r"(?:url|.*\|url)\.query\.")
        elif pattern.removeprefix(_ANSWER).startswith("url.path."):
            self._name = rest.removeprefix("path.")
            self._path = re.compile(r"url\.path\[")
        elif place != "kind":
            self._path = _glob(pattern.removeprefix(_ANSWER), "")

    def is_of(self, leaf: Leaf) -> bool:
        path = leaf.path
        if path.startswith(_ANSWER):
            path = path[len(_ANSWER) :]
        elif self._is_answer:
            return False
        if self._kind:
            # Here, since whoever only reads a policy asks for no kinds.
            from replay.pseudonyms.telling import kinds_of_name

            return self._kind in kinds_of_name(leaf.name)
        if self._path is None or self._path.match(path) is None:
            return False
        return not self._name or _matches(self._name, leaf.name)


def _glob(pattern: str, before: str) -> re.Pattern[str]:
    """`*` is any part of a step, `..` any steps between; what lies inside a field is of it."""
    parts = [
        _GLOBS.get(part) or re.escape(part) for part in re.split(r"(\.\.|\*)", pattern) if part
    ]
    return re.compile(before + "".join(parts) + r"(?![^.\[|;~])", re.IGNORECASE)


def _matches(glob: str, name: str) -> bool:
    return re.fullmatch(re.escape(glob).replace(r"\*", ".*"), name, re.IGNORECASE) is not None
