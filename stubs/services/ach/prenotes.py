"""Pre-notes: an entry of nothing that finds out whether an account is there.

Live entries may follow on the third banking day after the pre-note settled, unless it came back.
Floor 1. Read next: `returns.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from stubs.service import Answer, Asked, BadRequestError, Memory, answer_json
from stubs.services.ach.calendar import (
    STANDARD_SETTLES,
    add_banking_days,
    clamp_ms,
    epoch_ms_of,
    find_passage,
)
from stubs.services.ach.order import Order, parse_order
from stubs.services.ach.returns import ReturnCode, choose_return, choose_return_day
from stubs.services.ach.settings import AchSettings

PRENOTE_BANKING_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Prenote:
    """One pre-note. ready_on: when live entries may follow.   returned_ms: None when it holds."""

    name: str
    ready_on: date
    ready_ms: float
    code: ReturnCode | None
    returned_ms: float | None

    def returned_with(self, epoch_ms: float) -> ReturnCode | None:
        """The code that it came back with by then."""
        has_returned = self.returned_ms is not None and epoch_ms >= self.returned_ms
        return self.code if has_returned else None


class Prenotes:
    """The newest pre-note of each account."""

    def __init__(self, settings: AchSettings) -> None:
        self._settings = settings
        self._newest: Memory[Prenote] = Memory(settings.remembered)

    def send(self, asked: Asked) -> Answer:
        """POST /prenotes."""
        order = parse_order(asked, self._settings.direction, is_prenote=True)
        if not order.account:
            raise BadRequestError("a pre-note needs an account, which it is to find out about")
        if order.cents:
            raise BadRequestError("a pre-note moves no money: leave the amount out, or make it 0")
        now_ms = clamp_ms(asked.epoch_ms)
        known = self._newest.get(order.identity)
        if known is not None and known.returned_with(now_ms) is None:
            return _show(200, known, now_ms, duplicate=True)
        prenote = self._make(order, asked, now_ms)
        self._newest.put(order.identity, prenote)
        return _show(201, prenote, now_ms)

    def objection(self, order: Order, epoch_ms: float) -> str:
        """Why a live entry may not go to an account yet, "" when it may."""
        prenote = self._newest.get(order.identity)
        if prenote is None:
            is_required = self._settings.is_prenote_required
            return "this account needs a pre-note first: POST /prenotes" if is_required else ""
        code = prenote.returned_with(epoch_ms)
        if code is not None:
            return f"the pre-note for this account came back: {code.code}, {code.meaning}"
        if epoch_ms < prenote.ready_ms:
            return f"live entries may follow the pre-note from {prenote.ready_on} on"
        return ""

    def _make(self, order: Order, asked: Asked, now_ms: int) -> Prenote:
        name = f"PRE-{asked.number_for(f'prenote {asked.request_id} {order.identity}', 12)}"
        passage = find_passage(now_ms, cutoff=self._settings.cutoff)
        code = choose_return(
            order.entry, order.account, order.identity, name, asked.seed, self._settings.returns
        )
        returned_ms = None
        if code is not None:
            day = choose_return_day(code, passage.settles_on, name, asked.seed)
            returned_ms = float(epoch_ms_of(day, STANDARD_SETTLES))
        ready_on = add_banking_days(passage.settles_on, PRENOTE_BANKING_DAYS)
        return Prenote(name, ready_on, epoch_ms_of(ready_on, STANDARD_SETTLES), code, returned_ms)


def _show(status: int, prenote: Prenote, epoch_ms: float, **more: bool) -> Answer:
    code = prenote.returned_with(epoch_ms)
    fields: dict[str, Any] = {
        "prenote": prenote.name,
        "status": "returned" if code else "accepted",
        "ready_on": prenote.ready_on.isoformat(),
        "env": "sandbox",
        **more,
    }
    return answer_json(status, **fields)
