"""GoReplay recordings (`.gor`): requests, and what was answered to them.

A record is a header line (`TYPE ID TIMESTAMP_NS [DURATION_NS]`), the raw bytes of one HTTP
message, and a line of three monkeys. Type 1 is a request, 2 the answer that was recorded, 3 the
answer to a replay of it, which is passed over. An answer is joined to its request by the id,
before or after it; a bounded number waits. The first 16 digits of an id of 24 name the TCP
connection.
Read next: `gor_records.py` (records out of bytes), `raw_http.py` (a message out of a record).
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from replay.readers.carried import take_carried
from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.gor_records import MONKEYS, OVERLONG, SEPARATOR, iter_records
from replay.readers.head import Head
from replay.readers.raw_http import RawAnswer, build_url, parse_answer, parse_request
from replay.readers.source import Source
from switchboard.event import MAX_MS, EventError, parse_event
from switchboard.routes import split_url

MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
BAD_HEADER: Final = "bad record header"
ORPHAN: Final = "answer without its request"
ENDS_EARLY: Final = "file ends early"

_HEADER: Final = re.compile(rb"([123]) ([!-~]{1,128}) ([0-9]{1,19})(?: [^\n]*)?")
_FIRST: Final = re.compile(rb"[123] [0-9A-Fa-f]{8,64} [0-9]{16,19}(?: -?[0-9]{1,19})?\n")
_MAX_HEADER: Final = 512
_HEX_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")
_CONNECTION: Final = 16


class Record(NamedTuple):
    """One record, its header taken apart. number: which one of the file it is, from 1."""

    number: int
    kind: int
    id: str
    ts_ns: int
    payload: bytes


@dataclass(slots=True)
class _Waiting:
    request: Record
    answer: Record | None = None


def read_gor(source: Source, sink: Sink) -> None:
    """Every request becomes an entry; whatever cannot be used is a skip with its reason."""
    joined = Join(sink)
    replayed, number, is_whole = 0, 0, True
    for number, (data, is_whole) in enumerate(iter_records(source.stream()), 1):
        if not is_whole and source.damage is not None:
            break  # what is left of a damaged file is counted as its damage
        try:
            record = parse_record(number, data)
            if not is_whole:
                _check_whole(record)
        except EventError as error:
            sink.skip(number, error.reason if is_whole else ENDS_EARLY)
            continue
        replayed += record.kind == 3
        joined.take(record)
    joined.close()
    if source.damage is not None:
        source.damaged_line = number + is_whole
    if replayed:
        sink.note("replayed answers passed over", replayed)


def parse_record(number: int, data: bytes | None) -> Record:
    """The record in these bytes. Raises EventError with a short reason."""
    if data is None:
        raise EventError(OVERLONG)
    end = data.find(b"\n", 0, _MAX_HEADER)
    found = _HEADER.fullmatch(data, 0, end) if end > 0 else None
    if found is None:
        raise EventError(BAD_HEADER)
    payload = data[end + 1 :]
    return Record(number, int(found[1]), found[2].decode("ascii"), int(found[3]), payload)


def parse_pair(request: Record, answer: Record | None, *, with_answer_body: bool) -> Entry:
    """The entry of a request and its answer. Raises EventError with a short reason."""
    raw = parse_request(request.payload)
    carried, headers = take_carried(raw.headers)
    event = parse_event(
        {
            "ts": request.ts_ns,
            "method": raw.method,
            "url": _choose_url(build_url(raw.target, raw.host), carried.url),
            "user": carried.user,
            "session": carried.session,
            "service": carried.service,
        }
    )
    found = _parse_answer(answer, event.method, with_body=with_answer_body)
    connection = _connection(request.id)
    event = event._replace(
        headers=tuple(pair for pair in headers if pair[0].lower() != "host"),
        body=raw.body,
        status=found.status if found else None,
        wait_ms=_wait_ms(request, answer) if answer and found else None,
        response_headers=found.headers if found else (),
        response_body=found.body if found else None,
    )
    return Entry(event, client=connection, connection=connection)


class Join:
    """Brings requests and answers together and hands them on in the order of the requests.

    A request waits for its answer, and an answer for its request, until too much is waiting: then
    the oldest goes on alone.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._queue: deque[_Waiting] = deque()
        self._open: dict[str, _Waiting] = {}
        self._early: OrderedDict[str, Record] = OrderedDict()
        self._bytes = 0

    def take(self, record: Record) -> None:
        if record.kind == 1:
            self._take_request(record)
        elif record.kind == 2:
            self._take_answer(record)
        if len(self._queue) > MAX_WAITING:
            self._emit()
            self._emit_ready()
        if len(self._early) > MAX_WAITING:
            self._drop(self._early.popitem(last=False)[1])
        while self._bytes > MAX_WAITING_BYTES:
            self._let_go()

    def close(self) -> None:
        """Hand on everything that still waits."""
        while self._queue or self._early:
            self._let_go()

    def _take_request(self, record: Record) -> None:
        waiting = _Waiting(record, self._early.pop(record.id, None))
        self._queue.append(waiting)
        self._bytes += len(record.payload)
        if waiting.answer is None:
            self._open[record.id] = waiting
        self._emit_ready()

    def _take_answer(self, record: Record) -> None:
        self._bytes += len(record.payload)
        waiting = self._open.pop(record.id, None)
        if waiting is not None:
            waiting.answer = record
            self._emit_ready()
            return
        if record.id in self._early:
            self._drop(self._early.pop(record.id))
        self._early[record.id] = record

    def _emit_ready(self) -> None:
        while self._queue and self._queue[0].answer is not None:
            self._emit()

    def _let_go(self) -> None:
        """The oldest of what waits, a request or an answer."""
        early = next(iter(self._early.values()), None)
        if self._queue and (early is None or self._queue[0].request.number < early.number):
            self._emit()
            self._emit_ready()
        elif early is not None:
            self._drop(self._early.pop(early.id))

    def _drop(self, answer: Record) -> None:
        self._bytes -= len(answer.payload)
        self._sink.skip(answer.number, ORPHAN)

    def _emit(self) -> None:
        request, answer = (waiting := self._queue.popleft()).request, waiting.answer
        if self._open.get(request.id) is waiting:
            del self._open[request.id]
        self._bytes -= len(request.payload) + (len(answer.payload) if answer else 0)
        try:
            entry = parse_pair(request, answer, with_answer_body=self._sink.needs_whole)
            self._sink.add(request.number, entry)
        except EventError as error:
            self._sink.skip(request.number, error.reason)


def _check_whole(record: Record) -> None:
    """The last record has no line of monkeys: it counts if its message says that it is whole."""
    if record.kind == 1:
        parse_request(record.payload)
    elif parse_answer(record.payload, "GET").body is None:
        raise EventError(ENDS_EARLY)


def _choose_url(plain: str, carried: str | None) -> str:
    """The carried URL if it asks for the same: a request edited since then goes by its line."""
    if carried is None or split_url(carried) != split_url(plain):
        return plain
    return carried


def _parse_answer(answer: Record | None, method: str, *, with_body: bool) -> RawAnswer | None:
    """What was answered; None when nothing was recorded, or nothing that is HTTP."""
    if answer is None:
        return None
    try:
        return parse_answer(answer.payload, method, with_body=with_body)
    except EventError:
        return None


def _wait_ms(request: Record, answer: Record) -> float | None:
    """From one stamp to the other; None where they say nothing, or something that cannot be."""
    wait_ms = (answer.ts_ns - request.ts_ns) / 1e6
    return wait_ms if 0 < wait_ms <= MAX_MS else None


def _connection(record_id: str) -> str | None:
    """The TCP connection that an id of 24 digits names; older ids are hashes."""
    if _HEX_ID.fullmatch(record_id) is None:
        return None
    return record_id[:_CONNECTION].lower()


def _recognises(head: Head) -> bool:
    return (
        _FIRST.match(head.data) is not None
        or SEPARATOR in head.data
        or head.data.startswith(MONKEYS)
    )


GOR: Final = Format(
    "gor",
    "GoReplay recordings (.gor)",
    START,
    _recognises,
    read_gor,
    is_binary=True,
)
