"""CSV tables of requests, through a column mapping: streamed, record by record.

A record may go over several lines, inside quotes. A quote that is never closed would swallow the
rest of the file, so a record is bounded; past that its first line is a skip, and reading goes on
with the line after it. Read next: `columns.py`, `rows_of_table.py`.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from replay.readers.columns import ColumnMapping
from replay.readers.entry import Sink
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.rows_of_table import RowReader
from replay.readers.source import MAX_LINE, OVERLONG, Source
from switchboard.errors import TraceError
from switchboard.event import EventError

BLANK: Final = "blank line"
UNCLOSED: Final = "quote that is not closed"
BAD_RECORD: Final = "bad CSV record"
SHORT: Final = "too few columns"
MAX_RECORD_LINES: Final = 1_000
MAX_RECORD_CHARS: Final = 1 << 20
_FREE_REREADS: Final = 10_000


class Record(NamedTuple):
    """What a record is, or why it is none. line: where it starts."""

    line: int
    cells: list[str] | None
    reason: str = ""


Line = tuple[int, str | None]


def csv_format(mapping: ColumnMapping) -> Format:
    """The format of CSV files whose columns the mapping names."""
    return Format(
        "csv",
        "tables (CSV) with a column mapping",
        mapping.stamp,
        lambda head: _recognises(head, mapping),
        lambda source, sink: read_csv(source, sink, mapping),
    )


def read_csv(source: Source, sink: Sink, mapping: ColumnMapping) -> None:
    """Every record becomes an entry for the sink, or a skip with its reason.

    Raises TraceError when a column that the mapping names is not there.
    """
    with _wide_fields():
        records = Records(source, mapping)
        reader = _open_reader(records, mapping, sink)
        for record in records:
            _take(record, reader, sink)


def _take(record: Record, reader: RowReader, sink: Sink) -> None:
    try:
        if record.cells is None:
            raise EventError(record.reason)
        sink.add(record.line, reader.entry(record.cells))
    except EventError as error:
        sink.skip(record.line, error.reason)


def _open_reader(records: Records, mapping: ColumnMapping, sink: Sink) -> RowReader:
    """The reader of the rows, once the line with the names is read."""
    names = None
    for record in records if mapping.has_header else ():
        if record.cells is not None:
            names = [name.strip() for name in record.cells]
            break
        sink.skip(record.line, record.reason)
    else:
        if mapping.has_header:  # there is no row either
            return RowReader(ColumnMapping({}), None)
    reader = RowReader(mapping, names)
    records.width = reader.width
    records.is_exact = names is not None
    return reader


class Records:
    """The records of a CSV file, one after the other."""

    def __init__(self, source: Source, mapping: ColumnMapping) -> None:
        self.width = 0
        """How many cells a record has; 0 until it is known."""
        self.is_exact = False
        """It has no more of them either."""
        self._delimiter, self._quote = mapping.delimiter, mapping.quote
        self._lines = _numbered(source)
        self._again: deque[Line] = deque()
        self._read = self._reread = 0

    def __iter__(self) -> Iterator[Record]:
        while (line := self._next_line()) is not None:
            yield self._record(line)

    def _next_line(self) -> Line | None:
        if self._again:
            return self._again.popleft()
        self._read += 1
        return next(self._lines, None)

    def _record(self, first: Line) -> Record:
        number, text = first
        if text is None:
            return Record(number, None, OVERLONG)
        if not text.strip(" \t\r\0"):
            return Record(number, None, BLANK)
        taken = [(number, text.lstrip("\0"))]
        try:
            cells = self._parse(self._feed(taken), strict=True)
        except _UnclosedError:
            return self._give_back(taken, UNCLOSED)
        except csv.Error:
            if len(taken) > 1:
                return self._give_back(taken, UNCLOSED)
            try:
                cells = self._parse(iter([taken[0][1]]), strict=False)
            except csv.Error:
                return Record(number, None, BAD_RECORD)
        if len(taken) > 1 and self.is_exact and len(cells) != self.width:
            return self._give_back(taken, UNCLOSED)
        if len(cells) < self.width:
            return Record(number, None, SHORT)
        return Record(number, cells)

    def _parse(self, lines: Iterator[str], *, strict: bool) -> list[str]:
        """One record. strict: what a quote closes ends there, or it is a csv.Error."""
        return next(
            csv.reader(lines, delimiter=self._delimiter, quotechar=self._quote, strict=strict)
        )

    def _feed(self, taken: list[tuple[int, str]]) -> Iterator[str]:
        """The lines of one record: the parser asks for another as long as a quote is open."""
        yield f"{taken[0][1]}\n"
        size = len(taken[0][1])
        while len(taken) < MAX_RECORD_LINES and (line := self._next_line()) is not None:
            number, text = line
            if text is None or size + len(text) > MAX_RECORD_CHARS:
                self._again.appendleft(line)
                break
            taken.append((number, text))
            size += len(text)
            yield f"{text}\n"
        raise _UnclosedError

    def _give_back(self, taken: list[tuple[int, str]], reason: str) -> Record:
        """Only the first line is lost: the others are read again, as long as that has an end."""
        again = taken[1:]
        self._reread += len(again)
        if self._reread <= _FREE_REREADS + 2 * self._read:
            self._again.extendleft(reversed(again))
        return Record(taken[0][0], None, reason)


class _UnclosedError(Exception):
    """The lines of a record do not end; never seen outside."""


def _numbered(source: Source) -> Iterator[Line]:
    for first, batch in source.batches():
        for number, line in enumerate(batch, first):
            yield number, None if line is None else line.decode("utf-8", "surrogateescape")


@contextmanager
def _wide_fields() -> Iterator[None]:
    """A recorded body may be longer than the parser's own limit, which is one for all."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _recognises(head: Head, mapping: ColumnMapping) -> bool:
    """True when the first line has the columns that the mapping names."""
    if not head.lines:
        return False
    line = head.lines[0].decode("utf-8", "surrogateescape")
    try:
        names = next(csv.reader([line], delimiter=mapping.delimiter, quotechar=mapping.quote), [])
    except csv.Error:
        return False
    if not mapping.has_header:
        return len(names) >= RowReader(mapping, None).width
    try:
        RowReader(mapping, [name.strip() for name in names])
    except TraceError:
        return False
    return True
