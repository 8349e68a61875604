"""HMS-ACH: payments. The same Idempotency-Key is the same payment, however often it is sent."""

from __future__ import annotations

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

UNAVAILABLE_SHARE = 0.002
"""The rail has its moments: one payment in five hundred is answered 503."""


def make_ach() -> Service:
    paid: Memory[str] = Memory()

    def pay(asked: Asked) -> Answer:
        fields = asked.json()
        if asked.chance < UNAVAILABLE_SHARE:
            return answer_problem(503, "Rail unavailable", "the payment was not taken; try again")
        key = asked.header(b"idempotency-key")
        known = paid.get(key) if key else None
        if known is not None:
            return answer_json(200, payment=known, status="accepted", duplicate=True)
        payment = f"PAY-{asked.number_for(key or str(asked.request_id), 10)}"
        if key:
            paid.put(key, payment)
        amount = fields.get("amount")
        return answer_json(201, payment=payment, status="accepted", amount=amount, env="sandbox")

    return Service(
        "ach",
        "HMS-ACH, payments",
        (
            StubRoute("POST", "/payments", pay, LogNormal(median_ms=80, p99_ms=450)),
            StubRoute("GET", "/payments/{payment}", show, LogNormal(median_ms=30, p99_ms=160)),
        ),
    )


def show(asked: Asked) -> Answer:
    return answer_json(200, payment=asked.params["payment"], status="settled", env="sandbox")
