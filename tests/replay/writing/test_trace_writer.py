from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.account import Account, Tally
from replay.exports.ops import OpsWriter
from replay.filter_words import build_filters
from replay.filters import Filtered
from replay.gate.findings import Findings
from replay.readers.entry import COARSE, INFERRED, Entry, Sink
from replay.readers.source import find_files
from replay.readers.through import Through
from replay.session_keys import SessionKeys, parse_session_key
from replay.writing import trace_writer
from replay.writing.trace_writer import DELAYS_START_NS, Writer, transcribe
from switchboard.errors import LeakError, TraceError
from switchboard.event import Event, EventError, parse_event, parse_ts

NS = 1_000_000_000
START = 1_710_460_800 * NS


class Kept:
    """A writer of a format that holds all but PUT."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_closed = False

    def write(self, event: Event) -> None:
        assert event.ts_ns is not None
        assert not self.is_closed
        if event.method == "PUT":
            raise EventError("not in this format")
        self.events.append(event)

    def close(self) -> None:
        self.is_closed = True

    @property
    def times(self) -> list[int]:
        return [event.ts_ns or 0 for event in self.events]

    @property
    def urls(self) -> list[str]:
        return [event.url for event in self.events]


def write_log(path: Path, *events: dict[str, Any]) -> Path:
    path.write_bytes(b"".join(orjson.dumps({"method": "GET", **each}) + b"\n" for each in events))
    return path


def run(*paths: Path, **options: Any) -> tuple[Kept, Account]:
    out = Kept()
    account = transcribe(find_files(list(paths)), out, **options)
    assert out.is_closed
    used = account.entries - account.skipped_total - account.dropped_total
    assert account.used == len(out.events) == used
    assert sum(account.session_keys.values()) >= account.used
    return out, account


def test_what_is_read_is_written_and_accounted_for(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "a.ndjson",
        {"ts": START, "url": "/a", "user": "ann", "body": {"a": 1}, "status": 200},
        {"ts": START + 1, "url": "/b", "method": "PUT"},
        {"ts": START - 1, "url": "/c", "session": "s", "response_body": "hi"},
    )
    path.write_bytes(path.read_bytes() + b"no json\n")
    out, account = run(path)
    assert out.urls == ["/a", "/c"]
    assert out.events[0].body == b'{"a":1}'
    assert out.events[0].headers == (("content-type", "application/json"),)
    assert out.events[1].response_body == b"hi"
    assert account.skipped == {"not in this format": 1, "not JSON": 1}
    assert [(each.file, each.line) for each in account.examples] == [
        ("a.ndjson", 4),
        ("a.ndjson", 2),
    ]
    assert (account.format, account.stamp, account.out_of_order) == ("ops", "start", 1)
    assert account.sources[0].bytes == path.stat().st_size


def test_credentials_stay_here_unless_they_were_replaced(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "a.ndjson",
        {
            "ts": START,
            "url": "/a?token=x",
            "headers": {"Cookie": "sid=x", "Accept": "*/*"},
            "response_headers": {"Set-Cookie": "sid=x"},
            "response_body": {"password": "x"},
        },
    )
    out, account = run(path)
    assert out.events[0].url == "/a?token=sandbox"
    assert out.events[0].headers == (("Accept", "*/*"),)
    assert out.events[0].response_headers == ()
    assert out.events[0].response_body == b'{"password":"sandbox"}'
    assert account.notes == ("credentials were taken out of 1 entries",)
    out, account = run(path, keeps_credentials=True)
    assert out.events[0].url == "/a?token=x"
    assert account.notes == ()


def test_a_trace_of_delays_begins_somewhere(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a", {"delay": 500, "url": "/a"}, {"delay": 1_000, "url": "/b"})
    out, account = run(path)
    assert out.times == [DELAYS_START_NS + NS // 2, DELAYS_START_NS + 3 * NS // 2]
    assert "2 entries had only delays: their clock starts at 2020-01-01" in account.notes


def test_what_comes_before_the_first_stamp_waits_for_it(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "a",
        {"delay": 500, "url": "/a"},
        {"delay": 1_000, "url": "/b"},
        {"ts": START, "url": "/c"},
        {"delay": 2_000, "url": "/d"},
    )
    out, account = run(path)
    assert out.times == [START - NS, START, START, START + 2 * NS]
    assert account.notes == ()


def test_it_waits_no_longer_than_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_writer, "MAX_LEADING", 2)
    events = [{"delay": 0, "url": "/a"}] * 3
    out, account = run(write_log(tmp_path / "a", *events, {"ts": START, "url": "/b"}))
    assert out.times == [DELAYS_START_NS, DELAYS_START_NS, START, START]
    assert "2 entries had only delays: their clock starts at 2020-01-01" in account.notes


LINE = '10.0.0.{} - - [15/Mar/2024:00:00:0{} +0000] "GET /{} HTTP/1.1" 200 5 "-" "curl"\n'


def test_an_access_log_loses_its_addresses_and_keeps_its_people(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("".join(LINE.format(row % 2, row // 4, row) for row in range(8)))
    out, account = run(path, seed=3)
    assert [event.user for event in out.events] == ["client-1", "client-2"] * 4
    assert {event.session for event in out.events} == {"client-1-1", "client-2-1"}
    assert out.times == sorted(set(out.times))
    assert [ns // NS - START // NS for ns in out.times] == [0] * 4 + [1] * 4
    assert account.stamps == "spread inside one second (seed 3)"
    assert account.session_keys == {"client": 8}
    assert "10.0.0" not in str([tuple(event) for event in out.events])


def test_sessions_of_clients_are_told_in_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    hours = (9, 1, 5, 1)
    lines = [LINE.format(7, 0, hour).replace(":00:00:", f":{hour:02}:00:") for hour in hours]
    path.write_text("".join(lines))
    out, account = run(path, in_order=True)
    assert account.out_of_order == 3
    assert out.urls == ["/1", "/1", "/5", "/9"]
    assert [event.session for event in out.events] == [f"client-1-{n}" for n in (1, 1, 2, 3)]


def test_it_is_written_through_a_chain(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "a",
        *[
            {"ts": START + row, "url": f"/{row}", "headers": {"Cookie": f"sid=secret{row % 2}"}}
            for row in range(4)
        ],
    )

    def chain(end: Writer, tally: Tally, findings: Findings) -> Sink:
        filtered = Filtered(end, build_filters(routes=["/0", "/1", "/2"]), tally)
        return SessionKeys(filtered, parse_session_key("cookie:sid"), tally)

    out, account = run(path, chain=chain)
    assert [event.user for event in out.events] == ["client-1", "client-2", "client-1"]
    assert "secret" not in str([tuple(event) for event in out.events])
    assert account.dropped == {"route": 1}
    assert account.session_keys == {"cookie:sid": 3}


def test_several_logs_become_one_in_order_of_time(tmp_path: Path) -> None:
    first = write_log(tmp_path / "a", *[{"ts": START + n, "url": f"/{n}"} for n in (5, 1, 3)])
    second = write_log(tmp_path / "b", *[{"ts": START + n, "url": f"/{n}"} for n in (4, 2, 3)])
    out, account = run(first, second, in_order=True, folder=tmp_path)
    assert out.urls == ["/1", "/2", "/3", "/3", "/4", "/5"]
    out, account = run(first, second, in_order=True, drop_twins=True)
    assert out.urls == ["/1", "/2", "/3", "/4", "/5"]
    assert account.dropped == {"duplicate": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_that_is_there_twice_is_written_once(tmp_path: Path) -> None:
    first = write_log(tmp_path / "a", {"ts": START, "url": "/a"}, {"ts": START, "url": "/b"})
    (tmp_path / "b").write_bytes(first.read_bytes())
    out, account = run(first, tmp_path / "b")
    assert out.urls == ["/a", "/b"]
    assert account.skipped == {"in a duplicate file": 2}
    assert account.notes == ("b is a again, byte for byte: it was left out",)


def test_no_more_than_was_asked_for(tmp_path: Path) -> None:
    events = [{"ts": START + n, "url": f"/{n}"} for n in range(9)]
    out, account = run(write_log(tmp_path / "a", *events), most=4)
    assert out.urls == ["/0", "/1", "/2", "/3"]
    assert account.notes == ("reading ended once there were as many entries as were asked for",)


def test_what_may_be_of_real_people_is_refused(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a", {"ts": START, "url": "/a"})

    class Gate(Through):
        def __init__(self, end: Writer, findings: Findings, *, is_allowed: bool) -> None:
            super().__init__(end)
            self._findings, self._is_allowed = findings, is_allowed

        def add(self, line: int, entry: Entry) -> None:
            self._findings.add("a", line, "url", "ssn", "x", is_allowed=self._is_allowed)
            super().add(line, entry)

    def refusing(end: Writer, tally: Tally, findings: Findings) -> Sink:
        return Gate(end, findings, is_allowed=False)

    def allowing(end: Writer, tally: Tally, findings: Findings) -> Sink:
        return Gate(end, findings, is_allowed=True)

    with pytest.raises(LeakError, match="nothing is written") as caught:
        run(path, chain=refusing)
    assert caught.value.findings == {"ssn": 1}
    account = run(path, chain=allowing, allowed=["ssn"])[1]
    assert (account.allowed, account.found) == (("ssn",), {"ssn": 1})


def test_nothing_to_write_is_said_with_its_reasons(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a", {"ts": START, "url": "/a"}, {"ts": START})

    def chain(end: Writer, tally: Tally, findings: Findings) -> Sink:
        return Filtered(end, build_filters(methods=["PUT"]), tally)

    with pytest.raises(TraceError) as caught:
        run(path, chain=chain)
    assert str(caught.value) == (
        "nothing of the trace is left to write: no url (1, first at a:2); method left out 1"
    )


def test_a_file_that_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n")
    log = write_log(tmp_path / "a", {"ts": START, "url": "/a"})
    out = Kept()
    account = transcribe(find_files([tmp_path]), out)
    assert account.skipped == {"not a trace: a PNG image": 1}
    with pytest.raises(
        TraceError, match=r"b\.png is not a trace this can read: it looks like a PNG"
    ):
        transcribe(find_files([tmp_path / "b.png", log]), Kept())


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a", {"ts": START, "url": "/a"})
    told: list[tuple[int, int]] = []
    run(path, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_the_fast_way_is_the_same_way() -> None:
    ends = []
    for way in ("whole", "fast"):
        out, tally = Kept(), Tally()
        writer = Writer(out, tally)
        if way == "whole":
            event = Event(
                START, None, "GET", "http://h.example/a", headers=(("Accept", "*/*"),), status=200
            )
            writer.add(1, Entry(event, client="10.0.0.1", coarse=True, inferred=True))
        else:
            writer.add_request(
                1, START, "GET", "h.example", "/a", None, None, None, "Accept: */*\r\n", b"", 200,
                None, "10.0.0.1", COARSE + INFERRED,
            )  # fmt: skip
        writer.finish()
        ends.append((out.events, tally.used, tally.session_keys))
    assert ends[0] == ends[1]
    assert len(ends[0][0]) == 1


EVENTS = st.lists(
    st.fixed_dictionaries(
        {"url": st.sampled_from(["/a", "/b?c=d", "https://h.example/x"])},
        optional={
            "ts": st.integers(START, START + 3 * NS),
            "delay": st.integers(0, 900),
            "user": st.sampled_from(["ann", "bob"]),
            "body": st.sampled_from(["text", {"a": [1, None]}]),
            "method": st.sampled_from(["POST", "PUT", ""]),
            "response_body": st.text(max_size=5),
        },
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS, in_order=st.booleans())
def test_what_was_written_is_read_back_and_written_alike(
    tmp_path: Path, events: list[dict[str, Any]], *, in_order: bool
) -> None:
    path = write_log(tmp_path / "in.ndjson", *events)
    written = []
    for _ in range(2):
        data = io.BytesIO()
        try:
            account = transcribe(find_files([path]), OpsWriter(data), in_order=in_order)
        except TraceError:
            return
        assert account.entries == account.used + account.skipped_total
        written.append(data.getvalue())
        path.write_bytes(data.getvalue())
    assert written[0] == written[1]
    lines = [parse_event(orjson.loads(line)) for line in written[0].splitlines()]
    times = [event.ts_ns or 0 for event in lines]
    assert times == sorted(times) or not in_order
    assert all(ns == parse_ts(ns) for ns in times)
