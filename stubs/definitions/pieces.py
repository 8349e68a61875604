"""Parts of a message, each fixed or a template: header values, bodies, addresses.

Floor 1, pure. Read next: `answers.py` and `callbacks.py`, which are made of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stubs.definitions.error import BrokenTemplateError, TooCostlyError
from stubs.definitions.filters import text_from
from stubs.definitions.json_tree import Piece, fill_pieces, parse_json_tree, reason_of
from stubs.definitions.templates import FilledSheet, Sheet, is_template
from stubs.service import JSON
from switchboard.fault_reader import FaultReader, join, kind_of, shown

BODY_KEYS: Final = ("json", "text", "base64")
MAX_BODY_BYTES: Final = 1024 * 1024
"""Of a body as it stands in a definition."""
MAX_HEADERS: Final = 100

_TEXT: Final = b"text/plain; charset=utf-8"
_BINARY: Final = b"application/octet-stream"
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8000}")
_MAX_VALUE_CHARS: Final = 8_000
_CONTROLS: Final = dict.fromkeys((*range(32), 127), " ")
"""What would end a header is a space in it, whoever sent it."""
_OF_TRANSPORT: Final = (
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
)

HeaderPairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Values:
    """What the templates of one message came to for one request."""

    sheet: FilledSheet | None
    values: Sequence[Any] = ()

    def text(self, number: int) -> str:
        """Raises BrokenTemplateError."""
        assert self.sheet is not None  # there is no number without one
        try:
            text = text_from(self.values[number])
            self.sheet.work.spend_chars(len(text))
        except (TypeError, TooCostlyError) as error:
            raise BrokenTemplateError(self.sheet.field(number), reason_of(error)) from error
        return text

    def header(self, piece: Piece) -> bytes:
        """A header's value, without what would end it."""
        if isinstance(piece, bytes):
            return piece
        text = self.text(piece)[:_MAX_VALUE_CHARS].translate(_CONTROLS)
        return text.encode("latin-1", "replace")

    def headers(self, pairs: Sequence[tuple[bytes, Piece]]) -> HeaderPairs:
        return tuple((name, self.header(piece)) for name, piece in pairs)

    def broken(self, number: int, reason: str) -> BrokenTemplateError:
        assert self.sheet is not None  # there is no number without one
        return BrokenTemplateError(self.sheet.field(number), reason)


@dataclass(frozen=True, slots=True)
class Body:
    """A body in pieces. is_json: what stands between the bytes is written as JSON."""

    pieces: tuple[Piece, ...] = ()
    content_type: Piece = JSON
    is_json: bool = False

    def fill(self, filled: Values) -> bytes:
        """Raises BrokenTemplateError."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes):
            return self.pieces[0]
        if self.is_json and filled.sheet is not None:
            return fill_pieces(self.pieces, filled.values, filled.sheet)
        parts = (
            piece if isinstance(piece, bytes) else filled.text(piece).encode("utf-8", "replace")
            for piece in self.pieces
        )
        return b"".join(parts)


def parse_body(raw: Mapping[str, object], path: str, reader: FaultReader, sheet: Sheet) -> Body:
    """The one of `json`, `text` and `base64` that is given, and its `content_type`."""
    given = [key for key in BODY_KEYS if key in raw]
    if len(given) > 1:
        reader.fault(join(path, given[1]), f"{given[0]} is given as well; keep one of them")
    pieces: Sequence[Piece] = ()
    content_type = JSON
    if given[:1] == ["json"]:
        pieces = parse_json_tree(raw["json"], join(path, "json"), reader, sheet)
    elif given[:1] == ["text"]:
        content_type = _TEXT
        pieces = _parse_text(raw["text"], join(path, "text"), reader, sheet)
    elif given[:1] == ["base64"]:
        content_type = _BINARY
        pieces = [reader.checked(join(path, "base64"), raw["base64"], _decoded) or b""]
    if sum(len(piece) for piece in pieces if isinstance(piece, bytes)) > MAX_BODY_BYTES:
        reader.fault(join(path, given[0]), f"a body has up to {MAX_BODY_BYTES:,} bytes")
    kind: Piece = content_type
    if "content_type" in raw:
        at = join(path, "content_type")
        kind = parse_header_value(raw["content_type"], at, reader, sheet)
    return Body(tuple(pieces), kind, is_json=given[:1] == ["json"])


def parse_headers(
    raw: Mapping[str, object], path: str, reader: FaultReader, sheet: Sheet
) -> tuple[tuple[bytes, Piece], ...]:
    """The pairs under `headers`; a list is the same header several times."""
    given = raw.get("headers", {})
    at = join(path, "headers")
    if not isinstance(given, Mapping):
        reader.fault(at, f"must be a mapping of names to values, not {kind_of(given)}")
        return ()
    pairs: list[tuple[bytes, Piece]] = []
    for name, value in given.items():
        here = join(at, shown(name))
        if not _is_header_name(name, here, reader):
            continue
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [
            (name.lower().encode(), parse_header_value(each, here, reader, sheet))
            for each in values
        ]
    if len(pairs) > MAX_HEADERS:
        reader.fault(at, f"there are up to {MAX_HEADERS} headers")
    return tuple(pairs)


def parse_header_value(raw: object, path: str, reader: FaultReader, sheet: Sheet) -> Piece:
    if isinstance(raw, str) and is_template(raw):
        return sheet.add(path, raw)
    if not isinstance(raw, str | int | float):
        reader.fault(path, f"must be text, not {kind_of(raw)}")
        return b""
    text = text_from(raw)
    if not _VALUE.fullmatch(text):
        reader.fault(path, "a header's value is one line of Latin-1 text, up to 8,000 characters")
        return b""
    return text.encode("latin-1")


def _is_header_name(name: object, path: str, reader: FaultReader) -> bool:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        reader.fault(path, "this is no header's name")
        return False
    if name.lower() in _OF_TRANSPORT:
        reader.fault(path, f"{name.lower()} is set by the gateway; faults are how to break it")
        return False
    if name.lower() == "content-type":
        reader.fault(path, "write it as content_type, beside headers")
        return False
    return True


def _parse_text(raw: object, path: str, reader: FaultReader, sheet: Sheet) -> list[Piece]:
    if isinstance(raw, str) and is_template(raw):
        return [sheet.add(path, raw)]
    if not isinstance(raw, str | int | float):
        reader.fault(path, f"must be text, not {kind_of(raw)}; write json: for anything else")
        return []
    return [text_from(raw).encode("utf-8", "replace")]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64") from None
