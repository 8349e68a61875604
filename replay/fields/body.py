"""A body by what it is: JSON, form, multipart, markup, text; what is none of these stays as it is.

What it says it is counts where it is true; a body that says nothing is looked at. Packed bodies
are opened and packed again. Read next: `json_body.py`, `form.py`, `multipart.py`, `markup.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.fields.charset import read_text, write_text
from replay.fields.form import map_pairs
from replay.fields.json_body import map_json
from replay.fields.leaf import Visit
from replay.fields.markup import map_markup
from replay.fields.multipart import map_multipart
from replay.fields.nested import opened
from replay.fields.packed import GZIP_MAGIC, pack, unpack
from replay.fields.places import Show
from replay.fields.table import map_table

MAX_BODY: Final = 16 * 1024 * 1024
"""A longer one is one text."""
_BINARY: Final = re.compile(
    r"image/(?!svg)|audio/|video/|font/|application/(?:octet-stream|pdf|zip|gzip|wasm|protobuf"
    r"|x-protobuf|grpc|msgpack|x-msgpack|cbor|font|vnd\.ms-|vnd\.openxmlformats)"
)
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LINED_JSON: Final = ("ndjson", "jsonl", "json-lines", "json-seq")
_FORM_LIKE: Final = re.compile(r"[\w.\[\]%+-]{1,64}=")


def map_body(
    body: bytes, content_type: str, visit: Visit, *, prefix: str = "body", encoding: str = ""
) -> bytes:
    """The body with every leaf replaced by what `visit` says; the very one if nothing changed.

    encoding: its `Content-Encoding`. A body that is packed in another way than gzip or deflate, or
    unpacks to more than 8 MiB, is binary and stays.
    """
    if not body:
        return body
    return _map_any(body, content_type, opened(visit), prefix, "", encoding)


def _map_any(
    body: bytes, content_type: str, show: Show, here: str, name: str, encoding: str = ""
) -> bytes:
    if encoding or body.startswith(GZIP_MAGIC):
        packed = unpack(body, encoding)
        if packed is None:
            return (
                body if not _is_utf8_text(body) else _map_any(body, content_type, show, here, name)
            )
        inner, kind = packed
        mapped = _map_any(inner, content_type, show, here, name) if inner else inner
        return body if mapped == inner else pack(mapped, kind)
    low = content_type.lower()
    if low.startswith("multipart/"):
        mapped_parts = map_multipart(
            body,
            content_type,
            show,
            f"{here}.part",
            lambda content, kind, path, name: _map_any(content, kind, show, path, name),
        )
        if mapped_parts is not None:
            return mapped_parts
    if _is_binary(body, low):
        return body
    text, codec = read_text(body, content_type)
    mapped_text = _map_text(text, low, show, here, name)
    return body if mapped_text == text else write_text(mapped_text, codec)


def _is_binary(body: bytes, low: str) -> bool:
    """Said to be, or plainly so: text has no control characters, in whatever charset but UTF-16."""
    if body.isascii() and _NOT_TEXT.search(body) is None:
        return False
    if "charset=utf-16" in low or "charset=utf-32" in low or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    if _BINARY.match(low) is not None:
        return not _is_utf8_text(body)
    is_text = low.startswith("text/") or any(kind in low for kind in ("json", "xml", "form"))
    return not is_text and not _is_utf8_text(body) and _NOT_TEXT.search(body) is not None


def _is_utf8_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return _NOT_TEXT.search(body) is None


def _map_text(text: str, low: str, show: Show, here: str, name: str) -> str:
    first = text.lstrip("\ufeff \t\r\n")[:1]
    if len(text) <= MAX_BODY:
        mapped = _map_structure(text, first, low, show, here, name)
        if mapped is not None:
            return mapped
    return show(f"{here}.text", name, text) or ""


def _map_structure(text: str, first: str, low: str, show: Show, here: str, name: str) -> str | None:
    """The text with its parts replaced; None when it has no parts."""
    if any(word in low for word in _LINED_JSON):
        return _map_lines(text, show, here, name)
    if "json" in low or (first and first in "{["):
        mapped = map_json(text, show, f"{here}.$", name)
        if mapped is not None:
            return mapped
    if "form-urlencoded" in low or (not low and "&" in text and _FORM_LIKE.match(text)):
        return map_pairs(text, show, f"{here}.form")
    if "csv" in low or "tab-separated" in low:
        return map_table(text, "\t" if "tab-" in low else ",", show, f"{here}.table")
    if "event-stream" in low:
        return _map_events(text, show, here, name)
    if first == "<" or "xml" in low or "html" in low:
        return map_markup(text, show, f"{here}.{'html' if 'html' in low else 'xml'}")
    return None


def _map_events(text: str, show: Show, here: str, name: str) -> str:
    """Server-sent events: `data: {...}`, a line each."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        bare = line.rstrip("\r")
        field, _, value = bare.partition(":")
        value = value.lstrip(" ")
        if not value or field not in ("data", "id"):
            field, value = "", bare
        if not value.strip():
            continue
        mapped = map_json(value, show, f"{here}[{at}].$", name) if field == "data" else None
        if mapped is None:
            mapped = show(f"{here}[{at}].text", name, value) or ""
        if mapped != value:
            lines[at] = bare[: len(bare) - len(value)] + mapped + line[len(bare) :]
    return "\n".join(lines)


def _map_lines(text: str, show: Show, here: str, name: str) -> str:
    """JSON texts, one a line."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line.strip():
            bare = line.lstrip("\x1e")
            mapped = map_json(bare, show, f"{here}[{at}].$", name)
            if mapped is None:
                mapped = show(f"{here}[{at}].text", name, bare)
            if mapped != bare:
                lines[at] = line[: len(line) - len(bare)] + (mapped or "")
    return "\n".join(lines)
