"""What the rail says of a payment: answers, and the callbacks that follow them.

Floor 1, pure. Read next: `payments.py`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from stubs.service import Answer, Callback, answer_json, answer_problem, text_of
from stubs.services.ach.payment import Payment, Status

_LIKE_AN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def callbacks_of(payment: Payment, epoch_ms: float) -> tuple[Callback, ...]:
    """What its caller is told later, when it gave a URL for that."""
    url = payment.order.callback_url
    if not url:
        return ()
    events: list[tuple[float, Status]] = []
    if payment.settled_ms != float("inf"):
        events.append((payment.settled_ms, "settled"))
    if payment.returned_ms is not None:
        events.append((payment.returned_ms, "returned"))
    return tuple(
        Callback(url, max(0.0, at_ms - epoch_ms), body=_event_body(payment, status))
        for at_ms, status in events
    )


def _event_body(payment: Payment, status: Status) -> bytes:
    return orjson.dumps({"event": f"payment.{status}", **_fields(payment, status)})


def _fields(payment: Payment, status: Status) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "payment": payment.name,
        "status": status,
        "amount": payment.order.amount,
        "settles_on": payment.settles_on.isoformat(),
        "env": "sandbox",
    }
    if status == "returned" and payment.code is not None:
        fields |= {"code": payment.code.code, "reason": payment.code.meaning}
    return fields


def show_payment(
    http_status: int,
    payment: Payment,
    status: Status,
    *,
    callbacks: tuple[Callback, ...] = (),
    **more: bool,
) -> Answer:
    body = orjson.dumps({**_fields(payment, status), **more})
    return Answer(http_status, body, callbacks=callbacks)


def show_recorded(name: str) -> Answer:
    """A look-up whose payment was made before the trace began: recorded ones were settled."""
    if not _LIKE_AN_ID.fullmatch(name):
        return no_payment(name)
    return answer_json(200, payment=name, status="settled", amount=None, env="sandbox", known=False)


def no_payment(name: str) -> Answer:
    return answer_problem(404, "No such payment", f"the ledger has no payment {text_of(name)!a}")


def show_reversal(status: int, payment: Payment, **more: bool) -> Answer:
    return answer_json(
        status,
        payment=payment.name,
        reversal=payment.reversal,
        status="reversed",
        amount=payment.order.amount,
        env="sandbox",
        **more,
    )
