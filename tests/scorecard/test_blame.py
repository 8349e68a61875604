"""Who is blamed for what: faults for the requests they touched or held, and totals that add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.outcome import OUTCOME, Failure, Outcomes
from replay.tape import Route
from scorecard.blame import (
    TOUCH,
    Blame,
    FailedRequest,
    FaultSpan,
    Ledger,
    Spread,
    Touches,
    assign_blame,
    read_touches,
)
from scorecard.shares import Miss, share_miss
from scorecard.slo import Slo, slo_named
from stubs.touches import ROW, TouchLog

ROUTES = (
    Route("ach-payments POST /payments", "ach-payments", "POST", "/payments"),
    Route("svc-auth POST /login", "svc-auth", "POST", "/login"),
)
OUTAGE = FaultSpan(0, "outage", 60_000, 120_000, {"kind": "down"})
SLOW = FaultSpan(1, "slow", 0, None, {"kind": "latency"})


def make_touches(*pairs: tuple[int, int]) -> Touches:
    """Rows of (request id, fault's number)."""
    touches = np.zeros(len(pairs), TOUCH)
    for place, (request, fault) in enumerate(pairs):
        touches["request"][place], touches["fault"][place] = request, fault
    return touches


def blame_of(rows: Outcomes, *pairs: tuple[int, int], base: Outcomes | None = None) -> Blame:
    return assign_blame(Ledger(rows, make_touches(*pairs), (OUTAGE, SLOW), base), ROUTES)


def miss_of(
    rows: Outcomes, name: str, limit: float, *pairs: tuple[int, int], base: Any = None
) -> Miss:
    ledger = Ledger(rows, make_touches(*pairs), (OUTAGE, SLOW), base)
    miss = share_miss(ledger, ROUTES, slo_named(name, limit), 9.0, 1.0)
    assert miss is not None
    return miss


def test_a_request_that_was_touched_and_failed_is_the_faults_doing(make_rows: Any) -> None:
    blame = blame_of(make_rows({}, {"status": 503}, {"status": 503}), (0, 0), (1, 0))
    outage = blame.faults[0]
    assert (outage.touched, outage.failed, outage.shared) == (2, 1, 0)
    assert (blame.failed, blame.by_faults, blame.unexplained.count) == (2, 1, 1)
    assert blame.unexplained.examples == (2,)


def test_failed_requests_are_all_listed_in_order_with_everybody_who_touched_them(
    make_rows: Any,
) -> None:
    rows = make_rows(
        {"index": 9, "status": 503, "route": 1},
        {"index": 4, "failure": Failure.RESET},
        {"index": 7},
        {"index": 2, "status": 404, "route": 7},
    )
    blame = blame_of(rows, (9, 1), (4, 1), (4, 0))
    assert blame.failed_requests == (
        FailedRequest(2, "route-7", 404, None, ()),
        FailedRequest(4, "ach-payments POST /payments", None, "reset", ("outage", "slow")),
        FailedRequest(9, "svc-auth POST /login", 503, None, ("slow",)),
    )
    assert [fault.shared for fault in blame.faults] == [1, 1]
    assert blame.by_faults == 2


def test_an_empty_touch_file_blames_nobody(make_rows: Any) -> None:
    blame = blame_of(make_rows({"status": 503}, {}))
    assert [(fault.touched, fault.failed, fault.held) for fault in blame.faults] == [(0, 0, 0)] * 2
    assert (blame.by_faults, blame.unexplained.count) == (0, 1)


def test_no_rows_and_no_faults_are_nothing_to_blame() -> None:
    blame = assign_blame(Ledger(np.empty(0, OUTCOME), make_touches((1, 1)), ()), ROUTES)
    assert (blame.failed, blame.touched, blame.failed_requests) == (0, 0, ())


def test_touches_of_another_fault_or_request_count_for_nothing(make_rows: Any) -> None:
    blame = blame_of(make_rows({"status": 503}), (0, 9), (2**63, 0), (5, 0))
    assert blame.by_faults == 0


def test_requests_that_never_left_are_left_out(make_rows: Any) -> None:
    blame = blame_of(make_rows({"never": True, "status": 0}, {}), (0, 0))
    assert (blame.failed, blame.touched) == (0, 0)


def test_slower_than_without_faults_is_told_only_beside_a_baseline(make_rows: Any) -> None:
    rows = make_rows({"done": 500}, {"done": 25}, {"done": 15}, {"status": 503, "done": 900})
    touches = ((0, 1), (1, 1), (2, 1), (3, 1))
    alone = blame_of(rows, *touches).faults[1]
    assert (alone.slowed, alone.failed_anyway) == (None, None)
    assert alone.added_ms == Spread(None, None, None)
    beside = blame_of(rows, *touches, base=make_rows({}, {}, {}, {"status": 500})).faults[1]
    assert (beside.slowed, beside.failed_anyway) == (2, 1)
    assert beside.added_ms == Spread(252.5, 490.0, 490.0)


def test_a_request_that_the_baseline_never_had_is_compared_with_nothing(make_rows: Any) -> None:
    rows = make_rows({"done": 500, "index": 5})
    cost = blame_of(rows, (5, 1), base=make_rows({"index": 1}, {"index": 2})).faults[1]
    assert (cost.touched, cost.slowed, cost.failed_anyway) == (1, 0, 0)
    assert blame_of(rows, (5, 1), base=np.empty(0, OUTCOME)).faults[1].slowed == 0


def test_whoever_waits_behind_a_touched_request_of_the_same_user_was_held(make_rows: Any) -> None:
    def behind(due: float, ready: float, lane: int = 0) -> dict[str, Any]:
        return {"lane": lane, "due": due, "ready": ready, "held": 1}

    rows = make_rows(
        {"lane": 0, "done": 900},
        {"lane": 1},
        behind(100, 900),
        behind(200, 910, lane=1),
        behind(300, 910),
        {"lane": 0, "due": 2000},
        behind(2005, 2010),
    )
    cost = blame_of(rows, (0, 1)).faults[1]
    assert cost.held == 2
    assert cost.held_ms == Spread(705.0, 800.0, 800.0)


def test_what_waited_as_long_without_faults_was_held_by_its_own_user_alone(make_rows: Any) -> None:
    rows = make_rows({"done": 100}, {"due": 50, "ready": 100, "held": 1}, lane=0)
    assert blame_of(rows, (0, 1)).faults[1].held == 1
    assert blame_of(rows, (0, 1), base=rows).faults[1].held == 0


def test_a_touched_request_that_went_through_in_the_end(make_rows: Any) -> None:
    rows = make_rows({"retries": 2}, {"retries": 2, "status": 503}, {"retries": 0})
    cost = blame_of(rows, (0, 0), (1, 0), (2, 0)).faults[0]
    assert (cost.recovered_by_retry, cost.failed) == (1, 1)


def test_what_nobody_touched_may_still_come_after_a_fault(make_rows: Any) -> None:
    rows = make_rows(
        {"lane": 0}, {"lane": 0, "status": 404}, {"lane": 1, "status": 404}, {"lane": 2}
    )
    base = make_rows({}, {}, {"status": 404}, {})
    found = blame_of(rows, (0, 0), (3, 0), base=base).unexplained
    assert (found.count, found.after_a_fault, found.anyway) == (2, 1, 1)


def test_a_miss_is_shared_by_those_who_touched_its_requests(make_rows: Any) -> None:
    bad = {"status": 503}
    rows = make_rows(bad, bad, bad, bad, {})
    base = make_rows({}, {}, {}, bad, {})
    miss = miss_of(rows, "error_pct", 1, (0, 0), (1, 0), (1, 1), (3, 1), base=base)
    assert (miss.requests, miss.baseline) == (4, 1.0)
    assert (miss.by_fault["outage"].requests, miss.by_fault["outage"].share) == (2, 0.375)
    assert (miss.by_fault["slow"].requests, miss.by_fault["slow"].share) == (1, 0.125)
    assert (miss.anyway.share, miss.unexplained.share) == (0.25, 0.25)


def test_slow_requests_are_also_the_doing_of_who_held_them(make_rows: Any) -> None:
    rows = make_rows(
        {"lane": 0, "done": 900},
        {"lane": 0, "due": 100, "ready": 900, "held": 1},
        {"lane": 1, "done": 700},
    )
    miss = miss_of(rows, "p95_ms", 500, (0, 1))
    assert miss.by_fault["slow"].requests == 2
    assert miss.by_fault["slow"].share == pytest.approx(2 / 3, abs=1e-6)
    assert miss.unexplained.requests == 1


def test_only_payments_count_against_payments(make_rows: Any) -> None:
    bad = {"status": 503}
    miss = miss_of(make_rows(bad, {**bad, "route": 1}), "payment_success", 99, (0, 0), (1, 0))
    assert miss.by_fault["outage"].requests == miss.requests == 1


def test_the_mean_is_divided_by_the_time_that_each_added(make_rows: Any) -> None:
    rows = make_rows({"done": 310}, {"done": 110}, {"done": 10})
    miss = miss_of(rows, "avg_wait_s", 0.01, (0, 1), base=make_rows({}, {}, {}))
    assert miss.by_fault["slow"].share == 0.75
    assert (miss.unexplained.share, miss.anyway.share) == (0.25, 0)


def test_a_miss_without_bad_requests_has_no_shares(make_rows: Any) -> None:
    miss = miss_of(make_rows({}), "payment_success", 100, (0, 0))
    assert miss.requests == 0
    assert {share.share for share in miss.by_fault.values()} == {0.0}


def test_what_was_charged_twice_is_the_doing_of_who_touched_it(make_rows: Any) -> None:
    rows = make_rows({}, {"status": 503}, {}, {"route": 1, "status": 503})
    ledger = Ledger(rows, make_touches((0, 0), (1, 0)), (OUTAGE,), None, {0: 3, 1: 1, 2: 2, 9: 5})

    def shares(name: str, limit: float) -> list[float]:
        miss = share_miss(ledger, ROUTES, Slo(name, limit, "at_most"), 3)
        assert miss is not None
        found = miss.by_fault["outage"]
        return [miss.requests, found.requests, found.share, miss.unexplained.requests]

    assert shares("double_charges", 0) == pytest.approx([2, 1, 2 / 3, 1], abs=1e-6)
    assert shares("ghost_charges", 0) == [1, 1, 1.0, 0]
    assert shares("payment_success", 99) == pytest.approx([3, 2, 2 / 3, 1], abs=1e-6)


def test_an_objective_that_is_not_about_single_requests_has_no_shares(make_rows: Any) -> None:
    ledger = Ledger(make_rows({}), make_touches(), ())
    assert share_miss(ledger, ROUTES, Slo("lost_payments", 0, "at_most"), 3) is None


@st.composite
def a_run(draw: st.DrawFn) -> tuple[Outcomes, Outcomes | None, Touches]:
    count = draw(st.integers(0, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def rows() -> Outcomes:
        made = np.zeros(count, OUTCOME)
        made["index"] = random.permutation(count)
        made["lane"] = made["index"] % 4
        made["status"] = random.choice([200, 503], count)
        made["route"] = random.integers(0, 2, count)
        made["held"] = random.integers(0, 2, count)
        made["ready_ns"] = made["held"] * random.integers(0, 10**8, count)
        made["sent_ns"] = made["ready_ns"] + random.choice([0, -(10**9)], count, p=[0.9, 0.1])
        made["done_ns"] = made["ready_ns"] + random.integers(1, 10**9, count)
        return made

    touches = np.zeros(random.integers(0, 60), TOUCH)
    touches["request"] = random.integers(0, 40, len(touches))
    touches["fault"] = random.integers(0, 3, len(touches))
    return rows(), rows() if draw(st.booleans()) else None, touches


@given(a_run())
def test_totals_add_up(run: tuple[Outcomes, Outcomes | None, Touches]) -> None:
    rows, base, touches = run
    blame = assign_blame(Ledger(rows, touches, (OUTAGE, SLOW), base), ROUTES)
    assert blame.failed == len(blame.failed_requests) == blame.by_faults + blame.unexplained.count
    assert blame.by_faults == sum(1 for request in blame.failed_requests if request.faults)
    listed = sum(len(request.faults) for request in blame.failed_requests)
    assert listed == sum(fault.failed for fault in blame.faults)
    # With two faults, whatever is shared is shared by both: counted twice, and once in the total.
    assert sum(2 * fault.failed - fault.shared for fault in blame.faults) == 2 * blame.by_faults
    ids = [request.id for request in blame.failed_requests]
    assert ids == sorted(ids)


@given(a_run(), st.sampled_from(["error_pct", "payment_success", "p95_ms", "max_ms", "avg_wait_s"]))
def test_shares_of_a_miss_add_up_to_one(
    run: tuple[Outcomes, Outcomes | None, Touches], name: str
) -> None:
    rows, base, touches = run
    ledger = Ledger(rows, touches, (OUTAGE, SLOW), base)
    miss = share_miss(ledger, ROUTES, slo_named(name, 50), None)
    assert miss is not None
    parts = [*miss.by_fault.values(), miss.anyway, miss.unexplained]
    assert all(part.share >= 0 for part in parts)
    total = sum(part.share for part in parts)
    assert total == pytest.approx(1 if miss.requests else 0, abs=1e-5)


def test_rows_of_the_touch_log_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "touches.rows"
    log = TouchLog(path)
    log.add(7, 61_000.5, [0, 3], 1)
    log.close()
    with path.open("ab") as file:
        file.write(b"half a row")
    assert TOUCH.itemsize == ROW.size
    touches = read_touches(path)
    assert touches["request"].tolist() == [7, 7]
    assert touches["fault"].tolist() == [0, 3]
    assert touches["at_us"].tolist() == [61_000_500] * 2
    assert touches["attempt"].tolist() == [1, 1]


def test_a_touch_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert len(read_touches(tmp_path / "touches.rows")) == 0
