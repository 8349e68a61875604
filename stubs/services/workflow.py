"""How far a workflow has got at a moment: its steps one after the other, each tried until it works.

Everything is a pure function of the workflow, the seed and recorded time: how long an attempt takes
and whether it fails are draws from the workflow's name, so nothing runs while nobody looks.
Floor 1, pure. Read next: `workflows.py`, which keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from stubs.latency import LogNormal
from switchboard.seeded import text64, unit

StepState = Literal["waiting", "running", "retrying", "done", "failed"]
State = Literal["running", "done", "failed"]

MOST_STEPS: Final = 20
MOST_RETRIES: Final = 10
MOST_GRANTS: Final = 5
"""How often a step that failed for good may be tried again by hand."""

_TAKES, _FAILS = 1, 2
_MOST_DOUBLED: Final = 6


@dataclass(frozen=True, slots=True)
class Usual:
    """How steps fare when nobody says otherwise; times are recorded time.

    fail: the share of attempts that fail.   backoff_ms: before the first retry, then doubled.
    """

    retries: int = 3
    fail: float = 0.05
    step_ms: float = 400.0
    step_p99_ms: float = 4_000.0
    backoff_ms: float = 1_000.0


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to try a step again, from a moment on. is_broken: what it calls fails anyway."""

    at_ms: float
    is_broken: bool = False


@dataclass(slots=True)
class Step:
    """One step. mock: the endpoint that it calls.   grants: the first one came with the start."""

    name: str
    fail: float
    mock: str | None
    grants: list[Grant]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow that was started at a moment of Unix time."""

    name: str
    kind: str
    started_ms: float
    retries: int
    usual: Usual
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """A step at a moment. ended_ms: when it was done or failed for good."""

    state: StepState
    attempts: int = 0
    ended_ms: float | None = None


_WAITING: Final = Progress("waiting")


def progress_of(workflow: Workflow, seed: int, now_ms: float) -> list[Progress]:
    """Where each step stands."""
    found: list[Progress] = []
    start_ms = workflow.started_ms
    for at in range(len(workflow.steps)):
        progress = _step_progress(workflow, at, seed, start_ms, now_ms)
        found.append(progress)
        if progress.state != "done" or progress.ended_ms is None:
            break
        start_ms = progress.ended_ms
    return found + [_WAITING] * (len(workflow.steps) - len(found))


def state_of(steps: list[Progress]) -> State:
    if any(step.state == "failed" for step in steps):
        return "failed"
    return "done" if all(step.state == "done" for step in steps) else "running"


def _step_progress(
    workflow: Workflow, at: int, seed: int, start_ms: float, now_ms: float
) -> Progress:
    """The attempts of one step until now."""
    attempts, ended_ms, number = 0, start_ms, text64(workflow.name)
    model = LogNormal(workflow.usual.step_ms, workflow.usual.step_p99_ms)
    for begins_ms, is_broken in _tries(workflow, at, start_ms):
        begins_ms = max(begins_ms, ended_ms + _backoff_ms(workflow, attempts))
        if now_ms < begins_ms:
            return _between(workflow, attempts, ended_ms)
        attempts += 1
        draws = (seed, number, at, attempts)
        ended_ms = begins_ms + model.sample_s(unit(*draws, _TAKES)) * 1000
        if now_ms < ended_ms:
            return Progress("running", attempts)
        if not is_broken and unit(*draws, _FAILS) >= workflow.steps[at].fail:
            return Progress("done", attempts, ended_ms)
    return Progress("failed", attempts, ended_ms)


def _between(workflow: Workflow, attempts: int, ended_ms: float) -> Progress:
    """Of a step that is not being tried at the moment."""
    if not attempts:
        return _WAITING
    if attempts % (1 + workflow.retries):
        return Progress("retrying", attempts)
    return Progress("failed", attempts, ended_ms)  # until the next grant


def _tries(workflow: Workflow, at: int, start_ms: float) -> Iterator[tuple[float, bool]]:
    """Each attempt that a step may take: not before when, and whether what it calls is broken."""
    for grant in workflow.steps[at].grants:
        for _ in range(1 + workflow.retries):
            yield max(grant.at_ms, start_ms), grant.is_broken


def _backoff_ms(workflow: Workflow, attempts: int) -> float:
    """None before the first of each grant."""
    since_grant = attempts % (1 + workflow.retries)
    if not since_grant:
        return 0.0
    return float(workflow.usual.backoff_ms * 2 ** min(since_grant - 1, _MOST_DOUBLED))
