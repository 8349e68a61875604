"""A client of a payment service: it retries, and it does not charge anybody twice."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ATTEMPTS = 3


class PaymentError(Exception):
    """The payment was not made, or nobody knows."""


@dataclass(frozen=True)
class PaymentClient:
    """url: of the payment service.   fees: of the service that knows what a payment costs.

    has_keys: each payment has a key of its own, by which the service knows a retry.
    """

    url: str
    fees: str = ""
    has_keys: bool = True
    timeout_s: float = 5.0
    sleep: Callable[[float], None] = time.sleep

    def pay(self, citizen: str, amount: float) -> str:
        """Pay; the number of the payment. Raises PaymentError."""
        headers = {"content-type": "application/json"}
        if self.has_keys:
            headers["idempotency-key"] = str(uuid.uuid4())
        body = json.dumps({"citizen": citizen, "amount": amount})
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(0.2 * 2**attempt)
            try:
                status, answer = self._send(self.url, "POST", "/payments", body, headers)
            except (OSError, http.client.HTTPException) as error:
                why = type(error).__name__
                continue
            if status in (200, 201):
                return str(answer["payment"])
            why = f"status {status}"
            if status < 500:
                break
        raise PaymentError(f"{citizen} has not paid: {why}")

    def fee_cents(self, *, same_day: bool = False) -> int:
        """What a payment costs."""
        query = "?same_day=true" if same_day else ""
        return int(self._send(self.fees, "GET", f"/fees{query}", "", {})[1]["cents"])

    def _send(
        self, base: str, method: str, path: str, body: str, headers: dict[str, str]
    ) -> tuple[int, Any]:
        parts = urlsplit(base)
        connection = http.client.HTTPConnection(parts.netloc, timeout=self.timeout_s)
        try:
            connection.request(method, parts.path + path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()
