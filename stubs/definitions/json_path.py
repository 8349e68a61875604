"""JSONPath (RFC 9535) with a bound on its work: names and indices walk straight, the rest counts.

Floor 1, pure. A path that visits too many nodes finds nothing, and says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import IndexSelector, NameSelector

from stubs.definitions.error import TooCostlyError

MAX_PATH_CHARS: Final = 200
MAX_VISITS: Final = 20_000

Find = Callable[[Any], list[Any]]
"""Takes a JSON value and gives the values that a path leads to."""


class _Visits:
    """How many nodes the running search may still visit."""

    left = 0

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooCostlyError


_VISITS: Final = _Visits()


class _CountedMatch(JSONPathMatch):
    __slots__ = ()

    def __init__(self, **values: Any) -> None:
        _VISITS.count()
        super().__init__(**values)


class _Environment(JSONPathEnvironment):
    match_class = _CountedMatch

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        # They take regular expressions and put no limit to them.
        del self.function_extensions["match"]
        del self.function_extensions["search"]

    def compare(self, left: object, operator: str, right: object) -> bool:
        _VISITS.count()
        return super().compare(left, operator, right)


_ENVIRONMENT: Final = _Environment(strict=True)


def parse_json_path(text: str) -> Find:
    """A search by the path. Raises ValueError that says what is wrong with it."""
    if len(text) > MAX_PATH_CHARS:
        raise ValueError(f"a JSONPath has up to {MAX_PATH_CHARS} characters")
    if not text.startswith("$"):
        raise ValueError("a JSONPath begins with `$`, such as $.citizen or $.items[0].id")
    try:
        path = _ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0][:100]
        raise ValueError(f"this is no JSONPath: {reason}") from error
    if isinstance(path, CompoundJSONPath):
        raise ValueError("this is no JSONPath: write one path, without `|` and `&`")
    steps = _straight_steps(path)
    return _counted(path, text) if steps is None else _straight(steps)


def _straight_steps(path: JSONPath) -> list[str | int] | None:
    """The names and indices of a path that leads to one value at most."""
    steps: list[str | int] = []
    for segment in path.segments:
        selectors = segment.selectors
        if not isinstance(segment, JSONPathChildSegment) or len(selectors) != 1:
            return None
        if isinstance(selectors[0], NameSelector):
            steps.append(selectors[0].name)
        elif isinstance(selectors[0], IndexSelector):
            steps.append(selectors[0].index)
        else:
            return None
    return steps


def _straight(steps: list[str | int]) -> Find:
    # A name leads into objects only, an index into lists only.
    typed: list[tuple[Any, Any]] = [(dict if isinstance(s, str) else list, s) for s in steps]

    def find(value: Any) -> list[Any]:
        for kind, step in typed:
            if type(value) is not kind:
                return []
            try:
                value = value[step]
            except LookupError:
                return []
        return [value]

    return find


def _counted(path: JSONPath, text: str) -> Find:
    said = False

    def find(value: Any) -> list[Any]:
        nonlocal said
        if not isinstance(value, dict | list):
            return []
        _VISITS.left = MAX_VISITS
        try:
            return [match.obj for match in path.finditer(value)]
        except (TooCostlyError, JSONPathError, RecursionError):
            if not said:
                said = True
                message = "the JSONPath %s visited over %d values of a body and counts as missing"
                logging.getLogger(__name__).warning(message, text, MAX_VISITS)
            return []

    return find
