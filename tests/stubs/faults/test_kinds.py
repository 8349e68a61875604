"""What each kind makes of a request, beyond its example in `examples.py`."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.clock_skew import ClockSkew
from stubs.faults.course import CallbackTwist, Course, Cut, Hold, Pacing
from stubs.faults.dns import Dns
from stubs.faults.down import COLD_MS, Down
from stubs.faults.duplicate_delivery import DuplicateDelivery
from stubs.faults.error import Error
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.latency import Latency
from stubs.faults.loss import MAX_CHUNKS, Loss, lost_packets
from stubs.faults.out_of_order_callback import OutOfOrderCallback
from stubs.faults.quota import Quota
from stubs.faults.reset import Reset
from stubs.faults.slow_close import SlowClose
from stubs.faults.stale_read import StaleRead
from stubs.faults.throttle import Throttle
from stubs.faults.tls import Tls
from stubs.faults.truncate import Truncate
from tests.stubs.faults.examples import a_draw, an_ask

USUALLY = Course()
RESET = Cut("reset")


def course_of(kind: FaultKind, course: Course = USUALLY, **ask: Any) -> Course:
    return kind.apply(course, an_ask(**ask), a_draw())


@pytest.mark.parametrize(
    ("kind", "course"),
    [
        pytest.param(Down(), Course(asks=0, cut=RESET), id="refuse"),
        pytest.param(Down(mode="reset"), Course(asks=0, cut=RESET), id="down, reset"),
        pytest.param(
            Down(mode="blackhole"), Course(asks=0, hold=Hold(None, "reset")), id="blackhole"
        ),
        pytest.param(Dns(mode="stale_ip"), Course(asks=0, cut=RESET), id="stale ip"),
        pytest.param(Tls(), Course(asks=0, cut=RESET), id="expired"),
        pytest.param(Tls(mode="wrong_host"), Course(asks=0, cut=RESET), id="wrong host"),
        pytest.param(
            Tls(mode="handshake_stall"), Course(asks=0, hold=Hold(None, "close")), id="stall"
        ),
        pytest.param(
            Reset(after_ms=5.0), Course(asks=0, cut=Cut("reset", "request", 5.0)), id="reset"
        ),
        pytest.param(
            Reset(phase="connect"), Course(asks=0, cut=Cut("reset", "request")), id="connect"
        ),
        pytest.param(Hang(), Course(asks=0, hold=Hold(None, "close")), id="hang"),
        pytest.param(
            Hang(for_s=2.0, then="respond"), Course(asks=1, hold=Hold(2.0, "respond")), id="late"
        ),
        pytest.param(
            GhostCommit(lose="hang"), Course(asks=1, hold=Hold(None, "close")), id="ghost, hang"
        ),
        pytest.param(
            Truncate(), Course(cut=Cut("close", "response", fraction=0.5)), id="half of it"
        ),
        pytest.param(
            Truncate(bytes=9, keep_content_length=False),
            Course(cut=Cut("close", "response", body_bytes=9, keep_content_length=False)),
            id="nine bytes, unnoticed",
        ),
        pytest.param(
            Throttle(chunk_bytes=10, chunk_delay_ms=5.0, direction="request"),
            Course(pacing=Pacing(0.0, 10, 5.0, direction="request")),
            id="slicer",
        ),
        pytest.param(Latency(ms=0.0), Course(), id="no latency"),
        pytest.param(
            Latency(ms=40.0, where="first_byte"), Course(first_byte_s=0.04), id="first byte"
        ),
        pytest.param(
            Latency(ms=40.0, where="per_chunk"),
            Course(pacing=Pacing(chunk_bytes=1460, chunk_delay_ms=40.0)),
            id="per chunk",
        ),
        pytest.param(Loss(percent=0.0), Course(), id="no loss"),
        pytest.param(ClockSkew(offset_s=0.0), Course(), id="no skew"),
    ],
)
def test_a_kind_makes_a_course(kind: FaultKind, course: Course) -> None:
    assert course_of(kind) == course


@pytest.mark.parametrize(
    ("kind", "status", "asks"),
    [
        (Down(mode="status_503"), 503, 0),
        (Dns(), 502, 0),
        (Dns(mode="servfail"), 502, 0),
        (Dns(mode="timeout"), 504, 0),
        (Error(), 500, 0),
        (Error(status=429, retry_after_s=1.5), 429, 0),
        (Quota(limit=0), 429, 0),
        (Quota(limit=0, status=503), 503, 0),
        (GhostCommit(lose="status_504"), 504, 1),
    ],
)
def test_an_answer_of_a_fault_is_a_problem_document_that_says_so(
    kind: FaultKind, status: int, asks: int
) -> None:
    course = course_of(kind)
    assert course.answer is not None
    assert (course.answer.status, course.asks) == (status, asks)
    document = json.loads(course.answer.body)
    assert document["status"] == status
    assert "declared fault" in document["detail"]


def test_a_name_server_that_does_not_answer_takes_its_time() -> None:
    assert course_of(Dns(mode="timeout")).hold == Hold(5.0, "respond")


def test_an_error_says_what_it_was_told_to() -> None:
    answer = course_of(Error(status=418, body='{"a": 1}', headers=(("x-a", "é"),))).answer
    assert answer is not None
    assert (answer.body, answer.content_type) == (b'{"a": 1}', b"application/json")
    assert answer.headers == ((b"x-a", b"\xe9"),)
    plain = course_of(Error(body="nö")).answer
    assert plain is not None
    assert (plain.body, plain.content_type) == ("nö".encode(), b"text/plain; charset=utf-8")
    late = course_of(Error(retry_after_s=1.5)).answer
    assert late is not None
    assert late.headers == ((b"retry-after", b"2"),)


def test_an_error_speaks_grpc() -> None:
    answer = course_of(Error(grpc_status=14)).answer
    assert answer is not None
    assert (answer.status, answer.content_type) == (200, b"application/grpc")
    assert answer.headers == ((b"grpc-status", b"14"),)


@pytest.mark.parametrize(
    ("since_ms", "retry_after"), [(0, b"30"), (29_500, b"1"), (30_000, b"30"), (45_001, b"15")]
)
def test_a_quota_says_when_its_window_ends(since_ms: float, retry_after: bytes) -> None:
    course = Quota(limit=1, window_s=30.0).apply(USUALLY, an_ask(), a_draw(since_ms))
    assert course.answer is not None
    assert course.answer.headers == ((b"retry-after", retry_after),)


def test_connect_spares_a_connection_that_was_used_before() -> None:
    assert course_of(Reset(phase="connect"), is_first=False) is USUALLY
    assert course_of(Reset(phase="request"), is_first=False) != USUALLY


@pytest.mark.parametrize(
    ("kind", "since_ms", "for_ms", "is_down", "extra_ms"),
    [
        pytest.param(Down(), 1e6, math.inf, True, 0, id="as long as it lasts"),
        pytest.param(Down(restart_after_s=30), 29_999, math.inf, True, 0, id="before"),
        pytest.param(Down(restart_after_s=30), 30_000, 60_000, False, 0, id="restarted"),
        pytest.param(
            Down(restart_after_s=30, cold_start_ms=800), 30_000, 60_000, False, 800, id="cold"
        ),
        pytest.param(
            Down(restart_after_s=30, cold_start_ms=800), 40_000, 60_000, False, 400, id="warmer"
        ),
        pytest.param(Down(cold_start_ms=800), 70_000, 60_000, False, 400, id="after for"),
        pytest.param(Down(cold_start_ms=800), 60_000 + COLD_MS, 60_000, False, 0, id="warm"),
    ],
)
def test_a_service_comes_back(
    kind: Down, since_ms: float, for_ms: float, is_down: bool, extra_ms: float
) -> None:
    draw = a_draw(since_ms, for_ms)
    course = kind.apply(USUALLY, an_ask(), draw)
    assert (course.cut is not None) is is_down
    assert course.before_s == pytest.approx(extra_ms / 1000)
    assert (course is USUALLY) == (not is_down and not extra_ms)
    assert (kind.connection_cut(draw) is not None) is is_down
    assert kind.refuses(draw) is is_down


@pytest.mark.parametrize(
    ("kind", "cut", "refuses"),
    [
        (Down(), RESET, True),
        (Down(mode="reset"), RESET, False),
        (Down(mode="status_503"), None, False),
        (Down(mode="blackhole"), None, False),
        (Reset(phase="connect", after_ms=3.0), Cut("reset", "request", 3.0), False),
        (Reset(), None, False),
        (Hang(), None, False),
    ],
)
def test_some_end_connections_on_which_nothing_was_asked(
    kind: FaultKind, cut: Cut | None, refuses: bool
) -> None:
    assert kind.connection_cut(a_draw()) == cut
    assert (isinstance(kind, Down) and kind.refuses(a_draw())) is refuses


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        pytest.param(Latency(ms=40.0), Course(before_s=1), Course(before_s=1.04), id="latency"),
        pytest.param(ClockSkew(offset_s=-5.0), Course(skew_s=3), Course(skew_s=-2), id="skew"),
        pytest.param(DuplicateDelivery(times=3), Course(asks=2), Course(asks=3), id="more"),
        pytest.param(DuplicateDelivery(times=2), Course(asks=3), Course(asks=3), id="fewer"),
        pytest.param(StaleRead(lag_s=1.0), Course(stale_ms=9), Course(stale_ms=1000), id="older"),
        pytest.param(StaleRead(lag_s=0.001), Course(stale_ms=9), Course(stale_ms=9), id="newer"),
        pytest.param(
            SlowClose(delay_ms=0.0),
            Course(close_delay_s=0.0),
            Course(close_delay_s=0.0),
            id="close",
        ),
        pytest.param(
            OutOfOrderCallback(lag_s=1.0, times=2),
            Course(callbacks=CallbackTwist(3, 5.0)),
            Course(callbacks=CallbackTwist(3, 1000.0, is_shuffled=True)),
            id="callbacks",
        ),
        pytest.param(
            Latency(ms=5.0, where="per_chunk"),
            Course(pacing=Pacing(bytes_per_s=9.0, chunk_delay_ms=1.0)),
            Course(pacing=Pacing(9.0, 1460, 6.0)),
            id="chunks",
        ),
        pytest.param(
            Loss(percent=1.0, stall_ms=100.0),
            Course(pacing=Pacing(chunk_bytes=9, stalls=((0, 0.5), (99, 1.0)))),
            Course(
                pacing=Pacing(chunk_bytes=9, stalls=((0, 0.6), *((n, 0.1) for n in range(1, 64))))
            ),
            id="stalls",
        ),
    ],
)
def test_what_adds_up_or_the_larger_one(kind: FaultKind, before: Course, after: Course) -> None:
    assert course_of(kind, before) == after


@given(st.floats(0, 1), st.integers(0, 1000))
def test_lost_packets_ascend_and_are_bounded(percent: float, request_id: int) -> None:
    lost = list(lost_packets(percent, a_draw(request_id=request_id)))
    assert lost == sorted(set(lost))
    assert len(lost) <= 64
    assert all(0 <= packet < MAX_CHUNKS for packet in lost)


@pytest.mark.parametrize("percent", [0.02, 0.2, 0.7])
def test_so_many_packets_are_lost(percent: float) -> None:
    """Of the first twenty of many answers, within four standard deviations."""
    answers, packets = 2_000, 20
    draws = (a_draw(request_id=n) for n in range(answers))
    lost = sum(packet < packets for draw in draws for packet in lost_packets(percent, draw))
    total = answers * packets
    assert abs(lost - total * percent) < 4 * math.sqrt(total * percent * (1 - percent))


@pytest.mark.parametrize(
    ("kind", "low_ms", "high_ms"),
    [
        pytest.param(Latency(ms=100.0, jitter_ms=20.0), 80, 120, id="jitter"),
        pytest.param(Latency(ms=10.0, jitter_ms=20.0), 0, 30, id="jitter over zero"),
        pytest.param(Latency(dist="uniform", max_ms=50.0), 0, 50, id="uniform"),
        pytest.param(
            Latency(dist="percentiles", table=((0.0, 5.0), (50.0, 20.0), (100.0, 60.0))), 5, 60,
            id="percentiles",
        ),
    ],
)  # fmt: skip
def test_a_latency_keeps_to_its_limits_and_uses_them(
    kind: Latency, low_ms: float, high_ms: float
) -> None:
    draws = (a_draw(request_id=n) for n in range(500))
    waits_ms = [kind.apply(USUALLY, an_ask(), draw).before_s * 1000 for draw in draws]
    span = high_ms - low_ms
    assert low_ms - 1e-9 <= min(waits_ms) <= low_ms + span * 0.1
    assert high_ms - span * 0.1 <= max(waits_ms) <= high_ms + 1e-9


@pytest.mark.parametrize(
    ("kind", "median_ms"),
    [
        (Latency(dist="normal", ms=100.0, jitter_ms=10.0), 100),
        (Latency(dist="lognormal", median_ms=30.0, p99_ms=300.0), 30),
        (Latency(dist="lognormal", median_ms=30.0, sigma=0.8), 30),
    ],
)
def test_a_latency_has_its_median(kind: Latency, median_ms: float) -> None:
    draws = (a_draw(request_id=n) for n in range(999))
    waits_ms = sorted(kind.apply(USUALLY, an_ask(), draw).before_s * 1000 for draw in draws)
    assert waits_ms[499] == pytest.approx(median_ms, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Latency, {}, "dist: fixed needs ms"),
        (Latency, {"dist": "uniform"}, "dist: uniform needs max_ms"),
        (Latency, {"dist": "uniform", "ms": 5}, "ms goes with dist: fixed or normal, not with"),
        (Latency, {"dist": "uniform", "min_ms": 9, "max_ms": 5}, "0 <= min_ms <= max_ms"),
        (Latency, {"dist": "lognormal", "median_ms": 5}, "p99_ms or sigma, one of the two"),
        (Latency, {"dist": "lognormal", "median_ms": 5, "p99_ms": 9, "sigma": 1}, "one of the two"),
        (Latency, {"dist": "lognormal", "p99_ms": 5}, "needs median_ms"),
        (Latency, {"dist": "percentiles"}, "percentiles needs table"),
        (Reset, {"after_bytes": 5}, "needs phase: response"),
        (Truncate, {"fraction": 0.5, "bytes": 5}, "one of the two"),
        (Throttle, {}, "needs bytes_per_s, or chunk_bytes with chunk_delay_ms"),
        (Throttle, {"chunk_bytes": 5}, "needs bytes_per_s, or chunk_bytes with chunk_delay_ms"),
        (Quota, {"limit": 5, "window_s": 0.0}, "longer than nothing"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    kind: Any, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        kind(**values)


@pytest.mark.parametrize("kind", [DuplicateDelivery(), StaleRead(), OutOfOrderCallback()])
def test_nothing_happens_inside_a_service_that_is_not_asked(kind: FaultKind) -> None:
    unasked = replace(USUALLY, asks=0, cut=RESET)
    assert course_of(kind, unasked) is unasked
