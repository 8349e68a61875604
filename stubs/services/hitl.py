"""HITL: a queue of tasks that a trainee approves or denies; see hitl.yml.

With the setting `skip` (a scenario's `hitl_skip`) everything is approved at once, by nobody.
Floor 1, pure. Read next: `shelf.py`, where the approvals lie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import orjson

from stubs.callback_plan import parse_callback_url
from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Callback,
    Surroundings,
    answer_problem,
    text_of,
)
from stubs.services.logic import (
    ServiceLogic,
    Settings,
    answer_absent,
    dump_bounded,
    iso_of,
    query_of,
    read_limit,
    read_now_ms,
    read_word,
)
from stubs.services.shelf import Shelf

State = Literal["pending", "approved", "denied"]

STATES: Final = ("pending", "approved", "denied")
SHOWN: Final = 5
MAX_DETAILS_BYTES: Final = 2_048
NOBODY: Final = "hitl_skip"
"""Who decided when nobody was asked."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One task. details: JSON.   asked_ms, decided_ms: Unix time."""

    name: str
    task: str
    requester: str
    details: bytes
    callback_url: str
    asked_ms: float
    state: State = "pending"
    who: str = ""
    why: str = ""
    decided_ms: float | None = None

    def shown(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "approval": self.name,
            "state": self.state,
            "task": self.task,
            "requester": self.requester,
            "asked": iso_of(self.asked_ms),
        }
        if self.decided_ms is not None:
            fields |= {"who": self.who, "why": self.why, "decided": iso_of(self.decided_ms)}
        return fields


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    settings = Settings(surroundings, "hitl", ("skip",))
    skip = settings.flag("skip")
    settings.check()
    queue = Queue(skip=skip)
    handlers = {
        "ask": queue.ask,
        "list": queue.show_all,
        "show": queue.show,
        "approve": lambda asked: queue.decide(asked, "approved"),
        "deny": lambda asked: queue.decide(asked, "denied"),
    }
    return ServiceLogic(handlers, (queue.shelf,))


class Queue:
    """The tasks of one sandbox. skip: nobody is asked."""

    def __init__(self, *, skip: bool = False) -> None:
        self._skip = skip
        self.shelf: Shelf[Approval] = Shelf("approvals", Approval.shown, "POST /approvals")

    def ask(self, asked: Asked) -> Answer:
        """POST /approvals. Asked again under its name, it is the same task."""
        fields = asked.json()
        made_up = f"APR-{asked.number_for(f'approval {asked.request_id}', 12)}"
        name = text_of(fields.get("approval")) or made_up
        known = self.shelf.get(name)
        if known is not None:
            return _answer(200, known)
        approval = Approval(
            name,
            read_word(fields, "task"),
            text_of(fields.get("requester")),
            dump_bounded(fields.get("details"), "details", MAX_DETAILS_BYTES),
            _read_callback_url(fields.get("callback_url")),
            asked.epoch_ms,
        )
        if self._skip:
            approval = _decided(approval, "approved", NOBODY, "", asked.epoch_ms)
        self.shelf.keep(name, approval)
        return _answer(201, approval, _callbacks(approval))

    def show_all(self, asked: Asked) -> Answer:
        """GET /approvals?state=&requester=&limit=, the oldest first: that one waits longest."""
        query = query_of(asked)
        limit = read_limit(query, SHOWN)
        state, requester = query.get("state", ""), query.get("requester", "")
        if state and state not in STATES:
            raise BadRequestError(f"state must be one of {', '.join(STATES)}")
        found = [
            approval
            for approval in self.shelf.newest()
            if (approval.state == state or not state)
            and (approval.requester == requester or not requester)
        ]
        found.reverse()
        body = {
            "approvals": [each.shown() for each in found[:limit]],
            "matching": len(found),
            "env": "sandbox",
        }
        return Answer(200, orjson.dumps(body))

    def show(self, asked: Asked) -> Answer:
        """GET /approvals/{approval}."""
        approval = self.shelf.get(asked.params["approval"])
        if approval is None:
            return answer_absent("approval", asked.params["approval"])
        if asked.stale_ms > 0:
            now_ms = read_now_ms(asked)
            if approval.asked_ms > now_ms:
                return answer_absent("approval", approval.name)
            if approval.decided_ms is not None and approval.decided_ms > now_ms:
                approval = replace(approval, state="pending", who="", why="", decided_ms=None)
        return _answer(200, approval)

    def decide(self, asked: Asked, state: State) -> Answer:
        """POST /approvals/{approval}/approve or /deny, with `who` and `why`."""
        fields = asked.json()
        who = read_word(fields, "who")
        why = read_word(fields, "why") if state == "denied" else text_of(fields.get("why"))
        approval = self.shelf.get(asked.params["approval"])
        if approval is None:
            return answer_absent("approval", asked.params["approval"])
        if approval.state != "pending":
            detail = f"it was {approval.state} by {approval.who}"
            return answer_problem(409, "Decided already", detail)
        approval = _decided(approval, state, who, why, asked.epoch_ms)
        self.shelf.keep(approval.name, approval)
        return _answer(200, approval, _callbacks(approval))


def _decided(approval: Approval, state: State, who: str, why: str, now_ms: float) -> Approval:
    return replace(approval, state=state, who=who, why=why, decided_ms=now_ms)


def _callbacks(approval: Approval) -> tuple[Callback, ...]:
    """Whoever asked is told of the decision, when it gave a URL for that."""
    if not approval.callback_url or approval.decided_ms is None:
        return ()
    event = {"event": f"approval.{approval.state}", **approval.shown(), "env": "sandbox"}
    return (Callback(approval.callback_url, body=orjson.dumps(event)),)


def _read_callback_url(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequestError("callback_url must be a text")
    try:
        parse_callback_url(value)
    except ValueError as error:
        raise BadRequestError(f"callback_url: {error}") from error
    return value


def _answer(status: int, approval: Approval, callbacks: tuple[Callback, ...] = ()) -> Answer:
    fields = {**approval.shown(), "env": "sandbox"}
    if approval.details != b"null":
        fields["details"] = orjson.Fragment(approval.details)
    return Answer(status, orjson.dumps(fields), callbacks=callbacks)
