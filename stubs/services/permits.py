"""Permits: filed, reviewed for some days of recorded time, then approved or denied.

What a permit is at a moment is a pure function of when it was filed, the seed and the moment, so
it moves on with the run whoever looks. Floor 1. Read next: `svc.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from stubs.service import Answer, Asked, answer_json, text_of
from stubs.services.ach.calendar import clamp_ms
from stubs.services.logic import answer_absent, iso_of, read_now_ms
from stubs.services.shelf import Shelf
from switchboard.seeded import text64, unit

REVIEW_DAYS: Final = 10
"""Within how many days a permit is decided."""
MOST_REVIEW_DAYS: Final = 3_650
APPROVED: Final = 0.9
"""The share that is approved."""
DAY_MS: Final = 86_400_000

_RECEIVED_SHARE: Final = 0.1
"""Of the time a permit takes, it lies on a pile that long."""
_FASTEST: Final = 0.3
_HOW_LONG, _DECISION = 1, 2
_LIKE_AN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")

Status = Literal["received", "in_review", "approved", "denied"]


@dataclass(frozen=True, slots=True)
class Permit:
    """One permit. filed_ms: Unix time.   takes_ms: until it is decided."""

    name: str
    citizen: str
    kind: str
    filed_ms: int
    takes_ms: float
    is_approved: bool

    def status_at(self, now_ms: float) -> Status:
        age_ms = now_ms - self.filed_ms
        if age_ms < self.takes_ms * _RECEIVED_SHARE:
            return "received"
        if age_ms < self.takes_ms:
            return "in_review"
        return "approved" if self.is_approved else "denied"


def decide_permit(
    seed: int, name: str, citizen: str, kind: str, filed_ms: int, review_days: float
) -> Permit:
    """What will become of a permit: a draw from the seed and its name."""
    number = text64(name)
    share = _FASTEST + (1 - _FASTEST) * unit(seed, number, _HOW_LONG)
    is_approved = unit(seed, number, _DECISION) < APPROVED
    return Permit(name, citizen, kind, filed_ms, share * review_days * DAY_MS, is_approved)


class Permits:
    """The permits of one sandbox."""

    def __init__(self, review_days: float = REVIEW_DAYS) -> None:
        self._review_days = review_days
        self.shelf: Shelf[Permit] = Shelf("permits", _shown, "POST /permits")

    def file(self, asked: Asked) -> Answer:
        """POST /permits. Filed again under its name, it is the same permit."""
        fields = asked.json()
        made_up = f"PER-{asked.number_for(f'permit {asked.request_id}', 12)}"
        name = text_of(fields.get("permit")) or made_up
        known = self.shelf.get(name)
        now_ms = clamp_ms(asked.epoch_ms)
        if known is not None:
            return self._answer(200, known, now_ms)
        citizen, kind = text_of(fields.get("citizen")), text_of(fields.get("kind"), "building")
        permit = decide_permit(asked.seed, name, citizen, kind, now_ms, self._review_days)
        self.shelf.keep(name, permit)
        return self._answer(201, permit, now_ms)

    def show(self, asked: Asked) -> Answer:
        """GET /permits/{permit}. One from before the trace began is told like any other."""
        name, now_ms = asked.params["permit"], read_now_ms(asked)
        permit = self.shelf.get(name)
        is_known = permit is not None
        if permit is None and _LIKE_AN_ID.fullmatch(name):
            permit = decide_permit(asked.seed, name, "", "building", 0, self._review_days)
        if permit is None or (asked.stale_ms > 0 and permit.filed_ms > now_ms):
            return answer_absent("permit", name)
        return self._answer(200, permit, now_ms, **({} if is_known else {"known": False}))

    def _answer(self, status: int, permit: Permit, now_ms: int, **more: bool) -> Answer:
        shown = _shown(permit)
        due: str | None = iso_of(permit.filed_ms + self._review_days * DAY_MS)
        if not more.get("known", True):  # nobody knows when it was filed
            shown["filed"] = due = None
        return answer_json(
            status, **shown, due=due, status=permit.status_at(now_ms), env="sandbox", **more
        )


def _shown(permit: Permit) -> dict[str, Any]:
    return {
        "permit": permit.name,
        "citizen": permit.citizen,
        "kind": permit.kind,
        "filed": iso_of(permit.filed_ms),
    }
