"""Workflows as a caller sees them: started, looked at, and a failed step tried again by hand.

Floor 1. Read next: `workflow.py`, which says how far one has got.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Surroundings,
    answer_json,
    answer_problem,
    text_of,
)
from stubs.services.ach.calendar import clamp_ms
from stubs.services.logic import Settings, answer_absent, iso_of, read_now_ms
from stubs.services.shelf import Shelf
from stubs.services.workflow import (
    MOST_GRANTS,
    MOST_RETRIES,
    MOST_STEPS,
    Grant,
    Progress,
    Step,
    Usual,
    Workflow,
    progress_of,
    state_of,
)

USUAL_STEPS: Final = ("intake", "eligibility", "decision", "payment")
WORKFLOWS: Final = 5_000
MAX_NAME_CHARS: Final = 60
_DAY_MS: Final = 86_400_000.0


def read_usual(surroundings: Surroundings) -> Usual:
    """Raises ScenarioError when the settings are wrong."""
    words = ("retries", "fail", "step_ms", "step_p99_ms", "backoff_ms")
    settings = Settings(surroundings, "act", words)
    usual = Usual()
    step_ms = settings.number("step_ms", usual.step_ms, 1, _DAY_MS)
    p99_ms = settings.number("step_p99_ms", max(usual.step_p99_ms, 10 * step_ms), 1, 10 * _DAY_MS)
    retries = settings.number("retries", usual.retries, 0, MOST_RETRIES)
    if retries != int(retries):
        settings.fault("retries", "must be a whole number")
    if p99_ms <= step_ms:
        settings.fault("step_p99_ms", "must be greater than step_ms")
    fail = settings.number("fail", usual.fail, 0, 1)
    backoff_ms = settings.number("backoff_ms", usual.backoff_ms, 0, _DAY_MS)
    settings.check()
    return Usual(int(retries), fail, step_ms, p99_ms, backoff_ms)


class Workflows:
    """The workflows of one sandbox. is_failing: whether a call of that mock would fail now."""

    def __init__(self, usual: Usual, is_failing: Callable[[str], bool]) -> None:
        self._usual = usual
        self._is_failing = is_failing
        self.shelf: Shelf[Workflow] = Shelf("workflows", _shown, "POST /workflows", WORKFLOWS)

    def start(self, asked: Asked) -> Answer:
        """POST /workflows. Started again under its name, it is the same workflow."""
        fields = asked.json()
        made_up = f"WF-{asked.number_for(f'workflow {asked.request_id}', 12)}"
        name = text_of(fields.get("workflow")) or made_up
        known = self.shelf.get(name)
        now_ms = clamp_ms(asked.epoch_ms)
        if known is not None:
            return _answer(200, known, asked.seed, now_ms)
        retries = _read_retries(fields, self._usual)
        raw_steps = fields.get("steps", list(USUAL_STEPS))
        if not isinstance(raw_steps, list) or not 1 <= len(raw_steps) <= MOST_STEPS:
            raise BadRequestError(f"steps must be a list of 1 to {MOST_STEPS} steps")
        steps = tuple(self._read_step(raw, now_ms) for raw in raw_steps)
        if len({step.name for step in steps}) < len(steps):
            raise BadRequestError("two steps have the same name; give each its own")
        kind = text_of(fields.get("kind"), "application")
        workflow = Workflow(name, kind, now_ms, retries, self._usual, steps)
        self.shelf.keep(name, workflow)
        return _answer(201, workflow, asked.seed, now_ms)

    def show(self, asked: Asked) -> Answer:
        """GET /workflows/{workflow}."""
        workflow = self.shelf.get(asked.params["workflow"])
        now_ms = read_now_ms(asked)
        if workflow is None or (asked.stale_ms > 0 and workflow.started_ms > now_ms):
            return answer_absent("workflow", asked.params["workflow"])
        return _answer(200, workflow, asked.seed, now_ms)

    def retry(self, asked: Asked) -> Answer:
        """POST /workflows/{workflow}/steps/{step}/retry: a step that failed for good goes on."""
        workflow = self.shelf.get(asked.params["workflow"])
        if workflow is None:
            return answer_absent("workflow", asked.params["workflow"])
        wanted, now_ms = asked.params["step"], clamp_ms(asked.epoch_ms)
        at = next((n for n, step in enumerate(workflow.steps) if step.name == wanted), None)
        if at is None:
            return answer_absent("step", wanted)
        step = workflow.steps[at]
        state = progress_of(workflow, asked.seed, now_ms)[at].state
        if state != "failed":
            return answer_problem(409, "Not failed", f"the step is {state}; only a failed one is")
        if len(step.grants) > MOST_GRANTS:
            return answer_problem(409, "Tried enough", f"it was tried again {MOST_GRANTS} times")
        step.grants.append(Grant(now_ms, self._fails_now(step.mock)))
        return _answer(202, workflow, asked.seed, now_ms)

    def _read_step(self, raw: object, now_ms: float) -> Step:
        """A name, or a mapping with `name`, `fail` and `mock`. Raises BadRequestError."""
        fields: Mapping[str, Any] = raw if isinstance(raw, dict) else {"name": raw}
        name, mock = fields.get("name"), fields.get("mock")
        fail = fields.get("fail", self._usual.fail)
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARS:
            raise BadRequestError(f"a step has a name of up to {MAX_NAME_CHARS} characters")
        if isinstance(fail, bool) or not isinstance(fail, int | float) or not 0 <= fail <= 1:
            raise BadRequestError("fail must be a share from 0 to 1")
        if mock is not None and (not isinstance(mock, str) or len(mock) > MAX_NAME_CHARS):
            raise BadRequestError("mock must be the name of a mock endpoint")
        return Step(name, fail, mock, [Grant(now_ms, self._fails_now(mock))])

    def _fails_now(self, mock: str | None) -> bool:
        return mock is not None and self._is_failing(mock)


def _read_retries(fields: Mapping[str, Any], usual: Usual) -> int:
    retries = fields.get("retries", usual.retries)
    is_number = isinstance(retries, int) and not isinstance(retries, bool)
    if not is_number or not 0 <= retries <= MOST_RETRIES:
        raise BadRequestError(f"retries must be a whole number of 0 to {MOST_RETRIES}")
    return int(retries)


def _answer(status: int, workflow: Workflow, seed: int, now_ms: float) -> Answer:
    steps = progress_of(workflow, seed, now_ms)
    return answer_json(
        status,
        workflow=workflow.name,
        kind=workflow.kind,
        state=state_of(steps),
        started=iso_of(workflow.started_ms),
        steps=[_row(step, at) for step, at in zip(workflow.steps, steps, strict=True)],
        env="sandbox",
    )


def _row(step: Step, progress: Progress) -> dict[str, Any]:
    row = {"step": step.name, "state": progress.state, "attempts": progress.attempts}
    if progress.ended_ms is not None:
        row["ended"] = iso_of(progress.ended_ms)
    return row


def _shown(workflow: Workflow) -> dict[str, Any]:
    return {
        "kind": workflow.kind,
        "started": iso_of(workflow.started_ms),
        "steps": [step.name for step in workflow.steps],
        "retried": sum(len(step.grants) - 1 for step in workflow.steps),
    }
