from __future__ import annotations

import gzip
import io
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replay.exports import gor
from replay.exports.gor import GorWriter
from replay.readers.gor import GOR
from replay.readers.gor_records import SEPARATOR
from replay.readers.head import Head
from replay.readers.raw_http import parse_answer, parse_request
from replay.readers.sniff import sniff
from switchboard.event import Event, EventError
from tests.replay.exports.events import EVENTS, read_back, written

GET = Event(1_584_273_600_000_000_007, None, "GET", "http://h/a")
OURS = {"host", "content-length", "transfer-encoding", "x-esr-user"}


def held(event: Event) -> Event:
    """What of an event the format can hold, as the writer's docstring says."""
    has_body = (
        event.method != "HEAD" and event.status not in (204, 304) and (event.status or 0) > 199
    )
    return event._replace(
        headers=_held(event.headers),
        wait_ms=event.wait_ms or None,
        response_headers=_held(event.response_headers),
        response_body=event.response_body if has_body else None,
        extra={},
    )


def _held(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text.strip(" \t")) for name, text in headers if name.lower() not in OURS)


@settings(max_examples=60)
@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_events_come_back(events: list[Event]) -> None:
    data, rows = written(GorWriter, events)
    assert rows == len(events)
    assert data.endswith(SEPARATOR)
    assert isinstance(found := sniff(Head(data)), type(GOR))
    assert found.name == "gor"
    assert read_back(data, GOR)[0] == [held(event) for event in events]
    assert read_back(gzip.compress(data), GOR)[0] == [held(event) for event in events]


@settings(max_examples=40)
@given(EVENTS)
def test_what_came_back_is_written_the_same(event: Event) -> None:
    data, _ = written(GorWriter, [event])
    assert written(GorWriter, read_back(data, GOR)[0])[0] == data


@settings(max_examples=40)
@given(EVENTS)
def test_every_message_is_one_that_a_strict_reader_takes(event: Event) -> None:
    data, _ = written(GorWriter, [event])
    request, *answers, end = data.split(SEPARATOR)
    header, _, message = request.partition(b"\n")
    assert header.split()[0] == b"1"
    assert header.split()[3] == b"0"
    assert parse_request(message).body == event.body
    assert end == b""
    assert len(answers) == (event.status is not None)
    for answer in answers:
        header, _, message = answer.partition(b"\n")
        assert header.split()[:2] == [b"2", request.split()[1]]
        assert parse_answer(message, event.method).status == event.status


def test_a_session_is_a_connection() -> None:
    who: list[dict[str, Any]] = [
        {"user": "ann", "session": "s1"},
        {"user": "bob", "session": "s1"},
        {"user": "ann", "session": "s2"},
        {"user": "ann"},
        {"user": "s1"},
        {"user": "ann"},
        {},
        {},
    ]
    data, _ = written(GorWriter, [GET._replace(**each) for each in who])
    _, found = read_back(data, GOR)
    keys = [entry.connection for _, entry in found.entries]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] == keys[5]
    assert len({*keys[:5]}) == 4
    assert keys[6:] == [None, None]
    ids = [line.split()[1] for line in data.split(b"\n") if line.startswith(b"1 ")]
    assert [len(each) for each in ids] == [24] * 6 + [40] * 2
    assert len(set(ids)) == len(ids)


def test_the_url_is_carried_only_where_it_must_be() -> None:
    plain, _ = written(GorWriter, [GET])
    assert b"X-Esr" not in plain
    https, _ = written(GorWriter, [GET._replace(url="https://h/a")])
    assert b"\r\nX-Esr-Url: https://h/a\r\n" in https


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts_ns": None, "delay_ms": 1.0}, "no ts"),
        ({"url": "http://a!b/"}, "bad host"),
        ({"url": "/a b"}, "bad url"),
        ({"method": "G T"}, "bad method"),
        ({"user": "a\nb"}, "bad user"),
        ({"session": "\ud800"}, "bad session"),
        ({"headers": (("A", "b\r\nC: d"),)}, "bad header"),
        ({"headers": (("A", "b\0"),)}, "bad header"),
        ({"headers": (("A b", "c"),)}, "bad header"),
        ({"headers": (("", "c"),)}, "bad header"),
        ({"headers": (("A", "\ud800"),)}, "bad header"),
        ({"status": 200, "response_headers": (("A", "b\nc"),)}, "bad header"),
        ({"headers": (("A", "b" * (256 * 1024)),)}, "head longer than 256 KiB"),
        ({"body": b"a" + SEPARATOR + b"b"}, "the body holds the end of a record"),
        ({"body": SEPARATOR[:-1]}, "the body holds the end of a record"),
        ({"status": 200, "response_body": SEPARATOR}, "the body holds the end of a record"),
    ],
)
def test_what_would_not_come_back_is_refused(changes: dict[str, Any], reason: str) -> None:
    out = io.BytesIO()
    writer = GorWriter(out)
    with pytest.raises(EventError, match=f"^{reason}$"):
        writer.write(GET._replace(**changes))
    assert (writer.rows, out.getvalue()) == (0, b"")


def test_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gor, "MAX_RECORD", 200)
    with pytest.raises(EventError, match="record longer than 64 MiB"):
        written(GorWriter, [GET._replace(body=b"x" * 200)])


@given(st.binary(max_size=40), st.integers(0, 40))
def test_no_body_breaks_out_of_its_record(body: bytes, at: int) -> None:
    odd = body[:at] + SEPARATOR[: at % (len(SEPARATOR) + 1)] + body[at:]
    try:
        data, _ = written(GorWriter, [GET._replace(body=odd)] * 2)
    except EventError:
        assume(SEPARATOR in b"\n" + odd + b"\n")  # refused only for that
        return
    assert [event.body for event in read_back(data, GOR)[0]] == [odd, odd]
