"""A JSON value with templates in it, cut into what is always the same and what is filled in.

The unchanging bytes are made once; for a request only the values between them are. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from stubs.definitions.error import BrokenTemplateError, TooCostlyError
from stubs.definitions.templates import FilledSheet, Sheet, is_template
from switchboard.fault_reader import FaultReader, join, kind_of, shown

Piece = bytes | int
"""Bytes that never change, or the number of the template whose value stands there."""

_SCALARS: Final = (str, int, float, bool, type(None))


def parse_json_tree(raw: object, path: str, reader: FaultReader, sheet: Sheet) -> list[Piece]:
    """The pieces of a JSON value. Texts with templates are added to the sheet."""
    pieces: list[Piece] = []
    _cut(raw, path, reader, sheet, pieces)
    return _joined(pieces)


def fill_pieces(pieces: Sequence[Piece], values: Sequence[Any], sheet: FilledSheet) -> bytes:
    """The JSON text for one request. Raises BrokenTemplateError."""
    parts = []
    for piece in pieces:
        if isinstance(piece, bytes):
            parts.append(piece)
            continue
        try:
            part = orjson.dumps(values[piece])
            sheet.work.spend_chars(len(part))
        except (TypeError, TooCostlyError) as error:
            raise BrokenTemplateError(sheet.field(piece), reason_of(error)) from error
        parts.append(part)
    return b"".join(parts)


def _cut(raw: object, path: str, reader: FaultReader, sheet: Sheet, pieces: list[Piece]) -> None:
    if isinstance(raw, str) and is_template(raw):
        pieces.append(sheet.add(path, raw))
    elif isinstance(raw, Mapping):
        _cut_mapping(raw, path, reader, sheet, pieces)
    elif isinstance(raw, list | tuple):
        pieces.append(b"[")
        for at, each in enumerate(raw):
            pieces.append(b"," if at else b"")
            _cut(each, f"{path}[{at}]", reader, sheet, pieces)
        pieces.append(b"]")
    elif isinstance(raw, _SCALARS):
        pieces.append(_dumped(raw, path, reader))
    else:
        reader.fault(path, f"must be a JSON value, not {kind_of(raw)}")


def _cut_mapping(
    raw: Mapping[Any, object], path: str, reader: FaultReader, sheet: Sheet, pieces: list[Piece]
) -> None:
    pieces.append(b"{")
    for at, (key, below) in enumerate(raw.items()):
        here = join(path, shown(key))
        if not isinstance(key, str):
            reader.fault(here, "a key of JSON is text; put it in quotes")
            continue
        if is_template(key):
            reader.fault(here, "a key cannot be a template; only values can")
        pieces.append(b"," if at else b"")
        pieces.append(_dumped(key, here, reader) + b":")
        _cut(below, here, reader, sheet, pieces)
    pieces.append(b"}")


def _dumped(value: object, path: str, reader: FaultReader) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        reader.fault(path, f"this cannot be written as JSON: {shown(error)}")
        return b"null"


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring bytes as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        elif piece != b"":
            joined.append(piece)
    return joined


def reason_of(error: Exception) -> str:
    """Why a value cannot be written, in words."""
    if isinstance(error, TooCostlyError):
        return str(error)
    if "Undefined" in str(error) or "Missing" in str(error):
        return "something in it is not there"
    return f"it cannot be written as JSON: {shown(error)}"
