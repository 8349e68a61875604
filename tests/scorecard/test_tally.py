from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.outcome import OUTCOME, Failure, Outcomes
from replay.tape import Route, make_route
from scorecard.tally import Tally, is_payment

MakeRows = Callable[..., Outcomes]


LOOK_UP = make_route("svc", "GET", "/applications/{id}")
PAY = make_route("ach", "POST", "/payments")
ROUTES = (LOOK_UP, PAY)


def new_tally(**over: Any) -> Tally:
    return Tally(**{"routes": ROUTES, "lanes": 10, "pace": "open", **over})


@pytest.mark.parametrize(
    ("status", "failure", "ok"),
    [
        (200, Failure.NONE, 1),
        (302, Failure.NONE, 1),
        (399, Failure.NONE, 1),
        (400, Failure.NONE, 0),
        (503, Failure.NONE, 0),
        (0, Failure.TIMEOUT, 0),
        (0, Failure.CANCELLED, 0),
    ],
)
def test_ok_is_answered_with_a_status_below_400(
    make_rows: MakeRows, status: int, failure: Failure, ok: int
) -> None:
    tally = new_tally()
    tally.fold(make_rows({"status": status, "failure": failure}))
    assert (tally.sent, tally.ok, tally.failed) == (1, ok, 1 - ok)


def test_what_never_left_is_neither_sent_nor_failed(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({"never": True, "failure": Failure.CANCELLED}, {}))
    assert (tally.never_sent, tally.sent, tally.failed, tally.users) == (1, 1, 0, 1)
    assert tally.failures == {}
    tally.fold(make_rows({"never": True}))
    assert (tally.never_sent, tally.sent) == (2, 1)


def test_statuses_and_failures_are_counted_by_name(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({}, {"status": 503}, {"failure": Failure.RESET}))
    tally.fold(make_rows({}, {"failure": Failure.RESET}, {"failure": Failure.REFUSED}))
    assert tally.statuses == {200: 2, 503: 1}
    assert tally.failures == {"reset": 2, "refused": 1}


def test_response_counts_from_due_and_service_from_sent(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({"due": 5, "ready": 20, "sent": 21, "done": 31}))
    assert tally.response.max == 26_000_000
    assert tally.service.max == 10_000_000
    assert tally.lag.max == 16_000_000
    assert tally.lateness.max == 1_000_000


def test_how_long_a_cancelled_request_would_have_taken_was_not_measured(
    make_rows: MakeRows,
) -> None:
    tally = new_tally()
    tally.fold(make_rows({"failure": Failure.CANCELLED}, {"failure": Failure.TIMEOUT}))
    assert (tally.service.count, tally.response.count, tally.lag.count) == (1, 1, 2)
    assert tally.failures == {"cancelled": 1, "timeout": 1}


def test_with_pace_max_there_is_no_lag_and_no_response_time(make_rows: MakeRows) -> None:
    tally = new_tally(pace="max")
    tally.fold(make_rows({"sent": 500}))
    assert tally.lag.count == tally.response.count == tally.lateness.count == 0
    assert tally.times is tally.service
    assert tally.drift.ms_per_minute is None


def test_users_are_counted_once_and_laps_begin_anew(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({"lane": 3}, {"lane": 4, "index": 1}))
    tally.fold(make_rows({"lane": 4, "index": 2, "due": 20}))
    first = tally.lap(2.0)
    assert (first.sent, first.users, first.rate) == (3, 2, 1.5)
    tally.fold(make_rows({"lane": 4, "index": 5, "due": 90}, {"lane": 5, "index": 6}))
    second = tally.lap(3.0)
    assert (second.sent, second.users, second.rate) == (2, 2, 2.0)
    assert tally.users == 3
    assert tally.lap(3.0).rate is None


@given(st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=5))
def test_users_are_the_distinct_lanes(batches: list[list[int]]) -> None:
    tally = new_tally()
    for lanes in batches:
        rows = np.zeros(len(lanes), OUTCOME)
        rows["lane"] = lanes
        tally.fold(rows)
    everyone = {lane for lanes in batches for lane in lanes}
    assert tally.users == tally.lap(1.0).users == len(everyone)


def test_held_late_and_bytes_are_summed(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({"held": 1, "bytes": 2**32 - 1}, {"late": 1, "bytes": 2**32 - 1}))
    assert (tally.held, tally.late, tally.bytes) == (1, 1, 2 * (2**32 - 1))


def test_payments_are_posts_to_a_payments_route_of_ach(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows({"route": 0}, {"route": 1}, {"route": 1, "status": 500}))
    assert tally.payments == (2, 1)


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (PAY, True),
        (make_route("ach", "POST", "/v2/payments/{id}/confirm"), True),
        (make_route("ach-payments", "POST", "/payments"), True),
        (make_route("achieve", "POST", "/payments"), False),
        (make_route("ach", "GET", "/payments/{id}"), False),
        (make_route("svc", "POST", "/payments"), False),
        (make_route("ach", "POST", "/repayments-plans"), False),
        (make_route("ach", "POST", "/payments/{id}/reversal"), False),
    ],
    ids=lambda value: value.name if isinstance(value, Route) else "",
)
def test_is_payment(route: Route, expected: bool) -> None:
    assert is_payment(route) is expected


def test_what_could_leave_within_the_plan_and_did(make_rows: MakeRows) -> None:
    tally = new_tally(plan_end_ns=100_000_000)
    tally.fold(
        make_rows(
            {"due": 50},
            {"due": 100, "sent": 109},
            {"due": 100, "sent": 130},
            {"due": 90, "ready": 400, "held": 1},
        )
    )
    assert (tally.could_leave, tally.did_leave) == (3, 2)


def test_an_empty_batch_changes_nothing(make_rows: MakeRows) -> None:
    tally = new_tally()
    tally.fold(make_rows())
    assert tally.sent == tally.users == 0
