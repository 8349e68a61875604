"""HMS-ACH put together: one ledger, and the functions that `handler:` of ach.yml names.

Floor 1. Read next: `payments.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Handler,
    Record,
    Store,
    Surroundings,
    answer_json,
)
from stubs.services.ach.calendar import clamp_ms
from stubs.services.ach.ledger import RECENT_LINES, Ledger
from stubs.services.ach.payments import Payments
from stubs.services.ach.prenotes import Prenotes
from stubs.services.ach.settings import parse_settings

EVENTS_SHOWN = 5
"""How many of the newest lines GET /ledger shows unless it is asked for more."""
RETURNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AchLogic:
    """What a definition of the service needs: its handlers by name, and what it remembers."""

    handlers: Mapping[str, Handler]
    stores: tuple[Store, ...]
    ledger: Ledger


def make_logic(surroundings: Surroundings) -> AchLogic:
    """The rail of one sandbox. Raises ScenarioError when its settings are wrong."""
    return build_logic(surroundings.record, surroundings.settings)


def build_logic(record: Record, raw_settings: Mapping[str, Any]) -> AchLogic:
    """The same from what it really uses."""
    settings = parse_settings(raw_settings)
    window_ms = settings.duplicate_window_s * 1000
    ledger = Ledger(record, remembered=settings.remembered, window_ms=window_ms)
    prenotes = Prenotes(settings)
    payments = Payments(ledger, prenotes, settings)
    handlers: dict[str, Handler] = {
        "pay": payments.pay,
        "look_up": payments.look_up,
        "reverse": payments.reverse,
        "prenote": prenotes.send,
        "ledger": lambda asked: show_ledger(ledger, asked),
        "returns": lambda asked: show_returns(ledger, asked),
    }
    return AchLogic(handlers, (ledger,), ledger)


def show_ledger(ledger: Ledger, asked: Asked) -> Answer:
    """GET /ledger."""
    limit = parse_limit(asked.query, EVENTS_SHOWN)
    ledger.advance(clamp_ms(asked.epoch_ms))
    return answer_json(200, **ledger.summary(limit), env="sandbox")


def show_returns(ledger: Ledger, asked: Asked) -> Answer:
    """GET /returns."""
    limit = parse_limit(asked.query, RETURNS_SHOWN)
    ledger.advance(clamp_ms(asked.epoch_ms))
    return answer_json(
        200,
        codes=dict(sorted(ledger.codes.items())),
        returns=ledger.newest_returns(limit),
        env="sandbox",
    )


def parse_limit(query: str, default: int) -> int:
    """The `limit` of a query. Raises BadRequestError."""
    hint = f"limit must be a whole number of 0 to {RECENT_LINES:,}"
    try:
        values = parse_qs(query, max_num_fields=20).get("limit")
        limit = default if values is None else int(values[-1])
    except ValueError as error:
        raise BadRequestError(hint) from error
    if not 0 <= limit <= RECENT_LINES:
        raise BadRequestError(hint)
    return limit
