"""The course of a run over recorded time: buckets, the first breach, the way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.outcome import OUTCOME, Failure, Outcomes
from replay.tape import Route
from scorecard.course import Breach, Timeline, build_timeline, find_breach, find_recovery_ms
from scorecard.slo import slo_named

PAYMENTS = Route("ach-payments POST /payments", "ach-payments", "POST", "/payments")
LOGIN = Route("svc-auth POST /login", "svc-auth", "POST", "/login")
ERRORS = slo_named("error_pct", 10)
SLOW = slo_named("p95_ms", 100)


def make_timeline(rows: Outcomes, at_s: list[float], bucket_s: float = 10) -> Timeline:
    at_ms = np.array(at_s, dtype=np.float64) * 1000
    return Timeline(rows, at_ms, bucket_s * 1000, np.array([True, False]))


def test_requests_are_counted_where_they_were_due(make_rows: Any) -> None:
    rows = make_rows({}, {"status": 503}, {"failure": Failure.RESET}, {"never": True}, {})
    timeline = make_timeline(rows, [0, 9.999, 10, 5, 25])
    assert timeline.count.tolist() == [2, 1, 1]
    assert timeline.failed.tolist() == [1, 1, 0]


def test_each_bucket_has_its_own_numbers(make_rows: Any) -> None:
    rows = make_rows(
        {"done": 10}, {"done": 30, "status": 503}, {"done": 500, "route": 1}, {"done": 40}
    )
    timeline = make_timeline(rows, [0, 1, 11, 12])
    assert timeline.values("max_ms").tolist() == [30, 500]
    assert timeline.values("p50_ms").tolist() == [10, 40]
    assert timeline.values("avg_wait_s").tolist() == pytest.approx([0.02, 0.27])
    assert timeline.values("error_pct").tolist() == [50, 0]
    assert timeline.values("payment_success").tolist() == [50, 100]


def test_an_empty_bucket_has_no_number_and_breaks_no_limit(make_rows: Any) -> None:
    timeline = make_timeline(make_rows({}, {}), [0, 25])
    assert math.isnan(timeline.values("error_pct")[1])
    assert math.isnan(timeline.values("p95_ms")[1])
    assert not timeline.is_broken(slo_named("payment_success", 99))[1]
    assert timeline.to_json()["p95_ms"] == [10.0, None, 10.0]


def test_what_was_cancelled_has_failed_but_took_no_known_time(make_rows: Any) -> None:
    timeline = make_timeline(make_rows({"failure": Failure.CANCELLED, "done": 9000}, {}), [0, 1])
    assert timeline.values("max_ms").tolist() == [10]
    assert timeline.values("error_pct").tolist() == [50]


def test_the_timeline_of_no_rows_is_empty() -> None:
    timeline = build_timeline(np.empty(0, OUTCOME), np.empty(0), [LOGIN], 60_000)
    assert timeline.size == 0
    assert find_breach(timeline, [ERRORS, SLOW], 0, None) is None
    assert find_recovery_ms(timeline, [ERRORS, SLOW], 0) is None


def test_a_long_run_has_wider_buckets(make_rows: Any) -> None:
    short = build_timeline(make_rows({}), np.zeros(1), [PAYMENTS], 60_000)
    long = build_timeline(make_rows({}), np.zeros(1), [PAYMENTS], 48 * 3_600_000)
    assert (short.bucket_ms, long.bucket_ms) == (5_000, 720_000)


@pytest.mark.parametrize("off_ms", [-3.0, 0.0, 3.0])
def test_buckets_are_whole_seconds_whatever_was_lost_in_reading(
    make_rows: Any, off_ms: float
) -> None:
    for length_ms, bucket_ms in ((28_799_800, 120_000), (28_800_000, 120_000), (1e7, 42_000)):
        timeline = build_timeline(make_rows({}), np.zeros(1), [PAYMENTS], length_ms + off_ms)
        assert timeline.bucket_ms == bucket_ms


def test_a_bucket_of_no_length_is_a_mistake(make_rows: Any) -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        make_timeline(make_rows({}), [0], bucket_s=0)


def a_course(make_rows: Any, statuses: str, times: dict[int, float] | None = None) -> Timeline:
    """One request in the middle of each 10 s bucket: `x` failed, `.` did not, a space is none."""
    places = [place for place, mark in enumerate(statuses) if mark != " "]
    requests = [
        {"status": 503 if statuses[place] == "x" else 200, "done": (times or {}).get(place, 10)}
        for place in places
    ]
    return make_timeline(make_rows(*requests), [10 * place + 5 for place in places])


@pytest.mark.parametrize(
    ("statuses", "from_s", "until_s", "expected_s"),
    [
        pytest.param("..xx..", 20, 40, 30, id="known at the end of its bucket"),
        pytest.param("x...x.", 20, 30, 50, id="what broke before is not its doing"),
        pytest.param("..xx..", 25, 40, 30, id="the bucket in which it began counts"),
        pytest.param("...   ..x.", 20, 25, 90, id="a little later it still may be"),
        pytest.param("............x", 20, 30, None, id="much later it is not"),
        pytest.param("............x", 20, None, 130, id="a fault without end"),
        pytest.param("......", 20, 40, None, id="nothing broke"),
    ],
)
def test_the_first_breach(
    make_rows: Any, statuses: str, from_s: float, until_s: float | None, expected_s: float | None
) -> None:
    until_ms = None if until_s is None else until_s * 1000
    found = find_breach(a_course(make_rows, statuses), [ERRORS], from_s * 1000, until_ms)
    assert found == (None if expected_s is None else Breach("error_pct", expected_s * 1000))


def test_the_limit_that_broke_first_is_named(make_rows: Any) -> None:
    timeline = a_course(make_rows, "...x..", {2: 900})
    assert find_breach(timeline, [ERRORS, SLOW], 0, None) == Breach("p95_ms", 30_000)
    assert find_breach(timeline, [ERRORS, SLOW], 30_000, None) == Breach("error_pct", 40_000)


@pytest.mark.parametrize(
    ("statuses", "over_s", "expected_s"),
    [
        pytest.param("..xx....", 40, 0, id="at once"),
        pytest.param("..xxxx....", 40, 20, id="two buckets later"),
        pytest.param("..xx.x.x....", 40, 40, id="not while it flickers"),
        pytest.param("..xx. .  .", 40, 0, id="silence neither helps nor harms"),
        pytest.param("..xxxxxx", 40, None, id="never"),
        pytest.param("..xx..", 40, None, id="too short to be sure"),
        pytest.param("..xx....", 35, 5, id="an end within a bucket"),
    ],
)
def test_the_way_back(
    make_rows: Any, statuses: str, over_s: float, expected_s: float | None
) -> None:
    found = find_recovery_ms(a_course(make_rows, statuses), [ERRORS, SLOW], over_s * 1000)
    assert found == (None if expected_s is None else expected_s * 1000)


@given(
    at_s=st.lists(st.floats(0, 1000, allow_nan=False), min_size=1, max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
def test_buckets_hold_every_request_once_and_their_quantiles_are_those_of_their_rows(
    at_s: list[float], seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = np.zeros(len(at_s), OUTCOME)
    rows["status"] = random.choice([200, 503], len(rows))
    rows["done_ns"] = random.integers(0, 10**9, len(rows))
    timeline = make_timeline(rows, at_s)
    assert timeline.count.sum() == len(rows)
    assert timeline.failed.sum() == np.count_nonzero(rows["status"] == 503)
    bucket = (np.array(at_s) * 1000 // 10_000).astype(int)
    for place in set(bucket.tolist()):
        own = np.sort(rows["done_ns"][bucket == place]) / 1e6
        assert timeline.values("max_ms")[place] == own[-1]
        assert timeline.values("p50_ms")[place] == own[math.ceil(0.5 * len(own)) - 1]
