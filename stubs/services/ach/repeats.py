"""Which payment repeats which: the rule for double charges.

A later payment repeats an earlier one, so that its caller pays twice for one thing, when
- both were asked for by the same request: a retry of it, or a second delivery; or
- they are alike (who pays what to whom, from which account), the later one came within the window,
  and the caller of the earlier one never heard that it was taken. Each lost answer explains one
  repetition, the next one.
An equal payment after an answer that was heard is another payment: people do buy twice.
Floor 1. Read next: `ledger.py`, which asks.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from stubs.service import Memory
from stubs.services.ach.payment import Payment

ALIKE_KEPT: Final = 8
"""So many of the newest alike payments are looked at."""


class Repeats:
    """The newest payments, by request and by likeness."""

    def __init__(self, window_ms: float, remembered: int) -> None:
        self._window_ms = window_ms
        self._by_request: Memory[deque[Payment]] = Memory(remembered)
        self._alike: Memory[deque[Payment]] = Memory(remembered)

    def of_request(self, payment: Payment) -> list[Payment]:
        """What the request of a payment has paid, the payment itself among it."""
        return list(self._by_request.get(payment.request_key) or (payment,))

    def find_earlier(self, payment: Payment) -> Payment | None:
        """Remember a payment that was just made; which one it repeats, if any."""
        same_request = _kept(self._by_request, payment.request_key)
        earlier = same_request[-1] if same_request else None
        same_request.append(payment)
        if payment.order.fingerprint is not None:
            alike = _kept(self._alike, f"{payment.order.fingerprint:x}")
            if earlier is None:
                earlier = next((each for each in alike if self._explains(each, payment)), None)
            alike.append(payment)
        return earlier

    def find_later(self, payment: Payment) -> Payment | None:
        """Which payment repeats one whose answer turns out to be lost, if any does."""
        if payment.order.fingerprint is None:
            return None
        alike = list(self._alike.get(f"{payment.order.fingerprint:x}") or ())
        if payment not in alike:
            return None
        after = alike[alike.index(payment) + 1 :]
        return next(
            (each for each in after if not each.is_repetition and self._explains(payment, each)),
            None,
        )

    def _explains(self, earlier: Payment, later: Payment) -> bool:
        is_open = earlier.is_unheard and not earlier.is_repeated
        return is_open and abs(later.at_ms - earlier.at_ms) <= self._window_ms


def _kept(memory: Memory[deque[Payment]], key: str) -> deque[Payment]:
    found = memory.get(key)
    if found is None:
        found = deque(maxlen=ALIKE_KEPT)
        memory.put(key, found)
    return found
