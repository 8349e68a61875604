"""A row of a table as an entry, by the mapping of its columns.

Pure. Cells are texts in a CSV and values of any kind in a Parquet file: both are read alike.
Read next: `columns.py` (the mapping), `csv_table.py`, `parquet.py`.
"""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from replay.readers.columns import BASE64, Cell, ColumnMapping
from replay.readers.entry import Entry
from replay.readers.format import END
from replay.readers.logged import (
    HAS_BODY,
    absolute,
    client_key,
    encoded,
    milliseconds,
    parse_status,
    shown,
    start_of,
)
from replay.readers.stamps import BAD_TS, UNITS_NS, parse_any, parse_number
from switchboard.errors import TraceError
from switchboard.event import NS_PER_S, EventError, parse_event, parse_ts

_MISSING: Final = frozenset({"", "-", "NULL", "null", "\\N", "None", "nan", "NaN"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RowReader:
    """Makes entries of the rows of one table.

    names: the columns it has, in order; None when only their places are known.
    in_ns: columns whose values are nanoseconds since 1970, whatever the mapping says.
    Raises TraceError when a column that the mapping names is not there.
    """

    def __init__(
        self, mapping: ColumnMapping, names: Sequence[str] | None, in_ns: Collection[str] = ()
    ) -> None:
        self._mapping = mapping
        places = _place_columns(mapping, names)
        self._cells = {key: _Found(cell, places) for key, cell in mapping.cells.items()}
        self._headers = [(name.lower(), _Found(cell, places)) for name, cell in mapping.headers]
        self.places = frozenset(places.values())
        """Where the columns stand that are looked at, from 0."""
        named = [names[places[cell.text]] for cell in _time_cells(mapping)] if names else []
        self._is_ns = any(name in in_ns for name in named)
        self.width = len(names) if names is not None else max(places.values(), default=-1) + 1
        """Rows have at least so many cells where all is well."""

    def entry(self, row: Sequence[Any]) -> Entry:
        """The entry of one row. Raises EventError with a short reason."""
        headers = self._find_headers(row)
        wait_s = _number(self._text(row, "wait"), self._mapping.wait_unit)
        ts_ns, coarse = self._time(row, wait_s)
        delay_s = _number(self._text(row, "delay"), self._mapping.delay_unit)
        status = self._text(row, "status")
        event = parse_event(
            {
                "ts": ts_ns,
                "delay": None if delay_s is None else delay_s * 1_000,
                "method": self._text(row, "method"),
                "url": self._url(row),
                "user": self._text(row, "user"),
                "session": self._text(row, "session"),
                "service": self._text(row, "service"),
                "status": None if status is None else parse_status(status.removesuffix(".0")),
                "wait_ms": milliseconds(wait_s),
            }
        )
        body = self._body(row)
        client = client_key(self._text(row, "client"), dict(headers).get("user-agent"))
        return Entry(
            event._replace(headers=headers, body=body or b""),
            client=client,
            coarse=coarse,
            inferred=client is not None,
            body_unknown="body" not in self._cells and event.method in HAS_BODY,
            connection=self._text(row, "connection"),
        )

    def _text(self, row: Sequence[Any], key: str) -> str | None:
        cell = self._cells.get(key)
        return None if cell is None else as_text(cell.of(row))

    def _time(self, row: Sequence[Any], wait_s: float | None) -> tuple[int | None, bool]:
        cell = self._cells.get("ts")
        value = None if cell is None else cell.of(row)
        if value is None or value == "":
            return None, False
        ns, coarse = self._stamp(value)
        coarse = coarse or self._mapping.whole_seconds
        if coarse:
            ns -= ns % NS_PER_S
        return (start_of(ns, wait_s, coarse=coarse) if self._mapping.stamp == END else ns), coarse

    def _stamp(self, value: Any) -> tuple[int, bool]:
        mapping = self._mapping
        if self._is_ns:
            return parse_ts(value), False
        if isinstance(value, date):
            return _of_datetime(value), False
        if mapping.ts_format and isinstance(value, str):
            return _by_format(value, mapping.ts_format)
        if mapping.ts_unit:
            return parse_number(as_text(value) or "", mapping.ts_unit)
        return parse_any(_digits(value) if isinstance(value, Decimal) else value)

    def _url(self, row: Sequence[Any]) -> str | None:
        host, scheme = self._text(row, "host"), self._text(row, "scheme")
        url = self._text(row, "url")
        if url is None:
            url, query = self._text(row, "path"), self._text(row, "query")
            if url is not None and query is not None:
                url = f"{url}?{query.removeprefix('?')}"
        if url is None:
            return None
        return absolute(encoded(url), host, "https" if scheme == "https" else "http")

    def _find_headers(self, row: Sequence[Any]) -> tuple[tuple[str, str], ...]:
        found = ((name, as_text(cell.of(row))) for name, cell in self._headers)
        return tuple((name, shown(text)) for name, text in found if text is not None)

    def _body(self, row: Sequence[Any]) -> bytes | None:
        cell = self._cells.get("body")
        value = None if cell is None else cell.of(row)
        if value is None:
            return None
        if isinstance(value, bytes | bytearray):
            return bytes(value)
        text = value if isinstance(value, str) else str(value)
        try:
            if self._mapping.body_encoding == BASE64:
                return b64decode(text, validate=True)
            return text.encode("utf-8", "surrogateescape")
        except ValueError:
            raise EventError("bad body") from None


class _Found:
    """A cell whose place is known."""

    def __init__(self, cell: Cell, places: dict[str, int]) -> None:
        self._constant = cell.text if cell.is_constant else None
        self._place = -1 if cell.is_constant else places[cell.text]

    def of(self, row: Sequence[Any]) -> Any:
        """Its value in a row; None where the row is too short."""
        if self._constant is not None:
            return self._constant
        return row[self._place] if self._place < len(row) else None


def as_text(value: Any) -> str | None:
    """A value of a table as text; None where it says nothing."""
    if isinstance(value, str):
        return None if value in _MISSING else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return str(int(value))  # a whole number that some tool had to keep as a float
    return str(value)


def _time_cells(mapping: ColumnMapping) -> list[Cell]:
    return [cell for key, cell in mapping.cells.items() if key == "ts" and not cell.is_constant]


def _place_columns(mapping: ColumnMapping, names: Sequence[str] | None) -> dict[str, int]:
    wanted = mapping.columns()
    if names is None:
        return {name: int(name) - 1 for name in wanted}
    places = {name: at for at, name in reversed(list(enumerate(names)))}
    numbers = {str(at + 1): at for at in range(len(names))}
    missing = [name for name in wanted if name not in places and name not in numbers]
    if missing:
        listed = ", ".join(ascii(name) for name in missing[:5])
        raise TraceError(
            f"the mapping names columns that are not in the table: {listed} (it has {len(names)} "
            "columns; a table without a line of names needs `header: false` and numbers)"
        )
    return {name: places.get(name, numbers.get(name, 0)) for name in wanted}


def _number(text: str | None, unit: str) -> float | None:
    """Seconds of a number of such units; None where there is none, or it is less than nothing."""
    if text is None or len(text) > 40:
        return None
    try:
        value = float(text) * UNITS_NS[unit] / NS_PER_S
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _digits(value: Decimal) -> str:
    """All digits of a decimal, without an exponent; "" for one that is no time."""
    return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 40 else ""


def _by_format(text: str, layout: str) -> tuple[int, bool]:
    try:
        moment = datetime.strptime(text[:100], layout)  # noqa: DTZ007  # a zone may be in it
    except (ValueError, OverflowError):
        raise EventError(BAD_TS) from None
    return _of_datetime(moment), "%f" not in layout


def _of_datetime(moment: date) -> int:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        since = moment - _EPOCH
    except OverflowError:
        raise EventError(BAD_TS) from None
    return parse_ts((since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000)
