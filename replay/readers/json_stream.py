"""Reading through JSON text of any length: values are cut out whole or passed over, memory flat.

A byte scanner and no parser: strings and brackets are all it knows, so what it cuts out is for
orjson to judge, and a value that is wrong inside costs only itself. No byte is looked at more than
a few times, however deep the nesting or long the strings.
Read next: `har.py` and `json_array.py`, which walk with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import orjson

from switchboard.event import EventError

NOT_JSON: Final = "not JSON"
TOO_MANY_VALUES: Final = "JSON of too many values"
MAX_KEY: Final = 1_024
MAX_VALUES: Final = 1_000_000
"""What a long text may hold: decoded, a value of two bytes takes sixty and more."""
_LONG: Final = 8 * 1024 * 1024
SPACES: Final = b" \t\r\n"

# Every repeat is possessive: there is nothing to go back to, so no input can make it slow.
_REST: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
"""The inside of a string, up to its end or to a backslash that the block ends in."""


def _build_skipper(opened: bytes, closed: bytes) -> re.Pattern[bytes]:
    """Everything up to a bracket that counts: whole strings, and whole pairs with none inside."""
    plain = rb'[^"\%b\%b]*+' % (opened, closed)
    text = rb'"' + _REST + rb'"'
    flat = plain + rb"(?:" + text + plain + rb")*+"
    pair = rb"\%b" % opened + flat + rb"\%b" % closed
    return re.compile(plain + rb"(?:(?:" + text + rb"|" + pair + rb")" + plain + rb")*+", re.DOTALL)


_SKIPPERS: Final = {b"{": _build_skipper(b"{", b"}"), b"[": _build_skipper(b"[", b"]")}
_STRING: Final = re.compile(_REST, re.DOTALL)
_TEXT: Final = re.compile(rb'"' + _REST + rb'"?', re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\s,:"{}\[\]]*+')
_BLANK: Final = re.compile(rb"[ \t\r\n]*+")


class JsonBroken(Exception):  # noqa: N818  # a finding of the walk, and no error of ours
    """Something stands where it cannot stand in JSON."""


class JsonCut(Exception):  # noqa: N818
    """The text ends in the middle.

    is_overlong: inside a value that was longer than the limit already.
    """

    def __init__(self, *, is_overlong: bool = False) -> None:
        super().__init__("the text ends in the middle")
        self.is_overlong = is_overlong


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, in pieces of whatever size; b"" at the end."""


class JsonCursor:
    """A place in JSON text. Whoever walks says what may come next."""

    def __init__(self, text: Readable) -> None:
        self._read: Callable[[], bytes] = text.read
        self._data = b""
        self._at = 0
        self._held = _Held(0)
        self._held_from = 0
        """Where in the block the value begins that is being taken."""

    def peek(self) -> bytes:
        """The byte that comes next after blanks; b"" at the end."""
        while True:
            self._at = _end(_BLANK, self._data, self._at)
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._next_block(b""):
                return b""

    def accept(self, mark: bytes) -> bool:
        """Step over the mark if it comes next."""
        if self.peek() != mark:
            return False
        self._at += 1
        return True

    def expect(self, mark: bytes) -> None:
        """Step over the mark. Raises JsonBroken or JsonCut when it does not come next."""
        if not self.accept(mark):
            raise JsonBroken if self.peek() else JsonCut

    def take(self, limit: int) -> bytes | None:
        """The text of the value that comes next; None when it was longer, and has been passed."""
        first = self.peek()
        self._held, self._held_from = _Held(limit), self._at
        if first in (b"{", b"["):
            self._pass_brackets(_SKIPPERS[first], first)
        elif first == b'"':
            self._at += 1
            self._pass_string()
        else:
            self._pass_scalar()
        held, self._held = self._held, _Held(0)
        held.add(self._data[self._held_from : self._at])
        return held.value()

    def pass_over(self) -> None:
        """Step over the value that comes next, however long it is."""
        self.take(0)

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; each value is for the caller to take or pass.

        A key that is longer than any known one is "".
        """
        self.expect(b"{")
        if self.accept(b"}"):
            return
        while True:
            yield self._key()
            if not self.accept(b","):
                return self.expect(b"}")

    def items(self) -> Iterator[None]:
        """Once for each item of the array that comes next; each is for the caller to take."""
        self.expect(b"[")
        if self.accept(b"]"):
            return
        while True:
            yield
            if not self.accept(b","):
                return self.expect(b"]")

    def _key(self) -> str:
        if self.peek() not in (b'"', b""):
            raise JsonBroken
        key = self.take(MAX_KEY)
        self.expect(b":")
        try:
            return str(orjson.loads(key)) if key is not None else ""
        except orjson.JSONDecodeError:
            return ""

    def _pass_brackets(self, skipper: re.Pattern[bytes], opened: bytes) -> None:
        depth, self._at = 1, self._at + 1
        while depth:
            end = _end(skipper, self._data, self._at)
            mark = self._data[end : end + 1]
            self._at = end + 1
            if not mark:
                self._more(b"")
            elif mark == b'"':  # a string that this block does not end
                self._pass_string()
            else:
                depth += 1 if mark == opened else -1

    def _pass_string(self) -> None:
        """From behind the opening quote to behind the closing one."""
        while True:
            end = _end(_STRING, self._data, self._at)
            mark = self._data[end : end + 1]
            if mark == b'"':
                self._at = end + 1
                return
            self._more(mark)  # a backslash waits for what it escapes

    def _pass_scalar(self) -> None:
        is_empty = True
        while True:
            end = _end(_SCALAR, self._data, self._at)
            is_empty, self._at = is_empty and end == self._at, end
            if end < len(self._data):
                break
            if not self._next_block(b""):
                # A number may end with the text; what it stands in will miss its bracket.
                break
        if is_empty:
            raise JsonBroken if self._data else JsonCut

    def _more(self, left: bytes) -> None:
        if not self._next_block(left):
            raise JsonCut(is_overlong=self._held.is_overlong)

    def _next_block(self, left: bytes) -> bool:
        """Go on with the next block, behind what is left of this one."""
        self._held.add(self._data[self._held_from : len(self._data) - len(left)])
        block = self._read()
        self._data, self._at, self._held_from = left + block, 0, 0
        return bool(block)


class _Held:
    """The pieces of a value while they are no longer than the limit."""

    def __init__(self, limit: int) -> None:
        self.is_overlong = False
        self._left = limit
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        if self.is_overlong:
            return
        self._left -= len(piece)
        if self._left < 0:
            self.is_overlong = True
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def value(self) -> bytes | None:
        return None if self.is_overlong else b"".join(self._pieces)


def _end(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    """Where a pattern ends that fits anywhere, if only with nothing."""
    found = pattern.match(data, start)
    return found.end() if found is not None else start


def parse_json(text: bytes) -> Any:
    """One value. Raises EventError.

    What orjson is too strict for is read all the same: lone surrogates, control characters, bytes
    that are no UTF-8 (each becomes a surrogate, as `surrogateescape` has it).
    """
    if len(text) > _LONG and _count_values(text) > MAX_VALUES:
        raise EventError(TOO_MANY_VALUES)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError):
        raise EventError(NOT_JSON) from None


def _count_values(text: bytes) -> int:
    bare = _TEXT.sub(b"", text)
    return sum(map(bare.count, (b",", b"[", b"{")))
