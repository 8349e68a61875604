"""What a person asked of a replay, before it means anything: the words of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command line is read before anything heavy is imported
    from replay.retry import RetryPolicy
    from scenarios.stub_settings import StubSettings
    from scorecard.halt import HaltWatch
    from stubs.faults.fault import Fault


@dataclass(frozen=True, slots=True)
class RunOptions:
    """One field an option; None leaves the choice to the scenario."""

    scenario: str
    speed: str | None = None
    users: int | None = None
    duration: str | None = None
    arrivals: str | None = None
    loop: str | None = None
    seed: int | None = None
    target: str | None = None
    slo: tuple[str, ...] = ()
    format: str | None = None
    workers: int = 1
    connections: int | None = None
    timeout: str = "30s"
    connect_timeout: str = "5s"
    faults: tuple[Fault, ...] | None = None
    """Instead of the scenario's own; () plays it without any."""
    stubs: StubSettings | None = None
    retry: RetryPolicy | None = None
    halt: HaltWatch | None = None
    """Who may end the run early."""
    command: tuple[str, ...] = ()
