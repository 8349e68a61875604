"""JSONPath (RFC 9535) with a bound on its work.

Names and indices walk straight to their value. Everything else (wildcards, slices, `..`, filters)
is held to forms that visit each value a few times at most, and to bodies of a bounded number of
values: in a larger one it finds nothing, and says so once. Floor 1, pure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import prod
from typing import Any, Final

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import BaseExpression, FilterQuery
from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector

MAX_PATH_CHARS: Final = 200
MAX_VALUES: Final = 10_000
"""In a body that a path with wildcards is looked for in."""
MAX_SELECTORS: Final = 8
"""What the numbers of selectors in brackets may multiply to."""

Find = Callable[[Any], list[Any]]
"""Takes a JSON value and gives the values that a path leads to."""


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        # They take regular expressions and put no limit to them.
        del self.function_extensions["match"]
        del self.function_extensions["search"]


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
    if steps is not None:
        return _straight(steps)
    _refuse_costly(path)
    return _bounded(path, text)


def _refuse_costly(path: JSONPath) -> None:
    """Raises ValueError for a path that could visit a value very often."""
    kinds = [isinstance(segment, JSONPathRecursiveDescentSegment) for segment in path.segments]
    if sum(kinds) > 1:
        raise ValueError("a JSONPath may have `..` once, or it would visit everything again")
    if prod(len(segment.selectors) for segment in path.segments) > MAX_SELECTORS:
        raise ValueError(f"the selectors of a JSONPath multiply to {MAX_SELECTORS} at most")
    for segment in path.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                _refuse_costly_filter(selector.expression)


def _refuse_costly_filter(expression: BaseExpression) -> None:
    if isinstance(expression, FilterQuery) and _straight_steps(expression.path) is None:
        raise ValueError("a filter of a JSONPath looks at single values only, such as @.name")
    for child in expression.children():
        if isinstance(child, BaseExpression):
            _refuse_costly_filter(child)


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


def _bounded(path: JSONPath, text: str) -> Find:
    said = False

    def find(value: Any) -> list[Any]:
        nonlocal said
        if not isinstance(value, dict | list):
            return []
        if _has_more(value, MAX_VALUES):
            if not said:  # once each: the log must not grow with the run
                said = True
                message = "a body has over %d values, so the JSONPath %s counts as missing in it"
                logging.getLogger(__name__).warning(message, MAX_VALUES, text)
            return []
        try:
            return [match.obj for match in path.finditer(value)]
        except (JSONPathError, RecursionError):  # nested deeper than it walks
            return []

    return find


def _has_more(value: Any, limit: int) -> bool:
    """Whether a JSON value holds more than so many values."""
    left = [value]
    while left:
        each = left.pop()
        limit -= len(each)
        if limit < 0:
            return True
        below = each.values() if isinstance(each, dict) else each
        left.extend(item for item in below if isinstance(item, dict | list))
    return False
