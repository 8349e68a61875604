from __future__ import annotations

import io
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.exports.ops import OpsWriter
from replay.readers.ops import OPS
from switchboard.event import Event, EventError, event_to_json, parse_event
from tests.replay.exports.events import EVENTS, read_back, written

GET = Event(1_584_273_600_000_000_007, None, "GET", "/a")


@settings(max_examples=60)
@given(st.lists(EVENTS, max_size=3))
def test_events_come_back_whole(events: list[Event]) -> None:
    data, rows = written(OpsWriter, events)
    assert rows == len(events) == data.count(b"\n")
    assert [parse_event(orjson.loads(line)) for line in data.splitlines()] == events
    if events:
        assert read_back(data, OPS)[0] == events


@settings(max_examples=40)
@given(EVENTS)
def test_a_line_says_what_the_one_way_of_writing_an_event_says(event: Event) -> None:
    data, _ = written(OpsWriter, [event])
    value, plain = json.loads(data), json.loads(event_to_json(event))
    assert {**value, "ts": event.ts_ns} == plain


@pytest.mark.parametrize(
    ("ts_ns", "ts"),
    [
        (1_584_273_600_000_000_007, "2020-03-15T12:00:00.000000007Z"),
        (1_584_273_600_000_000_000, "2020-03-15T12:00:00.000000000Z"),
        (4_102_444_799_999_999_999, "2099-12-31T23:59:59.999999999Z"),
        (631_152_000_000_000_000, "1990-01-01T00:00:00.000000000Z"),
    ],
)
def test_stamps_have_nine_digits(ts_ns: int, ts: str) -> None:
    data, _ = written(OpsWriter, [GET._replace(ts_ns=ts_ns)])
    assert json.loads(data)["ts"] == ts


def test_keys_that_nobody_knows_are_kept() -> None:
    line = (
        '{"ts":"2020-03-15T12:00:00.000000007Z","method":"GET","url":"/a",'
        '"trace_id":"x","labels":{"a":[1,2.5,null]}}\n'
    )
    data, _ = written(OpsWriter, [parse_event(json.loads(line))])
    assert data.decode() == line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts_ns": None, "delay_ms": 1.0}, "no ts"),
        ({"extra": {"x": float("nan")}}, "not JSON"),
        ({"headers": (("A", "\ud800"),)}, "not JSON"),
        ({"body": b"x" * (9 << 20)}, "line longer than 8 MiB"),
        ({"user": ""}, "not an OPS event"),
        ({"extra": {"x": (1, 2)}}, "not an OPS event"),
        ({"url": "/a b"}, "bad url"),
    ],
)
def test_what_would_not_come_back_is_refused(changes: dict[str, Any], reason: str) -> None:
    out = io.BytesIO()
    writer = OpsWriter(out)
    with pytest.raises(EventError, match=f"^{reason}$"):
        writer.write(GET._replace(**changes))
    assert (writer.rows, out.getvalue()) == (0, b"")
