"""What a person asked, before it means anything: the words of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command line is read before anything heavy is imported
    from replay.retry import RetryPolicy
    from scenarios.stub_settings import StubSettings
    from scorecard.halt import HaltWatch
    from stubs.faults.fault import Fault


@dataclass(frozen=True, slots=True)
class Reading:
    """How a trace is read and what is done to it; `trace_reading.py` says what it means.

    workers: processes that read it.
    """

    format: str | None = None
    mapping: str | None = None
    session_key: str | None = None
    anonymise: bool = False
    policy: str | None = None
    allow_kind: tuple[str, ...] = ()
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a trace is wanted; nothing said means all of it."""

    start: str | None = None
    end: str | None = None
    hosts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    sample: str | None = None


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
    reading: Reading = Reading()
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
