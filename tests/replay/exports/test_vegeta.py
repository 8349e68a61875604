from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.exports.vegeta import VegetaWriter
from replay.readers.vegeta_json import VEGETA_JSON
from switchboard.event import Event, EventError
from tests.replay.exports.events import EVENTS, read_back, written
from tests.replay.readers.collecting import read_file

GET = Event(1_584_273_600_000_000_007, None, "GET", "http://h/a")


def held(event: Event) -> Event:
    """What of an event the format can hold, as the writer's docstring says."""
    headers: dict[str, list[tuple[str, str]]] = {}
    for name, text in event.headers:
        if name.lower() != "x-esr-user":
            headers.setdefault(name, []).append((name, text))
    return event._replace(
        headers=tuple(pair for pairs in headers.values() for pair in pairs),
        status=None,
        wait_ms=None,
        response_headers=(),
        response_body=None,
        extra={},
    )


@settings(max_examples=80)
@given(st.lists(EVENTS.filter(lambda event: event.url != "*"), min_size=1, max_size=3))
def test_events_come_back(events: list[Event]) -> None:
    out, times = io.BytesIO(), io.BytesIO()
    writer = VegetaWriter(out, times)
    for event in events:
        writer.write(event)
    writer.close()
    assert writer.rows == len(events)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t.json").write_bytes(out.getvalue())
        (Path(folder) / "t.json.times").write_bytes(times.getvalue())
        found = read_file(Path(folder) / "t.json", VEGETA_JSON)
    assert found.skips == []
    assert found.notes == {}
    assert [entry.event for _, entry in found.entries] == [held(event) for event in events]
    for line in out.getvalue().splitlines():
        value = json.loads(line)
        assert {"method", "url"} <= value.keys() <= {"method", "url", "body", "header"}
        assert all(isinstance(texts, list) for texts in value.get("header", {}).values())


def test_without_times_the_order_is_left() -> None:
    data, rows = written(VegetaWriter, [GET, GET._replace(url="http://h/b")])
    assert rows == 2
    events, found = read_back(data, VEGETA_JSON)
    assert [(event.url, event.ts_ns, event.delay_ms) for event in events] == [
        ("http://h/a", None, 1.0),
        ("http://h/b", None, 1.0),
    ]
    assert len(found.notes) == 1


def test_a_request_without_a_host_has_a_stand_in_and_gets_its_path_back() -> None:
    event = GET._replace(url="/a?b=%41")
    data, rows = written(VegetaWriter, [event])
    assert rows == 1
    assert json.loads(data)["url"] == "http://localhost/a?b=%41"
    events, _ = read_back(data, VEGETA_JSON)
    assert [(each.url, each.headers) for each in events] == [(event.url, event.headers)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts_ns": None, "delay_ms": 1.0}, "no ts"),
        ({"url": "*"}, "url without a host"),
        ({"url": "http://h/a b"}, "bad url"),
        ({"method": "G T"}, "bad method"),
        ({"service": "a\nb"}, "bad service"),
        ({"headers": (("A", "b\r\nC: d"),)}, "bad header"),
        ({"headers": (("A b", "c"),)}, "bad header"),
        ({"headers": (("A", "\ud800"),)}, "bad header"),
        ({"body": b"x" * (7 << 20)}, "line longer than 8 MiB"),
    ],
)
def test_what_vegeta_could_not_send_is_refused(changes: dict[str, Any], reason: str) -> None:
    out, times = io.BytesIO(), io.BytesIO()
    writer = VegetaWriter(out, times)
    with pytest.raises(EventError, match=f"^{reason}$"):
        writer.write(GET._replace(**changes))
    assert (writer.rows, out.getvalue(), times.getvalue()) == (0, b"", b"")
