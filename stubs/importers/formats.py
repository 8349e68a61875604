"""Every format that can be imported, and how a file is known to be of it.

Floor 1, pure. A file is known by what stands in it, never by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.importers.chaos_toolkit import import_chaos_toolkit
from stubs.importers.definition import Imported
from stubs.importers.har import import_har
from stubs.importers.hoverfly import import_hoverfly
from stubs.importers.mountebank import import_mountebank
from stubs.importers.openapi import import_openapi
from stubs.importers.report import LossReport, UnusableFileError
from stubs.importers.wiremock import import_wiremock
from switchboard.fault_reader import kind_of, nearest

Importer = Callable[[object, str, LossReport], Imported]

IMPORTERS: Final[Mapping[str, Importer]] = {
    "openapi": import_openapi,
    "har": import_har,
    "wiremock": import_wiremock,
    "hoverfly": import_hoverfly,
    "mountebank": import_mountebank,
    "chaos_toolkit": import_chaos_toolkit,
}
TAPE: Final = "tape"
"""A folder; who knows tapes reads it."""
FORMATS: Final = (*IMPORTERS, TAPE)


def sniff_format(value: object) -> str:
    """The format of a parsed file. Raises UnusableFileError."""
    if not isinstance(value, Mapping):
        raise UnusableFileError(f"the file holds {kind_of(value)}, and every format is a mapping")
    for name, is_one in _SIGNS.items():
        if is_one(value):
            return name
    raise UnusableFileError(
        f"the file is of none of the formats {', '.join(FORMATS)}; "
        "if it is, say which with --format"
    )


def check_format(name: str) -> str:
    """The name of a format as somebody typed it. Raises UnusableFileError."""
    word = name.strip().lower().replace("-", "_")
    if word not in FORMATS:
        raise UnusableFileError(f"there is no format {name[:40]!a}; {nearest(word, FORMATS)}")
    return word


def import_value(value: object, format_name: str, name: str, report: LossReport) -> Imported:
    """Everything that can be taken over from a parsed file. Raises UnusableFileError."""
    return IMPORTERS[format_name](value, name, report)


def _has_list(value: Mapping[str, Any], *path: str) -> bool:
    found: Any = value
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return isinstance(found, list)


_SIGNS: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "openapi": lambda value: "openapi" in value or "swagger" in value,
    "har": lambda value: _has_list(value, "log", "entries"),
    "hoverfly": lambda value: _has_list(value, "data", "pairs"),
    "mountebank": lambda value: (
        _has_list(value, "imposters") or ("protocol" in value and _has_list(value, "stubs"))
    ),
    "wiremock": lambda value: (
        _has_list(value, "mappings") or ("request" in value and "response" in value)
    ),
    "chaos_toolkit": lambda value: (
        _has_list(value, "method") and ("title" in value or "steady-state-hypothesis" in value)
    ),
}
