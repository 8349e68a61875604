"""Where a run's requests go: the embedded gateway, started for the run, or a declared environment.

The gateway is a process of its own that ends with the run, also when the run is killed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hms_esr.embedded import EmbeddedStubs, open_stubs
from hms_esr.preparation import Preparation
from hms_esr.targets import resolve_upstreams, secrets_of
from replay.worker import Target
from switchboard.environment import Environment, embedded_environment


@dataclass(frozen=True, slots=True)
class Sandbox:
    """An environment whose addresses are known and have passed the guard."""

    environment: Environment
    targets: Mapping[str, Target]
    """By upstream name."""
    secrets: Mapping[str, str] = field(repr=False)
    stubs: EmbeddedStubs | None = None
    """The gateway that was started for the run; None where somebody else's sandbox answers."""


@asynccontextmanager
async def open_sandbox(prep: Preparation, folder: Path, scratch: Path) -> AsyncIterator[Sandbox]:
    """The sandbox that `prep` aims at, for as long as the context lasts.

    Raises GuardError, UpstreamError or RuleError before anything is sent.
    """
    if not prep.aim.is_embedded:
        yield _resolved(prep.aim.environment)
        return
    async with open_stubs(prep, folder, scratch) as stubs:
        resolved = _resolved(embedded_environment(stubs.port))
        yield replace(resolved, stubs=stubs)


def _resolved(environment: Environment) -> Sandbox:
    targets = resolve_upstreams(environment)
    return Sandbox(environment, targets, secrets_of(environment, os.environ))
