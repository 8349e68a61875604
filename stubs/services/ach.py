"""HMS-ACH: payments. The same Idempotency-Key is the same payment, however often it is sent."""

from __future__ import annotations

from typing import Any, Final

from stubs.latency import LogNormal
from stubs.service import (
    Answer,
    Asked,
    Memory,
    Service,
    StubRoute,
    answer_json,
    answer_problem,
)

UNAVAILABLE_SHARE: Final = 0.002
"""The rail has its moments: one payment in five hundred is answered 503."""

Amount = int | float | None


def make_ach() -> Service:
    by_key: Memory[str] = Memory()
    amounts: Memory[Amount] = Memory()

    def pay(asked: Asked) -> Answer:
        amount = amount_of(asked.json())
        key = asked.header(b"idempotency-key")
        known = by_key.get(key) if key else None
        if known is not None:  # before anything can go wrong: what was taken stays taken
            return _show(200, known, "accepted", amounts.get(known), duplicate=True)
        if asked.chance < UNAVAILABLE_SHARE:
            return answer_problem(503, "Rail unavailable", "the payment was not taken; try again")
        # Of the key alone: even a payment that was forgotten keeps its number.
        named = f"key {key}" if key else f"request {asked.request_id}"
        payment = f"PAY-{asked.number_for(named, 12)}"
        amounts.put(payment, amount)
        if key:
            by_key.put(key, payment)
        return _show(201, payment, "accepted", amount)

    def look_up(asked: Asked) -> Answer:
        payment = asked.params["payment"]
        return _show(200, payment, "settled", amounts.get(payment))

    return Service(
        "ach",
        "HMS-ACH, payments",
        (
            StubRoute("POST", "/payments", pay, LogNormal(median_ms=80, p99_ms=450)),
            StubRoute("GET", "/payments/{payment}", look_up, LogNormal(median_ms=30, p99_ms=160)),
        ),
    )


def amount_of(fields: dict[str, Any]) -> Amount:
    """`amount`, or `amount_usd` as some callers write it; None unless it is a number."""
    amount = fields.get("amount", fields.get("amount_usd"))
    return amount if isinstance(amount, int | float) else None


def _show(status: int, payment: str, state: str, amount: Amount, **more: bool) -> Answer:
    return answer_json(status, payment=payment, status=state, amount=amount, env="sandbox", **more)
