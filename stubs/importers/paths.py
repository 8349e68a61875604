"""Paths as routes have them: a template where it can be one, else a regular expression.

Floor 1, pure. Everything here gives `{"path": …}` or `{"path_regex": …}`, to be part of a route.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from stubs.importers.report import NotTakenError
from stubs.importers.yaml_text import is_text

MAX_PATH: Final = 1_000

_BRACES: Final = re.compile(r"\{([^{}/]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")

PathPart = dict[str, Any]


def exact_path(path: str) -> PathPart:
    """Just this path, in which braces mean nothing."""
    return {"path": _checked(path)} if "{" not in path and _is_plain(path) else literal_regex(path)


def literal_regex(path: str) -> PathPart:
    """Just this path, whatever is in it."""
    return {"path_regex": re.escape(_checked(path))}


def template_path(path: str) -> PathPart:
    """A path in which `{name}` stands for a segment, or for a part of one."""
    segments = _checked(path).split("/")
    if _is_plain(path) and all(_is_whole(segment) for segment in segments):
        return {"path": "/".join(unique_names(segments))}
    return {"path_regex": _template_regex(path)}


def unique_names(segments: list[str]) -> list[str]:
    """The segments, with names in braces that are words, each of them once."""
    taken: set[str] = set()
    named = []
    for segment in segments:
        found = _BRACES.fullmatch(segment)
        if found is None:
            named.append(segment)
            continue
        name = wish = _NOT_NAME.sub("_", found[1])[:40].strip("_") or "value"
        if not _NAME.fullmatch(name):
            name = wish = f"p{wish}"
        number = 2
        while name in taken:
            name, number = f"{wish}{number}", number + 1
        taken.add(name)
        named.append(f"{{{name}}}")
    return named


def sort_key(part: Mapping[str, Any]) -> tuple[int, int]:
    """Sorts the vaguest first: of routes of one priority, the later one is tried first."""
    path = str(part.get("path") or part.get("path_regex"))
    is_regex = "path_regex" in part
    return (0 if is_regex else 1, -path.count("{"))


def _template_regex(path: str) -> str:
    pieces = _BRACES.split(path)
    return "".join("[^/]+" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))


def _is_whole(segment: str) -> bool:
    return ("{" not in segment and "}" not in segment) or _BRACES.fullmatch(segment) is not None


def _is_plain(path: str) -> bool:
    """True when the path reads the same as it is sent: nothing in it is percent-encoded."""
    return unquote(path) == path and path.isascii() and " " not in path


def _checked(path: str) -> str:
    if not path.startswith("/"):
        raise NotTakenError("its path does not begin with /")
    if len(path) > MAX_PATH or not is_text(path) or not path.isprintable():
        raise NotTakenError(f"its path is longer than {MAX_PATH} characters, or no plain text")
    return path
