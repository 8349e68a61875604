"""Log lines that something on their way put into another line: taken out, and read as they were.

Docker's `{"log": "...", "stream": ...}`, the `stdout F` of Kubernetes, what syslog, journald,
`kubectl logs` and compose put before a line, and the objects that shippers and search engines keep
a line in. `unwrapped_lines` puts a source before the sniffer that gives the lines inside, so that
no reader knows of it; a line that was cut into pieces is put together and stands where it ends.
Read next: `opening.py`, which asks for it; `json_array.py`, which does the same for arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from replay.account import SourceFile
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.logged import PADDING
from replay.readers.sniff import sniff
from replay.readers.source import MAX_LINE, Source, Stream

_STAMP: Final = (
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?"  # ISO 8601
)
_SYSLOG: Final = rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|" + _STAMP + rb")"
_BEFORE: Final = re.compile(
    _STAMP + rb" (?:stdout|stderr) (?P<part>[FP])(?::[^ ]{1,64})?(?: |\Z)"  # Kubernetes (CRI)
    rb"|(?:<\d{1,3}>)?" + _SYSLOG + rb"(?: [!-~]{1,255})? [^\s:\"{]{1,255}: "  # syslog, journald
    rb"|<\d{1,3}>1(?: [!-~]{1,255}){5} (?:-|\[[^\]]{0,2000}\]) (?:\xef\xbb\xbf)?"  # RFC 5424
    rb"|" + _STAMP + rb"\t[^\t\"]{1,255}\t"  # fluentd
    rb"|" + _STAMP + rb"[ \t](?=[^ ])"  # kubectl --timestamps, CloudWatch
    rb"|\[pod/[^\]\s]{1,500}\] "  # kubectl --prefix
    rb"|[A-Za-z0-9][\w.-]{0,127} {1,64}\| "  # compose
)
_DOCKER: Final = frozenset({"log", "stream", "time", "attrs"})
_TEXTS: Final = (
    "log",
    "message",
    "MESSAGE",
    "msg",
    "line",
    "textPayload",
    "@message",
    "_raw",
)
"""Where shippers keep the line that they were given."""
_OBJECTS: Final = ("_source", "result", "jsonPayload")
"""Where exports keep the object that was stored."""
_OWN: Final = frozenset(
    {
        "httpRequest",
        "method",
        "msec",
        "path",
        "request",
        "request_method",
        "request_uri",
        "response_code",
        "start_time",
        "uri",
        "url",
    }
)
"""What has one of these tells of a request itself."""
_MOST_LAYERS: Final = 4

Batch = tuple[int, list[bytes | None]]


class Peeled(NamedTuple):
    """The line inside a line; is_part: it goes on in the next one."""

    text: bytes
    is_part: bool = False


def unwrapped_lines(source: Source) -> Source | None:
    """The source of the lines inside the lines; None where most of them are nothing but themselves.

    Only lines that a reader knows are taken out. The source that was given is read through it, and
    still to be closed by whoever opened it.
    """
    lines = Head(source.head()).lines
    inside = [text for line in lines if (text := peel(line).text) is not line]
    if len(inside) * 2 <= len(lines):
        return None
    is_known = isinstance(sniff(Head(b"\n".join(inside))), Format)
    return UnwrappedLines(source) if is_known else None


def peel(line: bytes) -> Peeled:
    """The innermost line; the very same where it is in nothing."""
    text, is_part = line, False
    for _ in range(_MOST_LAYERS):
        found = _peel_object(text) if text[:1] == b"{" else _peel_text(text)
        if found is None:
            break
        text, is_part = found.text, is_part or found.is_part
    return Peeled(text, is_part)


def _peel_text(line: bytes) -> Peeled | None:
    found = _BEFORE.match(line)
    return None if found is None else Peeled(line[found.end() :], found["part"] == b"P")


def _peel_object(line: bytes) -> Peeled | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict or not _OWN.isdisjoint(value):
        return None
    for name in _OBJECTS:
        if type(value.get(name)) is dict:
            return Peeled(_encode(value[name]))
    text = next((value[name] for name in _TEXTS if type(value.get(name)) is str), None)
    if text is None:
        return None
    is_part = "stream" in value and value.keys() <= _DOCKER and not text.endswith("\n")
    # In a text of JSON a line feed is one blank of many, and in a line there is none.
    return Peeled(text.removesuffix("\n").replace("\n", " ").encode(), is_part)


def _encode(value: dict[str, Any]) -> bytes:
    """As deep as orjson reads, it also writes; what it cannot say (a huge number) is not there."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return b""


class UnwrappedLines(Source):
    """A source whose lines are those inside the lines of another."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.path = source.path
        self.damage = None
        self.damaged_line = 0
        self._source = source

    def close(self) -> None:
        self._source.close()

    def source_file(self) -> SourceFile:
        return self._source.source_file()

    def head(self) -> bytes:
        """The first lines, in pieces where they are."""
        return b"".join(peel(line).text + b"\n" for line in Head(self._source.head()).lines)

    def whole(self, limit: int) -> bytes | None:
        """Never: it is made of lines."""
        return None

    def batches(self) -> Iterator[Batch]:
        """Lines under the number of the line that they end in."""
        pieces = _Pieces()
        last = 0
        for first, batch in self._source.batches():
            start, lines = first, list[bytes | None]()
            for last, line in enumerate(batch, first):
                if pieces.take(line):
                    lines.append(pieces.join())
                    continue
                if lines:
                    yield start, lines
                start, lines = last + 1, []
            if lines:
                yield start, lines
        if pieces.are_held:
            yield last, [pieces.join()]
        self.damage = self._source.damage
        self.damaged_line = self._source.damaged_line

    def stream(self) -> Stream:
        return Stream(
            b"".join((line or b"") + b"\n" for line in batch) for _, batch in self.batches()
        )

    def as_file(self) -> Path:
        return self._source.as_file()


class _Pieces:
    """A line that comes in pieces, as far as it is known; no longer than a line may be."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self.are_held = False

    def take(self, line: bytes | None) -> bool:
        """True when it ends the line; None is a line that was too long to be held."""
        text, is_part = (b"", False) if line is None else peel(line.strip(PADDING))
        self._size += MAX_LINE + 1 if line is None else len(text)
        if self._size <= MAX_LINE and text:
            self._held.append(text)
        self.are_held = True
        return not is_part

    def join(self) -> bytes | None:
        """The whole line, and a new one begins; None when it was too long."""
        text = b"".join(self._held) if self._size <= MAX_LINE else None
        self._held, self._size, self.are_held = [], 0, False
        return text
