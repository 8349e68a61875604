"""A multipart body in its parts: each field a text, each file what its own type says.

Read next: `body.py`, which does the content of a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from replay.fields.places import Show, step

MapContent = Callable[[bytes, str, str, str], bytes]
"""Content, its type, its path and its name: the content with its leaves replaced."""

_MOST_PARTS: Final = 1_000
_BOUNDARY: Final = re.compile(r'\bboundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_PARAM: Final = re.compile(r'(?<![\w*-])((?:file)?name)="([^"]*)"', re.IGNORECASE)
_TYPE: Final = re.compile(r"^content-type:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_ODD: Final = re.compile(r'[\x00-\x1f"\x7f\ud800-\udfff]')


def map_multipart(
    body: bytes, content_type: str, show: Show, here: str, map_content: MapContent
) -> bytes | None:
    """The body with its parts replaced; None when it is not the multipart it says it is."""
    found = _BOUNDARY.search(content_type)
    boundary = b"--" + (found[1] or found[2]).encode("utf-8", "replace") if found else b""
    if not found or not 1 <= body.count(boundary) <= _MOST_PARTS:
        return None
    pieces = body.split(boundary)
    pieces[0] = _map_loose(pieces[0], here, map_content)
    for at in range(1, len(pieces)):
        new = _map_part(pieces[at], show, here, map_content)
        # A replacement that holds the boundary would make parts of its own.
        pieces[at] = new.replace(boundary, b"") if new is not pieces[at] else new
    mapped = boundary.join(pieces)
    return body if mapped == body else mapped


def _map_part(piece: bytes, show: Show, here: str, map_content: MapContent) -> bytes:
    break_ = b"\r\n\r\n" if b"\r\n\r\n" in piece else b"\n\n"
    head, mark, rest = piece.partition(break_)
    if not mark:
        return _map_loose(piece, here, map_content)
    end = b"\r\n" if rest.endswith(b"\r\n") else b"\n" if rest.endswith(b"\n") else b""
    content = rest[: len(rest) - len(end)]
    lines = head.decode("latin-1")
    params = {each[1].lower(): each[2] for each in _PARAM.finditer(lines)}
    name = _utf8(params.get("name", ""))
    path = here + step(name)
    new_lines = _map_file_name(lines, show, path) if "filename" in params else lines
    found = _TYPE.search(lines)
    kind = found[1] if found else "text/plain"
    new = map_content(content, kind, path, name) if content else content
    if new is content and new_lines == lines:
        return piece
    return new_lines.encode("latin-1", "replace") + break_ + new + end


def _map_loose(piece: bytes, here: str, map_content: MapContent) -> bytes:
    """What stands outside the parts: as a rule `--` and a line's end."""
    bare = piece.strip(b"\r\n- ")
    return map_content(piece, "text/plain", here, "") if bare else piece


def _map_file_name(lines: str, show: Show, path: str) -> str:
    def replace(found: re.Match[str]) -> str:
        text = _utf8(found[2])
        if found[1].lower() != "filename" or not text:
            return found[0]
        new = show(f"{path}.filename", "filename", text)
        if new == text:
            return found[0]
        clean = _ODD.sub("_", new or "").encode("utf-8", "replace").decode("latin-1")
        return f'{found[1]}="{clean}"'

    return _PARAM.sub(replace, lines)


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text
