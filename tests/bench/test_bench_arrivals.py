"""What a recorder saw against the log: lateness, drift, order, and what is missing."""

from __future__ import annotations

import math
from pathlib import Path

import orjson
import pytest

from bench.arrivals import judge_arrivals
from bench.recorder import ANSWER, Book, Recorder, request_size
from bench.traces import START_NS, Pattern, write_access_log, write_log
from replay.building.compile import build_tape
from switchboard.event import parse_event

MS = 1_000_000
T0 = 5_000 * MS
STAMPS = [n * 100 * MS for n in range(10)]
GET = b"GET /bench/7 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /bench/8?a=1 HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"


def test_lateness_counts_from_the_stamp_over_the_speed() -> None:
    arrivals = [T0 + stamp // 2 + 3 * MS for stamp in STAMPS]
    seen = judge_arrivals(range(10), arrivals, STAMPS, 5, T0, 2.0)
    assert (seen.p50_ms, seen.p99_ms, seen.max_ms, seen.drift_ms) == pytest.approx((3, 3, 3, 0))
    assert (seen.missing, seen.repeated, seen.reordered) == (0, 0, 0)


def test_drift_is_what_the_end_is_later_than_the_start() -> None:
    arrivals = [T0 + stamp + n * MS for n, stamp in enumerate(STAMPS)]
    assert judge_arrivals(range(10), arrivals, STAMPS, 5, T0, 1.0).drift_ms == pytest.approx(9)


def test_only_requests_of_one_user_can_be_reordered() -> None:
    """Two users: 0 and 1 swap freely, while 2 before 0 overtakes."""
    stamps = STAMPS[:4]
    arrivals = [T0 + n * MS for n in range(4)]
    swapped = judge_arrivals([1, 0, 2, 3], arrivals, stamps, 2, T0, 1.0)
    overtaken = judge_arrivals([2, 0, 1, 3], arrivals, stamps, 2, T0, 1.0)
    assert (swapped.reordered, overtaken.reordered) == (0, 1)


def test_missing_repeated_and_foreign_requests() -> None:
    """A repeated request counts by its first arrival; numbers the log lacks are ignored."""
    numbers, arrivals = [0, 0, 2, 77, -1], [T0, T0 + 50 * MS, T0 + 200 * MS, T0, T0]
    seen = judge_arrivals(numbers, arrivals, STAMPS[:3], 3, T0, 1.0)
    assert (seen.expected, seen.missing, seen.repeated) == (3, 1, 1)
    assert seen.max_ms == pytest.approx(0)


def test_nothing_arrived() -> None:
    seen = judge_arrivals([], [], STAMPS, 3, T0, 1.0)
    assert seen.missing == 10
    assert math.isnan(seen.p50_ms)
    assert math.isnan(seen.drift_ms)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(GET, len(GET), id="no body"),
        pytest.param(POST, len(POST), id="body"),
        pytest.param(POST + GET, len(POST), id="two"),
        pytest.param(POST[:-1], None, id="body not all there"),
        pytest.param(GET[:-1], None, id="head not all there"),
    ],
)
def test_request_size(data: bytes, expected: int | None) -> None:
    assert request_size(data) == expected


class ScriptedTransport:
    """Counts what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.mark.parametrize("step", [1, 7, 1000], ids=["bytes", "pieces", "at once"])
def test_recorder_notes_every_request_once_however_it_is_cut(step: int) -> None:
    book, transport = Book(), ScriptedTransport()
    recorder = Recorder(book)
    recorder.connection_made(transport)  # type: ignore[arg-type]
    data = GET + POST + b"GET / HTTP/1.1\r\n\r\n"
    for at in range(0, len(data), step):
        recorder.data_received(data[at : at + step])
    assert book.numbers.tolist() == [7, 8, -1]
    assert transport.written == ANSWER * 3
    assert book.arrivals.tolist() == sorted(book.arrivals)


@pytest.mark.parametrize("seed", [None, 4], ids=["even gaps", "random gaps"])
def test_log_says_what_its_pattern_says(tmp_path: Path, seed: int | None) -> None:
    pattern = Pattern(requests=50, users=7, rate_per_s=40.0, seed=seed)
    write_log(tmp_path / "log", pattern)
    events = [parse_event(orjson.loads(x)) for x in (tmp_path / "log").read_bytes().splitlines()]
    stamps = list(pattern.stamps_ns())
    assert [event.ts_ns for event in events] == [START_NS + stamp for stamp in stamps]
    assert [event.user for event in events] == [f"C-{n % 7:08d}" for n in range(50)]
    assert events[1].url.endswith("/bench/1")
    assert [len(event.body) for event in events[:2]] == [0, 300]
    assert (stamps[0], stamps) == (0, sorted(stamps))


def test_an_access_log_is_one_that_a_tape_is_built_of(tmp_path: Path) -> None:
    write_access_log(tmp_path / "log", Pattern(requests=90, users=7, rate_per_s=40.0))
    info = build_tape([tmp_path / "log"], tmp_path / "tape")
    assert (info.account.format, info.account.entries, info.requests) == ("combined", 90, 90)
    assert (info.users, info.start_ns // 10**9) == (7, START_NS // 10**9)
