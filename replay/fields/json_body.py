"""JSON, with every string and number shown, and all the rest kept byte for byte.

It is never dumped again as a whole: the text is cut into its tokens, and only the tokens that
changed are written anew. So repeated keys, spaces, `1.10` and integers of any size stay as they
were, and none of them is hidden either. `true`, `false` and `null` say nothing and are not shown.
Read next: `nested.py`, which is where most of it comes from.
"""

from __future__ import annotations

import json
import re
from json.decoder import JSONDecoder
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Final, NamedTuple

import orjson

from replay.fields.labels import is_naming, is_valued, read_label
from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step
from replay.fields.siblings import Part, part_of, show_together

MAX_DEPTH: Final = 64
_SPACE: Final = " \t\r\n"
_BOM: Final = "\ufeff"
# Run on nothing but sound JSON, where every quote has its end. It has one group, so that split
# gives gaps and tokens in turn; a key is told by its colon.
_split: Final = re.compile(
    r'("[^"\\]*(?:\\.[^"\\]*)*"(?:[ \t\r\n]*:)?|[{}\[\]]|[^\s\ufeff{}\[\],:"]+)', re.DOTALL
).split
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ODD: Final = re.compile(r"NaN|Infinity|\\u[dD][89a-fA-F]|[0-9]{300}|[eE][+-]?[0-9]{3}")


_loose: Final = JSONDecoder(strict=False).decode


class _Around(NamedTuple):
    """What the reader goes back to at the end of an object or array."""

    here: str
    name: str
    next_index: int
    parts: list[Part]


def map_json(text: str, show: Show, here: str, name: str = "") -> str | None:
    """The JSON text with its leaves replaced, the very one if nothing changed; None if it is none.

    None too where it is nested deeper than 64 levels or holds more than 100,000 values: whoever
    asked then takes it as a mere text.
    """
    if text.count(",") >= MAX_LEAVES or not is_json(text):
        return None
    tokens = _split(text)
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(tokens) > MAX_DEPTH:
        return None
    return "".join(tokens) if _Walk(tokens, show).run(here, name) else text


def is_json(text: str) -> bool:
    """True for a JSON text; also for the numbers and half characters that only some accept."""
    text = text.removeprefix(_BOM)
    try:
        orjson.loads(text)
    except ValueError:  # its own error, or a text that is no UTF-8
        return _ODD.search(text) is not None and _is_odd_json(text)
    return True


def _is_odd_json(text: str) -> bool:
    try:
        # An integer too long to be converted is a number still.
        json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return False
    return True


def _depth(tokens: list[str]) -> int:
    deepest = depth = 0
    for token in tokens[1::2]:
        if token in ("{", "["):
            depth += 1
            deepest = max(depth, deepest)
        elif token in ("}", "]"):
            depth -= 1
    return deepest


class _Walk:
    """One pass over the tokens of a text, which replaces those that change."""

    __slots__ = ("_show", "_tokens", "is_changed")

    def __init__(self, tokens: list[str], show: Show) -> None:
        self._tokens = tokens
        self._show = show
        self.is_changed = False

    def run(self, here: str, name: str) -> bool:
        """True when something changed."""
        tokens = self._tokens
        around: list[_Around] = []
        index, parts = -2, list[Part]()
        label, key_before = "", 0
        path = here
        # index: -1 in an object, -2 at the top, else the number of the next item of an array.
        for at in range(1, len(tokens), 2):
            token = tokens[at]
            first = token[0]
            if first == '"' and token[-1] == ":":
                key = name = self._key(token, at, here)
                path = here + step(key)
                if is_valued(key):
                    name = label if key_before == at - 4 and label else self._label_after(at) or key
                continue
            if first in "}]":
                if len(parts) > 1:
                    self._join(parts, here)
                here, name, index, parts = around.pop()
                continue
            if index >= 0:
                path = f"{here}[{index}]"
                index += 1
            if first in "{[":
                around.append(_Around(here, name, index, parts))
                here, index, parts = path, (-1 if first == "{" else 0), []
            elif first == '"':
                text = token[1:-1] if "\\" not in token else _unescape(token)
                if index == -1 and is_naming(name):
                    label, key_before = read_label(text), at - 2
                self._value(at, path, name, text, parts if index == -1 else None)
            elif first in "-0123456789":
                self._number(at, path, name, token, parts if index == -1 else None)
        return self.is_changed

    def _label_after(self, at: int) -> str:
        """What the next key of the object says of the value after this one."""
        following = self._tokens[at + 4 : at + 7 : 2]
        if len(following) < 2 or not (following[0][-1] == ":" and following[1][0] == '"'):
            return ""
        key, said = following[0][:-1].rstrip(_SPACE)[1:-1], following[1]
        return read_label(_unescape(said)) if said[-1] == '"' and is_naming(key) else ""

    def _key(self, token: str, at: int, here: str) -> str:
        raw = token[:-1].rstrip(_SPACE)
        key = raw[1:-1] if "\\" not in raw else _unescape(raw)
        if looks_like_data(key):
            new = self._show(f"{here}.*~key", "", key)
            if new != key:
                self._replace(at, _quote(new or "", raw) + token[len(raw) :])
        return key

    def _value(self, at: int, path: str, name: str, text: str, parts: list[Part] | None) -> None:
        if not text:
            return
        if parts is not None:
            self._remember(name, text, at, parts)
        new = self._show(path, name, text)
        if new is not text and new != text:
            self._replace(at, "null" if new is None else _quote(new, self._tokens[at]))

    def _number(self, at: int, path: str, name: str, text: str, parts: list[Part] | None) -> None:
        if parts is not None:
            self._remember(name, text, at, parts)
        new = self._show(path, name, text)
        if new != text:
            self._replace(at, _as_number(new))

    def _remember(self, name: str, text: str, at: int, parts: list[Part]) -> None:
        part = part_of(name, text, at)
        if part is not None:
            parts.append(part)

    def _join(self, parts: list[Part], here: str) -> None:
        strings = {part.at for part in parts if self._tokens[part.at][:1] == '"'}
        for at, new in show_together(parts, self._show, here).items():
            written = encode_basestring_ascii(new or "") if at in strings else _as_number(new)
            self._replace(at, "null" if new is None else written)

    def _replace(self, at: int, token: str) -> None:
        self._tokens[at] = token
        self.is_changed = True


def _unescape(token: str) -> str:
    text: str = _loose(token)
    # Half a character cannot be encoded, and whoever looks at the text may want to.
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _quote(text: str, like: str) -> str:
    return encode_basestring_ascii(text) if like.isascii() else encode_basestring(text)


def _as_number(text: str | None) -> str:
    if text is None:
        return "null"
    return text if _NUMBER.fullmatch(text) else encode_basestring_ascii(text)
