"""One payment that the rail took, and where it stands at any moment.

Its course is known when it is taken, so a look-up at an earlier or later recorded time (a seek, a
stale read) is answered by arithmetic, not by what happened to be processed. Floor 1.
Read next: `ledger.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from stubs.services.ach.order import Order
from stubs.services.ach.returns import ReturnCode

Status = Literal["accepted", "submitted", "settled", "returned", "reversed"]

MOST_HEARD: Final = 16
"""Who heard of a payment is kept of so many requests; more add nothing."""


class Intention:
    """What one caller wanted once: the payments that came of it, counted while they stand.

    Two intentions that turn out to be one are joined; `root` is what they have in common.
    """

    __slots__ = ("_parent", "standing")

    def __init__(self) -> None:
        self.standing = 0
        self._parent: Intention | None = None

    @property
    def root(self) -> Intention:
        found = self
        while found._parent is not None:
            found = found._parent
        if found is not self:
            self._parent = found  # the next one looks no further than this
        return found

    def join(self, other: Intention) -> None:
        """From now on both are one."""
        mine, theirs = self.root, other.root
        if mine is not theirs:
            theirs._parent = mine
            mine.standing += theirs.standing

    @property
    def surplus(self) -> int:
        """How many of its payments are too many."""
        return max(0, self.root.standing - 1)


@dataclass(slots=True, eq=False)
class Payment:
    """A committed payment.

    at_ms: recorded time of the request; taken_ms: the same as Unix time.   settled_ms: infinite
    when the operator rejects it.
    lag_ms: how much later than the rail's rules say a fault let it settle and come back.
    run: which run its request is of; two may use the same numbers.
    heard_by: the requests, with their attempts, whose callers were told that it was taken.
    is_repetition: its caller had already made a payment for the same thing, which `is_repeated`.
    """

    name: str
    order: Order
    at_ms: float
    taken_ms: float
    run: str
    request_id: int
    attempt: int
    intent: int
    submitted_ms: float
    settled_ms: float
    settles_on: date
    lag_ms: float = 0.0
    code: ReturnCode | None = None
    returned_ms: float | None = None
    reversed_ms: float | None = None
    reversal: str = ""
    reversal_key: str = ""
    is_standing: bool = True
    is_settled: bool = False
    is_return_told: bool = False
    heard_by: set[tuple[int, int]] = field(default_factory=set)
    is_repetition: bool = False
    is_repeated: bool = False
    is_counted_ghost: bool = False
    intention: Intention = field(default_factory=Intention)

    @property
    def request_key(self) -> str:
        return f"{self.request_id:x} {self.run}"

    @property
    def is_unheard(self) -> bool:
        """Whether no caller knows that it was taken, as far as the gateway can tell."""
        return not self.heard_by

    def hear(self, request_id: int, attempt: int) -> None:
        if len(self.heard_by) < MOST_HEARD:
            self.heard_by.add((request_id, attempt))

    def is_there_at(self, at_ms: float) -> bool:
        """Whether it had been taken by that recorded time, whatever a skewed clock says."""
        return not at_ms < self.at_ms

    def recorded_ms(self, epoch_ms: float) -> float:
        """A moment of its life as recorded time."""
        return self.at_ms + (epoch_ms - self.taken_ms)

    def status_at(self, epoch_ms: float, lag_ms: float = 0.0) -> Status:
        """Where it stands by the clock of who asks.

        lag_ms: how much later than planned payments settle and come back, to who asks now.
        """
        if self.reversed_ms is not None and epoch_ms >= self.reversed_ms:
            return "reversed"
        if self.returned_ms is not None and epoch_ms >= self.returned_ms + lag_ms:
            return "returned"
        if epoch_ms >= self.settled_ms + lag_ms:
            return "settled"
        return "submitted" if epoch_ms >= self.submitted_ms else "accepted"
