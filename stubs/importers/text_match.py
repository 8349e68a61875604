"""What a text must be like, as the operators of a definition say it.

Floor 1, pure. Every condition is also a regular expression for the whole text, so that "all of
these", "one of these" and "not this" can be said of any of them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stubs.importers.report import NotTakenError
from stubs.importers.yaml_text import is_text
from switchboard.fault_reader import shown

MAX_PATTERN: Final = 1_000

_FLAGS: Final = re.compile(r"\(\?([a-zA-Z]+)\)")
_BACK_REFERENCE: Final = re.compile(r"\\[1-9]|\(\?P[=<]|\(\?<[A-Za-z]|\\k|\(\?\(")


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A condition. pattern: matches the whole text; operators: how a definition says the same."""

    pattern: str
    operators: Mapping[str, Any]

    @property
    def short(self) -> Any:
        """The operators, or only the text that it must equal."""
        equal = self.operators.get("equals")
        return equal if isinstance(equal, str) and len(self.operators) == 1 else self.operators


def equals(text: str, *, ignore_case: bool = False) -> TextMatch:
    if ignore_case and text.lower() != text.upper():
        return whole(f"(?i:{re.escape(_checked(text))})")
    return TextMatch(re.escape(_checked(text)), {"equals": text})


def contains(text: str, *, ignore_case: bool = False) -> TextMatch:
    inner = re.escape(_checked(text))
    if ignore_case and text.lower() != text.upper():
        return whole(f"(?s:.*)(?i:{inner})(?s:.*)")
    return TextMatch(f"(?s:.*){inner}(?s:.*)", {"contains": text})


def starts_with(text: str, *, ignore_case: bool = False) -> TextMatch:
    flag = "i" if ignore_case else ""
    return whole(f"(?{flag}:{re.escape(_checked(text))})(?s:.*)")


def ends_with(text: str, *, ignore_case: bool = False) -> TextMatch:
    flag = "i" if ignore_case else ""
    return whole(f"(?s:.*)(?{flag}:{re.escape(_checked(text))})")


def whole(pattern: str) -> TextMatch:
    """A pattern of ours, or a checked one, for the whole text."""
    if len(pattern) > 2 * MAX_PATTERN:
        raise NotTakenError("a pattern is too long")
    return TextMatch(pattern, {"matches": pattern})


def full_match(pattern: str) -> TextMatch:
    """A pattern of somebody's, which must match the whole text."""
    return whole(check_pattern(pattern))


def found_in(pattern: str, *, ignore_case: bool = False) -> TextMatch:
    """A pattern of somebody's, which must match somewhere in the text."""
    inner = check_pattern(pattern)
    return whole(f"(?s:.*)(?{'i' if ignore_case else ''}:{inner})(?s:.*)")


def glob(pattern: str) -> TextMatch:
    """`*` is anything."""
    if "*" not in pattern:
        return equals(pattern)
    return whole("(?s:.*)".join(map(re.escape, _checked(pattern).split("*"))))


def anything() -> TextMatch:
    """There, whatever it says."""
    return TextMatch("(?s:.*)", {"absent": False})


def negate(match: TextMatch) -> TextMatch:
    """There, and not so."""
    return whole(rf"(?!(?:{_alone(match)})\Z)(?s:.*)")


def all_of(matches: Sequence[TextMatch]) -> TextMatch:
    """Every one of them."""
    if len(matches) == 1:
        return matches[0]
    merged: dict[str, Any] = {}
    for match in matches:
        merged.update(match.operators)
    if len(merged) == sum(len(match.operators) for match in matches):
        return TextMatch(_ahead(matches), merged)
    return whole(_ahead(matches))


def any_of(matches: Sequence[TextMatch]) -> TextMatch:
    """At least one of them."""
    if len(matches) == 1:
        return matches[0]
    texts = [match.operators.get("equals") for match in matches]
    pattern = "|".join(f"(?:{_alone(match)})" for match in matches)
    if all(isinstance(text, str) for text in texts):
        return TextMatch(pattern, {"any_of": texts})
    return whole(pattern)


def check_pattern(pattern: str) -> str:
    """A regular expression that means the same inside another one. Raises NotTakenError."""
    if len(pattern) > MAX_PATTERN:
        raise NotTakenError(f"a pattern is longer than {MAX_PATTERN:,} characters")
    flags = _FLAGS.match(pattern)
    if flags is not None:
        letters = "".join(letter for letter in "imsx" if letter in flags[1])
        if set(flags[1]) - set(letters):
            raise NotTakenError(f"the flags of the pattern {shown(pattern)} are not known here")
        pattern = f"(?{letters}:{pattern[flags.end() :]})"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(_checked(pattern))
    except (re.error, OverflowError, RecursionError):
        raise NotTakenError(f"the pattern {shown(pattern)} is not read here") from None
    return pattern


def _ahead(matches: Sequence[TextMatch]) -> str:
    return "".join(rf"(?=(?:{_alone(match)})\Z)" for match in matches) + "(?s:.*)"


def _alone(match: TextMatch) -> str:
    """Its pattern, when it can be put beside others."""
    if _BACK_REFERENCE.search(match.pattern):
        raise NotTakenError("a pattern that refers back cannot be put beside others")
    return match.pattern


def _checked(text: str) -> str:
    if len(text) > MAX_PATTERN or not is_text(text):
        raise NotTakenError("a text to compare with is too long, or no text")
    return text
