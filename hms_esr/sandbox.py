"""Where a run's requests go: the embedded gateway, started for the run, or a declared environment.

The gateway is a process of its own that ends with the run, also when the run is killed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hms_esr.answers import write_answers
from hms_esr.preparation import Preparation
from hms_esr.scratch import no_room
from hms_esr.targets import resolve_upstreams, secrets_of
from replay.worker import Target
from stubs.process import StubProcess
from switchboard.environment import Environment, embedded_environment


@dataclass(frozen=True, slots=True)
class Sandbox:
    """An environment whose addresses are known and have passed the guard."""

    environment: Environment
    targets: Mapping[str, Target]
    """By upstream name."""
    secrets: Mapping[str, str] = field(repr=False)


@asynccontextmanager
async def open_sandbox(prep: Preparation, scratch: Path) -> AsyncIterator[Sandbox]:
    """The sandbox that `prep` aims at, for as long as the context lasts.

    Raises GuardError, UpstreamError or RuleError before anything is sent.
    """
    if not prep.aim.is_embedded:
        yield _resolved(prep.aim.environment)
        return
    answers = scratch / "answers.json"
    with no_room("the answers of the sandbox", scratch):
        write_answers(prep.tape, answers)
    stub = await asyncio.to_thread(StubProcess.start, seed=prep.scenario.seed, answers=answers)
    try:
        yield _resolved(embedded_environment(stub.port))
    finally:
        await asyncio.to_thread(stub.stop)


def _resolved(environment: Environment) -> Sandbox:
    targets = resolve_upstreams(environment)
    return Sandbox(environment, targets, secrets_of(environment, os.environ))
