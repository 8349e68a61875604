from __future__ import annotations

import numpy as np
import pytest

from replay.complete import complete_rows
from replay.engine import SENT_ROW
from replay.outcome import OUTCOME, Failure, Outcomes
from replay.plan import PlanPart

MS = 1_000_000
S = 1_000 * MS
T0 = 5_000 * S

DUE_NS = np.array([0, 100 * MS, 200 * MS], dtype=np.int64)
PART = PlanPart(
    due_ns=DUE_NS,
    at_ms=DUE_NS // MS,
    index=np.array([10, 20, 30], dtype=np.uint32),
    row=np.array([2, 0, 1], dtype=np.uint32),
    lane=np.array([0, 1, 2], dtype=np.uint32),
    prev=np.full(3, -1, dtype=np.int32),
    next=np.full(3, -1, dtype=np.int32),
)
ROUTE_OF_ROW = np.array([7, 8, 9], dtype=np.uint16)
GAP_NS = np.array([0, 100 * MS, 4 * S], dtype=np.int64)


def complete(*rows: tuple[int, ...], is_paced: bool = True) -> Outcomes:
    """rows: (position, bytes, status, failure, held, ready_ns, sent_ns, done_ns[, retries])"""
    whole = [(*row[:5], *(row[8:] or (0,)), *row[5:8]) for row in rows]
    payload = np.array(whole, dtype=SENT_ROW).tobytes()
    return complete_rows(payload, PART, ROUTE_OF_ROW, GAP_NS, T0, is_paced)


def test_a_row_says_how_often_it_was_tried_again() -> None:
    rows = complete((1, 0, 503, 0, 0, 0, T0, T0, 2), (0, 0, 200, 0, 0, 0, T0, T0))
    assert rows["retries"].tolist() == [2, 0]


def test_a_row_is_completed_with_what_the_plan_knows() -> None:
    rows = complete((1, 512, 201, 0, 0, 0, T0 + 101 * MS, T0 + 130 * MS))
    assert rows.dtype == OUTCOME
    (row,) = rows
    assert row["index"] == 20
    assert row["lane"] == 1
    assert row["route"] == 7
    assert row["bytes"] == 512
    assert row["status"] == 201
    assert row["failure"] == Failure.NONE
    assert row["due_ns"] == 100 * MS
    assert row["ready_ns"] == 100 * MS
    assert row["sent_ns"] == 101 * MS
    assert row["done_ns"] == 130 * MS
    assert row["retries"] == 0


def test_a_held_request_was_ready_when_the_answer_before_it_came() -> None:
    (row,) = complete((1, 0, 200, 0, 1, T0 + 150 * MS, T0 + 151 * MS, T0 + 160 * MS))
    assert (row["held"], row["ready_ns"], row["late"]) == (1, 150 * MS, 0)


def test_failures_are_kept() -> None:
    rows = complete(
        (0, 0, 0, Failure.REFUSED, 0, 0, T0, T0 + 1), (2, 9, 0, Failure.RESET, 0, 0, T0, T0 + 2)
    )
    assert rows["failure"].tolist() == [Failure.REFUSED, Failure.RESET]
    assert rows["index"].tolist() == [10, 30]


LATE = {
    # (position, held since or 0, sent, late): position 2's user pauses 4 s, so 40 ms are allowed
    "at once": (0, 0, 0, 0),
    "10 ms is in time": (0, 0, 10 * MS, 0),
    "just over 10 ms": (0, 0, 10 * MS + 1, 1),
    "1 % of a short gap changes nothing": (1, 0, 111 * MS, 1),
    "1 % of a long gap": (2, 0, 240 * MS, 0),
    "over 1 % of a long gap": (2, 0, 240 * MS + 1, 1),
    "held, counted from its turn": (0, 900 * MS, 910 * MS, 0),
    "held, and late all the same": (0, 900 * MS, 911 * MS, 1),
}


@pytest.mark.parametrize(("position", "ready", "sent", "late"), LATE.values(), ids=LATE)
def test_late_is_more_than_the_allowance(position: int, ready: int, sent: int, late: int) -> None:
    ready_ns, held = (T0 + ready, 1) if ready else (0, 0)
    row = (position, 0, 200, 0, held, ready_ns, T0 + sent, T0 + sent + MS)
    assert complete(row)["late"].tolist() == [late]
    assert complete(row, is_paced=False)["late"].tolist() == [0]


def test_no_rows_are_no_rows() -> None:
    assert len(complete_rows(b"", PART, ROUTE_OF_ROW, GAP_NS, T0, True)) == 0
