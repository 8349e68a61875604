"""Lines of JSON as logs write them, which is not always JSON: decoded, and mended where they must.

Pure but for `read_objects`. nginx without `escape=json` writes `\\xHH` into texts, leaves a number
out that there is none of (`"took": ,` or `"took": -`) or writes several (`"took": 0.1, 0.2`), and
with it leaves bytes that are no UTF-8 as they are. All of these are read; what is still no object
after that is a skip.
Read next: `nginx_json.py`, `envoy_json.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from replay.readers.entry import Entry, Sink
from replay.readers.logged import BLANK, read_lines, without_halves
from replay.readers.source import Source
from switchboard.event import EventError

NOT_JSON: Final = "not JSON"
_MENDED_LENGTH: Final = 1 << 20
# A text, read to its end so that nothing in it is taken for what stands between; a number that is
# missing; or several where one should be. A text that nothing closes goes on to the line's end.
_TOKEN: Final = re.compile(
    r'"((?:[^"\\]++|\\.)*+)("|\\?\Z)|(:)[ \t]*+(?:-[ \t]*+)?(?=[,}])'
    r"|:[ \t]*+((?:[\d.]++|-)(?: ?[,:] ?(?:[\d.]++|-))++)(?=[,}])"
    r'|[^":]++|:',
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_JSON_ESCAPES: Final = '"\\/bfnrtu'
_FOUND_HELD: Final = 256

Object = dict[str, Any]


def read_objects(lines: Source, sink: Sink, parse_object: Callable[[Object], Entry]) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_lines(lines, sink, lambda line: parse_object(decode(line)))


def decode(line: bytes) -> Object:
    """The object of a line. Raises EventError with a short reason."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _mended(line)
    if type(value) is not dict:
        raise EventError(NOT_JSON if value is None else "not an object")
    return value


def _mended(line: bytes) -> Any:
    text = line.decode("utf-8", "surrogateescape").strip()
    if not text:
        raise EventError(BLANK)
    if text[0] != "{" or text[-1] != "}" or len(text) > _MENDED_LENGTH:
        raise EventError(NOT_JSON)
    try:
        return json.loads(_TOKEN.sub(_mend, text))
    except (ValueError, RecursionError):
        raise EventError(NOT_JSON) from None


def _mend(token: re.Match[str]) -> str:
    if token[1] is not None:
        return f'"{_ESCAPE.sub(_mend_escape, token[1])}{token[2]}'
    if token[4] is not None:
        return f':"{token[4]}"'
    return token[0] if token[3] is None else f"{token[3]}null"


def _mend_escape(found: re.Match[str]) -> str:
    """`\\xHH` is a byte: of ASCII the character, else a surrogate that stands for it (PEP 383)."""
    if found[1] is not None:
        byte = int(found[1], 16)
        return f"\\u{byte if byte < 128 else 0xDC00 + byte:04x}"
    return found[0] if found[2] in _JSON_ESCAPES else f"\\\\{found[2]}"


class Fields:
    """Finds what is meant in objects whose keys differ from log to log, but not line to line.

    names: what a field may be called, the likeliest first. A name with points in it leads into
    objects inside the object. Without points it is all one how its words are joined and whether
    they are capitalised: `user_agent` is also `userAgent` and `User-Agent`.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names
        self._known: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}

    def of(self, value: Object) -> dict[str, tuple[str, ...]]:
        """For each field that the object may have, the keys that may lead to it."""
        keys = tuple(value)
        known = self._known.get(keys)
        if known is None:
            plain = {_plain(key): key for key in reversed(keys[:_FOUND_HELD])}
            known = {field: _present(names, value, plain) for field, names in self._names.items()}
            known = {field: names for field, names in known.items() if names}
            if len(self._known) >= _FOUND_HELD:
                self._known.clear()
            if len(keys) <= _FOUND_HELD:
                self._known[keys] = known
        return known

    def texts(self, value: Object) -> Texts:
        """The fields of one object as texts."""
        return Texts(value, self.of(value))


class Texts:
    """The fields of one object as texts. keys: what `Fields.of` found of it."""

    __slots__ = ("keys", "value")

    def __init__(self, value: Object, keys: Mapping[str, Sequence[str]]) -> None:
        self.value = value
        self.keys = keys

    def of(self, field: str) -> str | None:
        """The first text or number under the keys that a field may have."""
        value = self.value
        for name in self.keys.get(field, ()):
            text = as_text(value[name] if name in value else look_up(value, name))
            if text is not None:
                return text
        return None


def _present(names: Sequence[str], value: Object, plain: Mapping[str, str]) -> tuple[str, ...]:
    found = (
        name if name in value or name.partition(".")[0] in value else plain.get(_plain(name))
        for name in names
    )
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def look_up(value: Object, name: str) -> Any:
    """The value under a key, or under a path of keys; None where there is none."""
    if name in value:
        return value[name]
    found: Any = value
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def as_text(value: object) -> str | None:
    """A text or number as text; None for `-`, an empty text and everything else."""
    if type(value) is str:
        if value == "" or value == "-":
            return None
        return value if value.isascii() else without_halves(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _digits(value)
    return None


def _digits(value: float) -> str | None:
    if not abs(value) < 1e30:  # also refuses NaN
        return None
    text = str(value)
    return f"{value:.9f}" if "e" in text else text
