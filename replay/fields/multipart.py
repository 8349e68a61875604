"""A multipart body in its parts: each field a text, each file what its own type says.

Read next: `body.py`, which does the content of a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from replay.fields.places import Show, looks_like_data, step

MapContent = Callable[[bytes, str, str, str], bytes]
"""Content, its type, its path and its name: the content with its leaves replaced."""

_MOST_PARTS: Final = 1_000
_BOUNDARY: Final = re.compile(r'\bboundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_PARAM: Final = re.compile(r'(?<![\w*-])((?:file)?name)="([^"]*)"', re.IGNORECASE)
_LINE: Final = re.compile(r"^([\w-]{1,64}):[ \t]*([^\r\n]*)", re.MULTILINE)
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
    said = {each[1].lower(): each[2] for each in _LINE.finditer(lines)}
    params = dict(_PARAM.findall(said.get("content-disposition", "")))
    name = _utf8(params.get("name", ""))
    path = here + step(name)
    new_lines = _LINE.sub(lambda line: _map_line(line, name, show, path), lines)
    kind = said.get("content-type", "text/plain")
    new = map_content(content, kind, path, name) if content else content
    if new is content and new_lines == lines:
        return piece
    return new_lines.encode("latin-1", "replace") + break_ + new + end


def _map_line(line: re.Match[str], name: str, show: Show, path: str) -> str:
    """A header of a part; of its type nothing is shown, of its disposition the names."""
    low, value = line[1].lower(), line[2]
    if low == "content-type" or not value:
        return line[0]
    if low == "content-disposition":
        return _PARAM.sub(lambda param: _map_name(param, show, path), line[0])
    text = _utf8(value)
    new = show(f"{path}.header{step(low)}", line[1], text)
    return line[0] if new == text else f"{line[1]}: {_clean(new or '')}"


def _map_name(param: re.Match[str], show: Show, path: str) -> str:
    """The name of a file, or of a field where that tells too much."""
    text = _utf8(param[2])
    is_file = param[1].lower() == "filename"
    if not text or not (is_file or looks_like_data(text)):
        return param[0]
    new = show(f"{path}.filename" if is_file else f"{path}~key", "filename" * is_file, text)
    return param[0] if new == text else f'{param[1]}="{_clean(new or "")}"'


def _clean(text: str) -> str:
    """What may stand in a header of a part."""
    return _ODD.sub("_", text).encode("utf-8", "replace").decode("latin-1")


def _map_loose(piece: bytes, here: str, map_content: MapContent) -> bytes:
    """What stands outside the parts: as a rule `--` and a line's end."""
    bare = piece.strip(b"\r\n- ")
    return map_content(piece, "text/plain", here, "") if bare else piece


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text
