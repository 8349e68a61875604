"""Plain values as YAML in block style, and whether the definitions' reader would take them.

Floor 1, pure. Every text that could be read as anything else is quoted, so what is written is
read back as the same value; `tests/stubs/importers/test_yaml_text.py` holds it against the reader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

MAX_KEY_CHARS: Final = 200
MAX_DEPTH: Final = 30
MAX_NUMBER_CHARS: Final = 40

_PLAIN: Final = re.compile(r"[A-Za-z_/$][A-Za-z0-9_/.$-]*(?: [A-Za-z0-9_/.$-]+)*")
_NEVER: Final = re.compile("[\0\ud800-\udfff]")
_TAKEN: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
)  # fmt: skip
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_FLOW_WIDTH: Final = 80

Scalar = str | int | float | bool | None


def dump_yaml(value: Mapping[str, object]) -> str:
    """The mapping as a YAML document."""
    return "".join(f"{line}\n" for line in _mapping_lines(value, "")) or "{}\n"


def count_values(value: object) -> int:
    """How many values the reader counts in it."""
    if isinstance(value, Mapping):
        return 1 + sum(map(count_values, value.values()))
    if isinstance(value, list | tuple):
        return 1 + sum(map(count_values, value))
    return 1


def is_writable(value: object, depth: int = MAX_DEPTH) -> bool:
    """True when the value is plain, and small and shallow enough to be read back."""
    if depth < 0:
        return False
    if isinstance(value, Mapping):
        return all(map(_is_key, value)) and all(
            is_writable(each, depth - 1) for each in value.values()
        )
    if isinstance(value, list | tuple):
        return all(is_writable(each, depth - 1) for each in value)
    if isinstance(value, str):
        return is_text(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, bool) or value is None:
        return True
    return isinstance(value, int) and abs(value) < 10 ** (MAX_NUMBER_CHARS - 2)


def is_text(text: str) -> bool:
    """True when YAML can hold the text."""
    return _NEVER.search(text) is None


def _is_key(key: object) -> bool:
    return isinstance(key, str) and key.isprintable() and len(key) <= MAX_KEY_CHARS


def _lines(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping_lines(value, indent)
    elif isinstance(value, list | tuple):
        yield from _list_lines(value, indent)


def _mapping_lines(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, each in value.items():
        inline = _inline(each)
        if inline is not None:
            yield f"{indent}{_text(key)}: {inline}"
        else:
            yield f"{indent}{_text(key)}:"
            yield from _lines(each, indent + "  ")


def _list_lines(value: Sequence[object], indent: str) -> Iterator[str]:
    for each in value:
        inline = _inline(each)
        if inline is not None:
            yield f"{indent}- {inline}"
            continue
        below = _lines(each, indent + "  ")
        yield f"{indent}- {next(below)[len(indent) + 2 :]}"
        yield from below


def _inline(value: object) -> str | None:
    """What fits behind a key or a dash: a scalar, what is empty, a short list of scalars."""
    if isinstance(value, Mapping):
        return None if value else "{}"
    if isinstance(value, list | tuple):
        if not all(isinstance(each, Scalar) for each in value):
            return None
        flow = f"[{', '.join(_scalar(each) for each in value)}]"
        return flow if len(flow) <= _FLOW_WIDTH else None
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return _text(value) if isinstance(value, str) else str(value)


def _float(value: float) -> str:
    mantissa, e, exponent = repr(value).partition("e")
    # YAML 1.1 reads `1e+22` as text.
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{e}{exponent}"


def _text(text: str) -> str:
    if len(text) <= _FLOW_WIDTH and _PLAIN.fullmatch(text) and text.lower() not in _TAKEN:
        return text
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _SHORT.get(char) or f"\\u{ord(char):04x}"
