"""What `| name` may do in a template: a short table of bounded, pure functions.

None of them reads a file, a clock or chance, and what each makes is charged to the answer's work
before it is made. Floor 1, pure. docs/service-definitions.md lists them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from jinja2 import Undefined

from stubs.definitions.work import Work

MAX_DIGITS: Final = 12

Filter = Callable[..., Any]
"""Takes the work, the value and what the template gives in parentheses."""


def text_from(value: Any) -> str:
    """A value as it stands in a text: JSON's spelling, nothing for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value).decode()
    return str(value)


def _upper(work: Work, value: Any) -> str:
    return text_from(value).upper()


def _lower(work: Work, value: Any) -> str:
    return text_from(value).lower()


def _title(work: Work, value: Any) -> str:
    return text_from(value).title()


def _capitalize(work: Work, value: Any) -> str:
    return text_from(value).capitalize()


def _trim(work: Work, value: Any) -> str:
    return text_from(value).strip()


def _string(work: Work, value: Any) -> str:
    return text_from(value)


def _replace(work: Work, value: Any, old: str, new: str) -> str:
    text, old, new = text_from(value), text_from(old), text_from(new)
    if not old:
        raise ValueError("replace needs a text to look for")
    work.spend_chars(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _truncate(work: Work, value: Any, length: int = 200) -> str:
    return text_from(value)[: max(int(length), 0)]


def _urlencode(work: Work, value: Any) -> str:
    text = text_from(value)
    work.spend_chars(3 * len(text))
    return quote(text, safe="", errors="replace")


def _tojson(work: Work, value: Any) -> str:
    text = orjson.dumps(value).decode()
    work.spend_chars(len(text))
    return text


def _length(work: Work, value: Any) -> int:
    return len(value)


def _default(work: Work, value: Any, other: Any = "", empty: bool = False) -> Any:
    return other if isinstance(value, Undefined) or (empty and not value) else value


def _int(work: Work, value: Any, other: Any = 0) -> Any:
    try:
        return int(value) if not isinstance(value, str) else int(float(value[:40]))
    except (ValueError, TypeError, OverflowError):
        return other


def _float(work: Work, value: Any, other: Any = 0.0) -> Any:
    try:
        number = float(value[:40] if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        return other
    return number if math.isfinite(number) else other


def _round(work: Work, value: Any, digits: int = 0) -> int | float:
    if not 0 <= digits <= MAX_DIGITS:
        raise ValueError(f"round takes 0 to {MAX_DIGITS} digits")
    return round(float(value), digits) if digits else round(float(value))


def _abs(work: Work, value: Any) -> Any:
    return abs(value)


def _list(work: Work, value: Any) -> list[Any]:
    return list(value)


def _first(work: Work, value: Any) -> Any:
    return next(iter(value), None)


def _last(work: Work, value: Any) -> Any:
    return next(reversed(value), None)


def _reverse(work: Work, value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(reversed(value))


def _sort(work: Work, value: Any, reverse: bool = False) -> list[Any]:
    return sorted(value, reverse=bool(reverse))


def _unique(work: Work, value: Any) -> list[Any]:
    kept: dict[bytes, Any] = {}
    for each in value:
        kept.setdefault(orjson.dumps(each, option=orjson.OPT_SORT_KEYS), each)
    return list(kept.values())


def _min(work: Work, value: Any) -> Any:
    return min(value, default=None)


def _max(work: Work, value: Any) -> Any:
    return max(value, default=None)


def _sum(work: Work, value: Any) -> int | float:
    total: int | float = 0
    for each in value:
        if isinstance(each, bool) or not isinstance(each, int | float):
            raise TypeError("sum adds numbers")
        total += each
    return total


def _join(work: Work, value: Any, between: str = "") -> str:
    texts = [text_from(each) for each in value]
    work.spend_chars(sum(map(len, texts)) + len(texts) * len(between))
    return between.join(texts)


def _map(work: Work, value: Any, key: Any) -> list[Any]:
    """The same field of each mapping of a list."""
    return [each.get(key) if isinstance(each, Mapping) else None for each in value]


def _where(work: Work, value: Any, key: Any, wanted: Any) -> list[Any]:
    """The mappings of a list that have this value under the key."""
    return [each for each in value if isinstance(each, Mapping) and each.get(key) == wanted]


FILTERS: Final[Mapping[str, Filter]] = {
    "abs": _abs,
    "capitalize": _capitalize,
    "default": _default,
    "first": _first,
    "float": _float,
    "int": _int,
    "join": _join,
    "last": _last,
    "length": _length,
    "list": _list,
    "lower": _lower,
    "map": _map,
    "max": _max,
    "min": _min,
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "sort": _sort,
    "string": _string,
    "sum": _sum,
    "title": _title,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    "unique": _unique,
    "upper": _upper,
    "urlencode": _urlencode,
    "where": _where,
}


def _is_defined(value: Any) -> bool:
    return not isinstance(value, Undefined)


TESTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "boolean": lambda value: isinstance(value, bool),
    "defined": _is_defined,
    "even": lambda value: value % 2 == 0,
    "list": lambda value: isinstance(value, Sequence) and not isinstance(value, str),
    "mapping": lambda value: isinstance(value, Mapping),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "odd": lambda value: value % 2 == 1,
    "string": lambda value: isinstance(value, str),
    "undefined": lambda value: isinstance(value, Undefined),
}
