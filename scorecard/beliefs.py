"""What callers believe of their payments: told that one succeeded, or not.

The ledger of the stubs knows what was really taken; the difference is what hurts a citizen.
One byte a planned request, folded as rows come. Floor 2, pure. Read next: `payments.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from replay.outcome import Failure, Outcomes
from replay.plan import Column
from replay.tape import Route
from scorecard.tally import FIRST_ERROR_STATUS, is_payment

_SENT: Final = 1
_TOLD: Final = 2


class Beliefs:
    """How each payment ended for its caller, after the last attempt."""

    def __init__(self, planned: int, route: Column, routes: Sequence[Route]) -> None:
        """route: index into `routes` of each planned request, shape (planned,)."""
        paying = np.array([is_payment(each) for each in routes], dtype=bool)
        self._is_payment = paying[np.asarray(route)] if planned else np.zeros(0, dtype=bool)
        self._fate = np.zeros(planned, dtype=np.uint8)

    def fold(self, rows: Outcomes) -> None:
        """Add outcomes; what never left was never paid, and is no belief."""
        rows = rows[rows["sent_ns"] >= 0]
        status = rows["status"]
        is_ok = (status > 0) & (status < FIRST_ERROR_STATUS) & (rows["failure"] == Failure.NONE)
        self._fate[rows["index"]] = np.where(is_ok, _TOLD, _SENT)

    @property
    def of_payments(self) -> dict[int, bool]:
        """By request id: whether its caller was told that the payment succeeded."""
        ids = np.flatnonzero(self._is_payment & (self._fate > 0))
        told = self._fate[ids] == _TOLD
        return dict(zip(ids.tolist(), told.tolist(), strict=True))
