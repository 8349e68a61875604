"""The routes that move money: pay, look up, reverse.

Everything that depends on time goes by the request's own recorded time, so that a payment of a
recorded Sunday settles on the recorded Tuesday however fast the run is.
Floor 1. Read next: `ledger.py`, `returns.py`, `calendar.py`.
"""

from __future__ import annotations

from typing import Final

from stubs.service import Answer, Asked, BadRequestError, Memory, answer_problem, text_of
from stubs.services.ach.calendar import (
    STANDARD_SETTLES,
    add_banking_days,
    clamp_ms,
    eastern_day,
    epoch_ms_of,
    find_passage,
)
from stubs.services.ach.ledger import Ledger
from stubs.services.ach.order import Order, parse_order
from stubs.services.ach.payment import Payment, Status
from stubs.services.ach.prenotes import Prenotes
from stubs.services.ach.replies import (
    callbacks_of,
    no_payment,
    show_payment,
    show_recorded,
    show_reversal,
)
from stubs.services.ach.returns import choose_return, choose_return_day
from stubs.services.ach.settings import AchSettings
from switchboard.seeded import mix64, text64, unit

REVERSAL_BANKING_DAYS: Final = 5
REVERSAL_REASONS: Final = ("duplicate", "wrong_amount", "wrong_receiver", "wrong_date")
LONGEST_RUN_NAME: Final = 100

_RETRY_DRAW: Final = 43

Refusal = tuple[int, str, str, str]
"""Status, reason in the ledger, title, detail."""


class Payments:
    """The rail's counter: takes payments, shows them, takes them back."""

    def __init__(self, ledger: Ledger, prenotes: Prenotes, settings: AchSettings) -> None:
        self._ledger = ledger
        self._prenotes = prenotes
        self._settings = settings
        self._commits_of: Memory[int] = Memory(settings.remembered)
        self._spent: Memory[int] = Memory(settings.remembered)
        self._last_alike: Memory[float] = Memory(settings.remembered)

    def pay(self, asked: Asked) -> Answer:
        """POST /payments."""
        self._ledger.advance(clamp_ms(asked.epoch_ms))
        order = parse_order(asked, self._settings.direction)
        known = self._ledger.by_key.get(order.key) if order.key else None
        if known is not None:  # before anything can go wrong: what was taken stays taken
            return self._pay_again(known, order, asked)
        is_alike = self._is_alike(order, asked)
        refusal = self._find_refusal(order, asked, is_alike)
        if refusal is not None:
            return self._refuse(order, asked, refusal)
        payment = self._make(order, asked)
        self._ledger.commit(payment)
        self._count_spending(order, asked)
        flags = {"possible_duplicate": True} if is_alike else {}
        return show_payment(
            201, payment, "accepted", callbacks=callbacks_of(payment, asked.epoch_ms), **flags
        )

    def look_up(self, asked: Asked) -> Answer:
        """GET /payments/{payment}."""
        now_ms = clamp_ms(asked.epoch_ms)
        self._ledger.advance(now_ms)
        name = asked.params["payment"]
        payment = self._ledger.payments.get(name)
        if payment is None:
            return show_recorded(name)
        if not payment.is_there_at(asked.at_ms - asked.stale_ms):
            return no_payment(name)
        # A lag of its own payments is in their times already; this one touches the look-up.
        lag_ms = max(0.0, asked.settle_lag_ms - payment.lag_ms)
        status = payment.status_at(now_ms - asked.stale_ms, lag_ms)
        if status == "returned":
            self._ledger.show_return(payment, asked)
        return show_payment(200, payment, status)

    def reverse(self, asked: Asked) -> Answer:
        """POST /payments/{payment}/reversal."""
        now_ms = clamp_ms(asked.epoch_ms)
        self._ledger.advance(now_ms)
        answer = self._reverse(asked, now_ms)
        if answer.status != 201:
            self._ledger.reversal_refused(text_of(asked.params["payment"]), asked, answer.status)
        return answer

    def _reverse(self, asked: Asked, now_ms: int) -> Answer:
        reason = _reversal_reason(asked)
        if isinstance(reason, Answer):
            return reason
        name = asked.params["payment"]
        payment = self._ledger.payments.get(name)
        if payment is None or not payment.is_there_at(asked.at_ms):
            return no_payment(name)
        status = payment.status_at(now_ms)
        key = asked.header(b"idempotency-key")
        if status == "reversed" and key and key == payment.reversal_key:
            return show_reversal(200, payment, duplicate=True)
        problem = _reversal_problem(payment, status, now_ms)
        if problem:
            return answer_problem(409, "Not to be reversed", problem)
        reversal = f"REV-{asked.number_for(f'reversal {name}', 12)}"
        self._ledger.reverse(payment, now_ms, asked, reversal, reason)
        return show_reversal(201, payment)

    # Taking a payment

    def _pay_again(self, known: Payment, order: Order, asked: Asked) -> Answer:
        since_ms = asked.at_ms - known.at_ms
        is_other_request = asked.request_id != known.request_id
        if order.what != known.order.what:
            detail = "this Idempotency-Key was used for another payment; use a new one"
            return self._refuse(order, asked, (422, "key_reused", "Key used already", detail))
        if is_other_request and 0 <= since_ms < self._settings.key_in_flight_ms:
            detail = "the payment with this Idempotency-Key is being made; ask again in a moment"
            return self._refuse(order, asked, (409, "key_in_flight", "Key in flight", detail))
        self._ledger.duplicate(known, asked)
        return show_payment(200, known, "accepted", duplicate=True)

    def _refuse(self, order: Order, asked: Asked, refusal: Refusal) -> Answer:
        status, reason, title, detail = refusal
        self._ledger.refused(order, asked, intent_of(order, asked), status, reason)
        return answer_problem(status, title, detail)

    def _find_refusal(self, order: Order, asked: Asked, is_alike: bool) -> Refusal | None:
        if draw_of(asked) < self._settings.unavailable:
            detail = "the payment was not taken; try again"
            return (503, "unavailable", "Rail unavailable", detail)
        if order.cents is not None:
            found = self._over_limit(order, order.cents, asked)
            if found:
                reason = "amount" if order.cents <= 0 else "limit"
                return (422, reason, "Not within the limits", found)
        missing = self._prenotes.objection(order, clamp_ms(asked.epoch_ms))
        if missing:
            return (422, "prenote", "Pre-note needed", missing)
        if is_alike and self._settings.duplicates == "refuse":
            detail = "an equal payment was taken a moment ago; use an Idempotency-Key to repeat it"
            return (409, "duplicate", "Possible duplicate", detail)
        return None

    def _over_limit(self, order: Order, cents: int, asked: Asked) -> str:
        settings = self._settings
        if cents <= 0:
            return "an amount must be more than 0; POST /prenotes tests an account for nothing"
        if cents > settings.per_payment_cents:
            return f"one payment may be of up to {_usd(settings.per_payment_cents)}"
        if order.is_same_day and cents > settings.same_day_cents:
            return f"a same-day payment may be of up to {_usd(settings.same_day_cents)}"
        most = settings.per_day_cents
        if most is not None and order.payer:
            spent = self._spent.get(_payer_day(order, asked)) or 0
            if spent + cents > most:
                return f"one payer may pay up to {_usd(most)} a day"
        return ""

    def _is_alike(self, order: Order, asked: Asked) -> bool:
        """Whether an equal payment was just taken. A key of its own says that it is meant."""
        if order.key or order.fingerprint is None or self._settings.duplicates == "ignore":
            return False
        last_ms = self._last_alike.get(f"{order.fingerprint:x}")
        window_ms = self._settings.duplicate_window_s * 1000
        return last_ms is not None and abs(asked.at_ms - last_ms) <= window_ms

    def _count_spending(self, order: Order, asked: Asked) -> None:
        if order.fingerprint is not None:
            self._last_alike.put(f"{order.fingerprint:x}", asked.at_ms)
        if order.payer and order.cents:
            day = _payer_day(order, asked)
            self._spent.put(day, (self._spent.get(day) or 0) + order.cents)

    def _make(self, order: Order, asked: Asked) -> Payment:
        name = self._name(order, asked)
        now_ms = clamp_ms(asked.epoch_ms)
        passage = find_passage(
            now_ms,
            is_same_day=order.is_same_day,
            cutoff=self._settings.cutoff,
            settle_days=self._settings.settle_days,
        )
        payment = Payment(
            name=name,
            order=order,
            at_ms=asked.at_ms,
            taken_ms=now_ms,
            run=asked.header(b"x-esr-run")[:LONGEST_RUN_NAME],
            request_id=asked.request_id,
            attempt=asked.attempt,
            intent=intent_of(order, asked),
            submitted_ms=passage.submitted_ms,
            settled_ms=passage.settled_ms + asked.settle_lag_ms,
            settles_on=passage.settles_on,
            lag_ms=asked.settle_lag_ms,
        )
        self._choose_return(payment, asked.seed)
        return payment

    def _choose_return(self, payment: Payment, seed: int) -> None:
        order = payment.order
        code = choose_return(
            order.entry,
            order.account,
            order.identity,
            payment.name,
            seed,
            self._settings.returns,
        )
        if code is None:
            return
        payment.code = code
        if code.window == "file":  # the operator's edit: it never settles
            payment.settled_ms = float("inf")
            payment.returned_ms = payment.submitted_ms
            return
        day = choose_return_day(code, payment.settles_on, payment.name, seed)
        payment.returned_ms = epoch_ms_of(day, STANDARD_SETTLES) + payment.lag_ms

    def _name(self, order: Order, asked: Asked) -> str:
        """Of the key alone, so that even a payment that was forgotten keeps its number."""
        if order.key:
            return f"PAY-{asked.number_for(f'key {order.key}', 12)}"
        request = f"request {asked.request_id}"
        before = self._commits_of.get(request) or 0
        self._commits_of.put(request, before + 1)
        text = f"{request} again {before}" if before else request
        return f"PAY-{asked.number_for(text, 12)}"


def draw_of(asked: Asked) -> float:
    """The draw that decides whether the rail is there; a retry has a draw of its own."""
    if not asked.attempt:
        return asked.chance
    return unit(asked.seed, asked.request_id, _RETRY_DRAW, asked.attempt)


def intent_of(order: Order, asked: Asked) -> int:
    """What a payment is meant as: its key says so, else who pays what to whom, else the request."""
    if order.key:
        return mix64(asked.seed, text64(f"key {order.key}"))
    if order.fingerprint is not None:
        return order.fingerprint
    return mix64(asked.seed, text64(f"request {asked.request_id}"))


def _reversal_reason(asked: Asked) -> str | Answer:
    try:
        reason = text_of(asked.json().get("reason"), REVERSAL_REASONS[0])
        detail = f"reason must be one of {', '.join(REVERSAL_REASONS)}"
    except BadRequestError as error:
        reason, detail = "", str(error)
    if reason in REVERSAL_REASONS:
        return reason
    return answer_problem(400, "Bad request", detail)


def _reversal_problem(payment: Payment, status: Status, now_ms: float) -> str:
    """Why a payment cannot be reversed now, "" when it can."""
    if status != "settled":
        return f"only a settled payment can be reversed, once; this one is {status}"
    settled_on = eastern_day(payment.settled_ms)
    last = add_banking_days(settled_on, REVERSAL_BANKING_DAYS)
    if eastern_day(now_ms) > last:
        return f"it could be reversed until {last}, the fifth banking day after its settlement"
    return ""


def _payer_day(order: Order, asked: Asked) -> str:
    return f"{eastern_day(clamp_ms(asked.epoch_ms))} {order.payer}"


def _usd(cents: int) -> str:
    return f"${cents / 100:,.2f}"
