"""The ground truth of the rail: what was really committed, whoever heard of it.

Every event is one line to `record("ledger", …)`, which a run keeps as ledger.ndjson; the newest
payments are remembered. What came back, was settled or charged twice follows recorded time and what
the gateway tells about answers that got lost. docs/ach.md has the lines and the rule for double
charges. Floor 1, no clock. Read next: `repeats.py`, `payments.py`, `scorecard/payments.py`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from stubs.service import REMEMBERED, Asked, Memory, Record
from stubs.services.ach.order import Order
from stubs.services.ach.payment import Payment
from stubs.services.ach.repeats import Repeats

RECENT_LINES: Final = 1_000
EVENTS_AT_ONCE: Final = 2_000
"""So many due settlements and returns are written with one request, the rest with the next."""
FIRST_UNNUMBERED: Final = 1 << 63
"""Ids from here on are the gateway's own, not a caller's."""
PAYMENTS_ROUTE: Final = "POST /payments"

COUNTED: Final = ("committed", "duplicate", "refused", "settled", "returned", "reversed")


class Ledger:
    """Commits, duplicates, refusals, settlements, returns and reversals, with running balances.

    remembered: how many payments.   window_ms: how long after a lost answer an equal payment is
    taken for its repetition.
    """

    name = "ledger"

    def __init__(
        self, record: Record, *, remembered: int = REMEMBERED, window_ms: float = 600_000.0
    ) -> None:
        self._record = record
        self._remembered = remembered
        self._window_ms = window_ms
        self._is_watched = False
        self.reset()

    def reset(self) -> None:
        """Forget everything, the counts too."""
        self.payments: Memory[Payment] = Memory(self._remembered)
        self.by_key: Memory[Payment] = Memory(self._remembered)
        self._paid_by_request: Memory[Payment] = Memory(self._remembered)
        self._told_without: Memory[bool] = Memory(self._remembered)
        self._repeats = Repeats(self._window_ms, self._remembered)
        self._due: list[tuple[float, int, str, Payment]] = []
        self._made = 0
        self._now_ms = 0.0
        self.lines: deque[Mapping[str, Any]] = deque(maxlen=RECENT_LINES)
        self.counts = dict.fromkeys(COUNTED, 0)
        self.cents = dict.fromkeys(("committed", "settled", "returned", "reversed", "standing"), 0)
        self.codes: dict[str, int] = {}
        self.returned: deque[Payment] = deque(maxlen=RECENT_LINES)
        self.double_charges = 0
        self.ghost_charges = 0
        self.lost_payments = 0

    # What happens to payments

    def commit(self, payment: Payment) -> None:
        """The rail took it: from here on the money moves, whoever hears the answer."""
        self.payments.put(payment.name, payment)
        if payment.order.key:
            self.by_key.put(payment.order.key, payment)
        self._see_request(payment.request_id, payment)
        payment.hear(payment.request_id, payment.attempt)
        payment.intention.standing = 1
        self._count("committed", payment.order.cents)
        self.cents["standing"] += payment.order.cents or 0
        self._write("committed", payment, payment.at_ms)
        self._pair(self._repeats.find_earlier(payment), payment)
        self._plan(payment)

    def duplicate(self, payment: Payment, asked: Asked) -> None:
        """It was asked for again with its key, and its caller was told of it."""
        payment.hear(asked.request_id, asked.attempt)
        self._see_request(asked.request_id, payment)
        self._recount_ghost(payment)
        self._count("duplicate", None)
        self._write("duplicate", payment, asked.at_ms, by=asked)

    def refused(self, order: Order, asked: Asked, intent: int, status: int, reason: str) -> None:
        """Nothing was taken."""
        self._count("refused", None)
        self._emit(
            {
                "event": "refused",
                "payment": None,
                **_who(asked.at_ms, asked.request_id, asked.attempt),
                **_what(intent, order),
                "status": status,
                "reason": reason,
            }
        )

    def reverse(
        self, payment: Payment, epoch_ms: float, asked: Asked, reversal: str, reason: str
    ) -> None:
        """Its caller has it undone."""
        payment.reversed_ms = epoch_ms
        payment.reversal = reversal
        payment.reversal_key = asked.header(b"idempotency-key")
        self._count("reversed", payment.order.cents)
        self._take_back(payment)
        self._write("reversed", payment, asked.at_ms, by=asked, reversal=reversal, reason=reason)

    def reversal_refused(self, payment: str, asked: Asked, status: int) -> None:
        """Nothing was undone: it cannot be, or was already."""
        who = _who(asked.at_ms, asked.request_id, asked.attempt)
        event = "reversal_duplicate" if status == 200 else "reversal_refused"
        self._emit({"event": event, "payment": payment, **who, "status": status})

    def show_return(self, payment: Payment, asked: Asked) -> None:
        """Somebody looked, and saw that it came back."""
        if not payment.is_return_told:
            payment.is_return_told = True
            self._write("return_told", payment, asked.at_ms, by=asked)

    def advance(self, epoch_ms: float) -> None:
        """Write what has become due by then: settlements and returns."""
        self._now_ms = max(self._now_ms, epoch_ms)
        for _ in range(EVENTS_AT_ONCE):
            if not self._due or self._due[0][0] > epoch_ms:
                return
            due_ms, _, event, payment = heapq.heappop(self._due)
            if payment.is_standing:
                self._settle(payment, due_ms) if event == "settled" else self._return(
                    payment, due_ms
                )

    # What the gateway tells about answers

    def watch(self) -> None:
        """Somebody tells of every answer that was lost: who was not told otherwise has heard."""
        self._is_watched = True

    def told(
        self, service: str, route: str, request_id: int, attempt: int, status: int, delivered: bool
    ) -> None:
        """How the answer to a payment reached its caller; see `stubs/delivery.py`."""
        if route != PAYMENTS_ROUTE or service.partition("-")[0] != "ach":
            return
        has_heard = delivered and 200 <= status < 400
        payment = self._paid_by_request.get(_number(request_id))
        if payment is None:
            self._told_without_commit(request_id, has_heard)
        elif not has_heard:
            self._lose(payment, request_id, attempt, status, delivered)

    def _told_without_commit(self, request_id: int, has_heard: bool) -> None:
        number = _number(request_id)
        if has_heard and not self._told_without.get(number):
            self._told_without.put(number, True)
            self.lost_payments += 1

    def _lose(
        self, payment: Payment, request_id: int, attempt: int, status: int, delivered: bool
    ) -> None:
        who = (request_id, attempt)
        for each in (payment, *self._repeats.of_request(payment)):
            if who in each.heard_by:
                each.heard_by.discard(who)
                self._emit(
                    {
                        **self._line("unheard", each, each.at_ms),
                        "request_id": _numbered(request_id),
                        "attempt": attempt,
                        "status": status,
                        "delivered": delivered,
                    }
                )
                self._recount_ghost(each)
                later = self._repeats.find_later(each)
                if later is not None:
                    self._pair(each, later)

    # How it is told

    def summary(self, limit: int) -> dict[str, Any]:
        """Counts and balances, and the newest lines. A number that nobody measured is None."""
        newest = [self.lines[-at] for at in range(1, min(limit, len(self.lines)) + 1)]
        return {
            "counts": dict(self.counts),
            "cents": dict(self.cents),
            "double_charges": self.double_charges,
            "lost_payments": self.lost_payments if self._is_watched else None,
            "ghost_charges": self.ghost_charges if self._is_watched else None,
            "remembered": len(self.payments),
            "is_behind": bool(self._due) and self._due[0][0] <= self._now_ms,
            "events": newest,
        }

    def newest_returns(self, limit: int) -> list[dict[str, Any]]:
        """What came back, the newest first."""
        return [
            {
                "payment": payment.name,
                "amount": payment.order.amount,
                "code": payment.code.code,
                "reason": payment.code.meaning,
                "request_id": _numbered(payment.request_id),
            }
            for payment in list(self.returned)[: -limit - 1 : -1]
            if payment.code is not None
        ]

    def snapshot(self, limit: int) -> dict[str, Any]:
        """As `Store` has it: what GET /ledger says too."""
        return self.summary(limit)

    def put(self, key: str, value: Any) -> None:
        """As `Store` has it. Always ValueError: a ground truth that can be edited is none."""
        raise ValueError("the ledger is written by payments alone: send POST /payments")

    # Its own book-keeping

    def _plan(self, payment: Payment) -> None:
        if payment.settled_ms != float("inf"):
            self._push(payment.settled_ms, "settled", payment)
        if payment.returned_ms is not None:
            self._push(payment.returned_ms, "returned", payment)
        if len(self._due) > 4 * self._remembered:  # at most two of each that is remembered
            self._due = [each for each in self._due if self._is_remembered(each[3])]
            heapq.heapify(self._due)

    def _push(self, due_ms: float, event: str, payment: Payment) -> None:
        self._made += 1
        heapq.heappush(self._due, (due_ms, self._made, event, payment))

    def _is_remembered(self, payment: Payment) -> bool:
        return self.payments.get(payment.name) is payment

    def _settle(self, payment: Payment, due_ms: float) -> None:
        payment.is_settled = True
        self._count("settled", payment.order.cents)
        self._write("settled", payment, payment.recorded_ms(due_ms))

    def _return(self, payment: Payment, due_ms: float) -> None:
        code = payment.code.code if payment.code else ""
        self.codes[code] = self.codes.get(code, 0) + 1
        self.returned.append(payment)
        self._count("returned", payment.order.cents)
        self._take_back(payment)
        payment.is_return_told = bool(payment.order.callback_url)
        at_ms = payment.recorded_ms(due_ms)
        self._write("returned", payment, at_ms, code=code, told=payment.is_return_told)

    def _take_back(self, payment: Payment) -> None:
        """The money is where it was."""
        cents = payment.order.cents or 0
        self.cents["standing"] -= cents
        if payment.is_settled:
            self.cents["settled"] -= cents
        payment.is_standing = False
        intention = payment.intention.root
        self.double_charges -= intention.surplus
        intention.standing -= 1
        self.double_charges += intention.surplus
        self._recount_ghost(payment)

    def _pair(self, earlier: Payment | None, later: Payment) -> None:
        """Both were meant as one payment: the later one is too many."""
        if earlier is None:
            return
        later.is_repetition = True
        earlier.is_repeated = True
        self.double_charges -= earlier.intention.surplus + later.intention.surplus
        earlier.intention.join(later.intention)
        self.double_charges += earlier.intention.surplus
        self._recount_ghost(earlier)
        self._write("charged_again", later, later.at_ms, again_of=earlier.name)

    def _recount_ghost(self, payment: Payment) -> None:
        """A payment that stands, that nobody knows of, and that nobody tried to make again."""
        is_ghost = payment.is_unheard and payment.is_standing and not payment.is_repeated
        self.ghost_charges += is_ghost - payment.is_counted_ghost
        payment.is_counted_ghost = is_ghost

    def _see_request(self, request_id: int, payment: Payment) -> None:
        number = _number(request_id)
        self._paid_by_request.put(number, payment)
        if self._told_without.get(number):
            self._told_without.put(number, False)
            self.lost_payments -= 1

    def _count(self, event: str, cents: int | None) -> None:
        self.counts[event] += 1
        if event in self.cents:
            self.cents[event] += cents or 0

    def _write(
        self, event: str, payment: Payment, at_ms: float, by: Asked | None = None, **more: Any
    ) -> None:
        line = self._line(event, payment, at_ms)
        if by is not None:
            line.update(_who(at_ms, by.request_id, by.attempt))
        self._emit({**line, **more})

    def _line(self, event: str, payment: Payment, at_ms: float) -> dict[str, Any]:
        return {
            "event": event,
            "payment": payment.name,
            **_who(at_ms, payment.request_id, payment.attempt),
            **_what(payment.intent, payment.order),
        }

    def _emit(self, line: dict[str, Any]) -> None:
        line["standing_cents"] = self.cents["standing"]
        self.lines.append(line)
        self._record("ledger", line)


def _who(at_ms: float, request_id: int, attempt: int) -> dict[str, Any]:
    return {"at_ms": round(at_ms, 3), "request_id": _numbered(request_id), "attempt": attempt}


def _what(intent: int, order: Order) -> dict[str, Any]:
    same = order.fingerprint
    return {
        "intent": f"{intent:016x}",
        "key": bool(order.key),
        "fingerprint": None if same is None else f"{same:016x}",
        "amount_cents": order.cents,
    }


def _numbered(request_id: int) -> int | None:
    return request_id if request_id < FIRST_UNNUMBERED else None


def _number(request_id: int) -> str:
    return f"{request_id:x}"
