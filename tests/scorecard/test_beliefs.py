from __future__ import annotations

import numpy as np

from replay.outcome import NEVER_SENT, OUTCOME, Failure, Outcomes
from replay.tape import Route
from scorecard.beliefs import Beliefs

PAY = Route("ach POST /payments", "ach", "POST", "/payments")
LOOK = Route("ach GET /payments/{id}", "ach", "GET", "/payments/{id}")


def outcomes(*rows: tuple[int, int, Failure, int]) -> Outcomes:
    """rows: (index, status, failure, sent_ns)"""
    made = np.zeros(len(rows), dtype=OUTCOME)
    for at, (index, status, failure, sent_ns) in enumerate(rows):
        made[at]["index"], made[at]["status"] = index, status
        made[at]["failure"], made[at]["sent_ns"] = failure, sent_ns
    return made


def test_only_payments_that_were_sent_are_believed_anything_of() -> None:
    beliefs = Beliefs(6, np.array([0, 1, 0, 0, 0, 0], dtype=np.uint16), [PAY, LOOK])
    assert beliefs.of_payments == {}
    beliefs.fold(
        outcomes(
            (0, 201, Failure.NONE, 5),
            (1, 200, Failure.NONE, 5),
            (2, 503, Failure.NONE, 5),
        )
    )
    beliefs.fold(
        outcomes((3, 0, Failure.RESET, 9), (4, 0, Failure.CANCELLED, NEVER_SENT)),
    )
    # The fifth never left, and of the sixth nobody has heard yet.
    assert beliefs.of_payments == {0: True, 2: False, 3: False}


def test_a_plan_without_requests_has_no_payments() -> None:
    assert Beliefs(0, np.zeros(0, dtype=np.uint16), []).of_payments == {}
