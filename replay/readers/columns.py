"""Which column of a table is what: the mapping a person writes, and rows as entries by it.

Pure. Tables of requests have no common names, so a CSV or Parquet file is read with a mapping:

    ts: created_at          # a column; or delay: with the milliseconds since the row before
    method: "=GET"          # what begins with = is said of every row
    url: url                # or host, path and query
    status: code
    headers: {accept: accept_column}

Read next: `rows_of_table.py` (a row becomes an entry), docs/trace-formats.md (every key).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from replay.readers.format import END, START
from replay.readers.stamps import UNITS_NS
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, nearest, shown
from switchboard.headers import is_token

TEXT: Final = "text"
BASE64: Final = "base64"
_CELLS: Final = (
    "ts",
    "delay",
    "method",
    "url",
    "scheme",
    "host",
    "path",
    "query",
    "status",
    "wait",
    "user",
    "session",
    "service",
    "client",
    "connection",
    "body",
)
_WORDS: Final = (
    *_CELLS,
    "ts_unit",
    "ts_format",
    "stamp",
    "whole_seconds",
    "delay_unit",
    "wait_unit",
    "headers",
    "body_encoding",
    "delimiter",
    "quote",
    "header",
)
_NAMED_MARKS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_MOST_HEADERS: Final = 100


class Cell(NamedTuple):
    """Where a value comes from: a column's name, or, when it is constant, the value itself."""

    text: str
    is_constant: bool = False


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column is what. cells: by the name of what they tell; `Cell.text` names a column."""

    cells: Mapping[str, Cell]
    headers: tuple[tuple[str, Cell], ...] = ()
    ts_unit: str = ""
    ts_format: str = ""
    stamp: str = START
    whole_seconds: bool = False
    delay_unit: str = "ms"
    wait_unit: str = "ms"
    body_encoding: str = TEXT
    delimiter: str = ","
    quote: str = '"'
    has_header: bool = True

    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are wanted, each once."""
        cells = (*self.cells.values(), *(cell for _, cell in self.headers))
        return tuple(dict.fromkeys(cell.text for cell in cells if not cell.is_constant))


def parse_mapping(value: object, source: str, line_of: LineOf) -> ColumnMapping:
    """The mapping in a decoded YAML text. Raises ScenarioError with every fault of it."""
    reader = _Reader(FaultReader(line_of))
    mapping = reader.read(value)
    if reader.faults.faults:
        raise ScenarioError(f"{source} does not say which column is what", reader.faults.faults)
    return mapping


class _Reader:
    """Reads one mapping, remembering every fault."""

    def __init__(self, faults: FaultReader) -> None:
        self.faults = faults

    def read(self, value: object) -> ColumnMapping:
        raw = self.faults.mapping(value, "", _WORDS)
        cells = {key: self._cell(key, raw[key]) for key in _CELLS if raw.get(key) is not None}
        mapping = ColumnMapping(
            cells=cells,
            headers=self._headers(raw.get("headers")),
            ts_unit=self._word(raw, "ts_unit", "", UNITS_NS),
            ts_format=self.faults.text(raw, "", "ts_format", ""),
            stamp=self._word(raw, "stamp", START, (START, END)),
            whole_seconds=self._flag(raw, "whole_seconds", False),
            delay_unit=self._word(raw, "delay_unit", "ms", UNITS_NS),
            wait_unit=self._word(raw, "wait_unit", "ms", UNITS_NS),
            body_encoding=self._word(raw, "body_encoding", TEXT, (TEXT, BASE64)),
            delimiter=self._mark(raw, "delimiter", ","),
            quote=self._mark(raw, "quote", '"'),
            has_header=self._flag(raw, "header", True),
        )
        if isinstance(value, Mapping):
            self._check(mapping)
        return mapping

    def _check(self, mapping: ColumnMapping) -> None:
        """What only several keys together can say."""
        cells, fault = mapping.cells, self.faults.fault
        if "ts" not in cells and "delay" not in cells:
            fault("ts", "ts is missing: the column with the time of the request (or delay)")
        if "method" not in cells:
            fault("method", 'method is missing: a column, or "=GET" where every request is one')
        if "url" not in cells and "path" not in cells:
            fault("url", "url is missing: the column with a path or a URL (or host and path)")
        if mapping.stamp == END and "wait" not in cells:
            fault("stamp", "stamp: end needs wait, the column with the time each request took")
        if mapping.ts_unit and mapping.ts_format:
            fault("ts_format", "ts_unit is for numbers and ts_format for texts: give one of them")
        if mapping.delimiter == mapping.quote:
            fault("quote", "must not be the delimiter")
        if not mapping.has_header:
            for name in mapping.columns():
                if not _is_position(name):
                    fault("header", f"without a header columns are numbers from 1, not {name!a}")

    def _cell(self, path: str, value: object) -> Cell:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or value == "":
            self.faults.fault(path, f"must be the name of a column, not {kind_of(value)}")
            return Cell("")
        return Cell(value[1:], is_constant=True) if value[0] == "=" else Cell(value)

    def _headers(self, value: object) -> tuple[tuple[str, Cell], ...]:
        if value is None:
            return ()
        if not isinstance(value, Mapping):
            self.faults.fault(
                "headers", f"must be a mapping of header names to columns, not {kind_of(value)}"
            )
            return ()
        if len(value) > _MOST_HEADERS:
            self.faults.fault("headers", f"at most {_MOST_HEADERS} headers are read")
            return ()
        for name in value:
            if not isinstance(name, str) or not is_token(name):
                self.faults.fault(join("headers", shown(name)), "is not the name of a header")
        return tuple(
            (str(name), self._cell(join("headers", shown(name)), cell))
            for name, cell in value.items()
        )

    def _word(
        self,
        raw: Mapping[str, object],
        key: str,
        default: str,
        words: Collection[str],
    ) -> str:
        text = self.faults.text(raw, "", key, default)
        if text != default and text not in words:
            self.faults.fault(key, f"is not known; {nearest(text, words)}")
            return default
        return text

    def _flag(self, raw: Mapping[str, object], key: str, default: bool) -> bool:
        value = raw.get(key, default)
        if not isinstance(value, bool):
            self.faults.fault(key, f"must be true or false, not {kind_of(value)}")
            return default
        return value

    def _mark(self, raw: Mapping[str, object], key: str, default: str) -> str:
        text = self.faults.text(raw, "", key, default)
        mark = _NAMED_MARKS.get(text, text)
        if len(mark) != 1 or not mark.isascii() or mark in "\r\n\0" or mark.isalnum():
            words = ", ".join(_NAMED_MARKS)
            self.faults.fault(key, f"must be one character, or one of {words}")
            return default
        return mark


def _is_position(name: str) -> bool:
    return name.isascii() and name.isdecimal() and 1 <= int(name[:6]) <= 10_000
