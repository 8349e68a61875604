"""vegeta's JSON targets: one object a line, with a body in base64 and headers as lists.

The format has no times, and allows no other keys. They are read from a file beside the trace,
`<name>.times`, with one integer a line, nanoseconds since 1970, for each target in turn: our
export writes it. Without it targets are taken 1 ms apart.
Read next: `carried.py` (who asked), `replay/exports/vegeta.py` (which writes both files).
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from replay.readers.carried import restore
from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.ops import NOT_JSON
from replay.readers.source import OVERLONG, Source
from replay.readers.vegeta_targets import NO_TIMES, STEP_MS
from switchboard.event import EventError, parse_event

TIMES: Final = ".times"
NO_TIME: Final = "no time in the .times file"
_KEYS: Final = frozenset({"method", "url", "body", "header"})
_PACKED: Final = (".gz", ".zst", ".bz2")
_MAX_DIGITS: Final = 32


def read_vegeta_json(source: Source, sink: Sink) -> None:
    """Every line that is not blank becomes an entry for the sink, or a skip with its reason."""
    with Times(source.path) as times:
        if not times.is_there:
            sink.note(NO_TIMES, 0)
        for first, batch in source.batches():
            for number, line in enumerate(batch, first):
                if line is None or line.strip():
                    _take(sink, number, line, times.read_time())
        if times.read_time().get("ts") is not None:
            sink.note("the .times file goes on after the last target", 0)


def _take(sink: Sink, number: int, line: bytes | None, time: dict[str, Any]) -> None:
    try:
        sink.add(number, parse_line(line, time))
    except EventError as error:
        sink.skip(number, error.reason, time.get("delay", 0.0))


def parse_line(line: bytes | None, time: dict[str, Any]) -> Entry:
    """The entry of a line; `time` is its `ts` or its `delay`. Raises EventError."""
    if line is None:
        raise EventError(OVERLONG)
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise EventError(NOT_JSON) from None
    if type(value) is not dict:
        raise EventError("not an object")
    if not time:
        raise EventError(NO_TIME)
    event = parse_event(
        {
            **time,
            "method": _text(value.get("method"), "bad method"),
            "url": _text(value.get("url"), "bad url"),
            "headers": value.get("header"),
            "body_b64": value.get("body"),
        }
    )
    return Entry(restore(event))


def _text(value: Any, reason: str) -> str | None:
    """Lists and objects cannot even be looked up, so they go before anybody does."""
    if value is not None and type(value) is not str:
        raise EventError(reason)
    return value


class Times:
    """The times beside a trace, one after the other: nothing of them is held."""

    def __init__(self, trace: Path) -> None:
        self._file: IO[bytes] | None = None
        for path in _beside(trace):
            try:
                if path.is_file():
                    self._file = path.open("rb")
                    break
            except OSError:  # as good as not there: the account says that there are no times
                continue

    @property
    def is_there(self) -> bool:
        return self._file is not None

    def read_time(self) -> dict[str, Any]:
        """The `ts` of the next target, nothing where it has none; without a file, a `delay`."""
        if self._file is None:
            return {"delay": STEP_MS}
        line = self._file.readline(_MAX_DIGITS).strip()
        return {"ts": int(line)} if line.isdigit() else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _beside(trace: Path) -> list[Path]:
    """Where times may lie: `a.json.times`, also of `a.json.gz`."""
    names = [trace.name]
    names += [trace.name.removesuffix(end) for end in _PACKED if trace.name.endswith(end)]
    return [trace.with_name(name + TIMES) for name in names if name]


def _recognises(head: Head) -> bool:
    """Objects with the keys of a target and no others; an OPS event has a time."""
    return any(
        {"method", "url"} <= value.keys() <= _KEYS
        and type(value.get("header", {})) in (dict, type(None))
        for value in head.objects
    )


VEGETA_JSON: Final = Format(
    "vegeta_json",
    "vegeta targets (JSON, one a line)",
    START,
    _recognises,
    read_vegeta_json,
)
