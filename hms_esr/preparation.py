"""From what a person asked to a run that is ready to go: scenario, target, tape, plan.

Nothing is sent here and no process is started, so `esr plan` and `esr replay` share it whole.
Read next: `runner.py`, which plays what is prepared here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from hms_esr.counted_faults import choose_requests
from hms_esr.exits import UsageError
from hms_esr.leak_words import choose_way_out
from hms_esr.options import Reading, RunOptions
from hms_esr.run_folder import home_folder
from hms_esr.tapes import Recipe, open_tape
from hms_esr.targets import EMBEDDED, Aim, choose_aim
from hms_esr.trace_reading import choose_reading, is_tape, make_sources
from replay.plan import Column, Plan
from replay.schedule import Pace, Recording, build_plan
from replay.tape import Tape
from scenarios.loader import find_scenario, lake_folder, resolve_log_path
from scenarios.slo import merge_slos, parse_slos
from scenarios.spec import (
    Scenario,
    parse_arrivals,
    parse_seed,
    parse_users,
    parse_window,
)
from scenarios.units import parse_speed
from stubs.faults.fault import Fault
from stubs.learned import LearnedAnswers
from stubs.routing import RouteTable
from switchboard.errors import TraceError
from switchboard.hosts import host_of
from switchboard.rewrite import choose_upstream

FOREVER = "forever"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a worker waits for a connection and for an answer, in seconds."""

    connect_s: float
    read_s: float


@dataclass(frozen=True, slots=True)
class Preparation:
    """A run that is ready to go. `tape` stays open until the stack it was made with closes."""

    options: RunOptions
    scenario: Scenario
    aim: Aim
    tape: Tape
    plan: Plan
    pace: Pace
    timing: Timing
    faults: tuple[Fault, ...]
    """What goes wrong on cue; those that count requests know which ones they come to."""
    unmapped: Mapping[str, int]
    """Recorded hosts that no upstream takes, with the number of their requests."""

    @property
    def wall_s(self) -> float | None:
        """Planned wall time, or None with --speed max."""
        return self.plan.trace_ns / self.pace.speed / 1e9 if self.pace.is_paced else None


def prepare(
    options: RunOptions, env: Mapping[str, str], cwd: Path, stack: ExitStack
) -> Preparation:
    """Resolve everything. Raises EsrError with the sentence for the user, or OSError."""
    timing = Timing(
        _option("--connect-timeout", options.connect_timeout, parse_window),
        _option("--timeout", options.timeout, parse_window),
    )
    scenario = _apply(options, find_scenario(options.scenario, cwd=cwd, env=env))
    pace = _pace(options, scenario)
    # A target that no trace can change is judged before a long log is read.
    early = _early_aim(scenario.target, env, cwd)
    tape = _open(options, scenario, env, cwd, stack)
    services = sorted({route.service for route in tape.info.routes})
    aim = early or choose_aim(scenario.target, services, env, cwd)
    is_playable, unmapped, unplayable = choose_playable(tape, aim)
    plan = _plan(tape, is_playable, unplayable, pace)
    faults = _faults(scenario, aim, tape, plan)
    return Preparation(options, scenario, aim, tape, plan, pace, timing, faults, unmapped)


def _open(
    options: RunOptions, scenario: Scenario, env: Mapping[str, str], cwd: Path, stack: ExitStack
) -> Tape:
    """The scenario's log as a tape; one that is a tape already is taken as it is."""
    compiled = cwd / scenario.log_path
    if is_tape(compiled):
        _refuse_reading(options.reading, compiled)
        return stack.enter_context(Tape.open(compiled))
    how = choose_reading(options.reading, env, cwd, policy=scenario.anonymise, links=True)
    files = resolve_log_path(
        scenario.log_path,
        scenario_dir=scenario.file and scenario.file.parent,
        lake=lake_folder(env, cwd),
        cwd=cwd,
    )
    sources = make_sources(files, (scenario.log_path,))
    way_out = choose_way_out(options.command, how.treatment)
    recipe = Recipe(sources, how, scenario.seed, way_out)
    return open_tape(recipe, home_folder(env, cwd), stack)


def _refuse_reading(reading: Reading, tape: Path) -> None:
    """What is done to a log was done when the tape was compiled. Raises UsageError."""
    if reading != Reading(workers=reading.workers):
        raise UsageError(
            f"{tape} is a tape: how its log was to be read was decided when it was compiled; "
            "compile it again with esr tape build"
        )


def _faults(scenario: Scenario, aim: Aim, tape: Tape, plan: Plan) -> tuple[Fault, ...]:
    """Raises UsageError where no stub could play them."""
    if not scenario.chaos:
        return ()
    if not aim.is_embedded:
        raise UsageError(
            f"faults are played by the stubs, and target {aim.name} has none: take the target "
            "embedded, or put `esr stubs serve --chaos FILE` behind it"
        )
    return choose_requests(scenario.chaos, tape, plan, stub_route_name)


def stub_route_name(service: str, method: str, template: str) -> str:
    """A recorded template fits the stub's own as any path of it would."""
    found = _stub_routes().find(service, method, template)
    return found[0][0].name if found else f"{method} {template}"


@lru_cache(maxsize=1)
def _stub_routes() -> RouteTable:
    # Reading definitions takes a fifth of a second's imports, and most runs have no faults.
    from hms_esr.bundled import bundled_services

    return RouteTable(bundled_services(), LearnedAnswers())


def choose_playable(tape: Tape, aim: Aim) -> tuple[Column, dict[str, int], dict[str, int]]:
    """Which requests may be sent; how many are not, by unmapped host and by reason."""
    mapped = np.array([_is_mapped(host, aim) for host in tape.info.hosts], dtype=bool)
    is_playable = mapped[tape.host] if len(mapped) else np.zeros(len(tape), dtype=bool)
    counts = np.bincount(tape.host, minlength=len(mapped))
    unmapped = {
        host: int(counts[number])
        for number, host in enumerate(tape.info.hosts)
        if not mapped[number] and counts[number]
    }
    reasons = Counter({"host not mapped": sum(unmapped.values())})
    if aim.service is not None:
        wanted = np.array([route.service == aim.service for route in tape.info.routes], dtype=bool)
        is_wanted = wanted[tape.route]
        reasons["another service"] = int((is_playable & ~is_wanted).sum())
        is_playable = is_playable & is_wanted
    return is_playable, unmapped, {reason: count for reason, count in reasons.items() if count}


def _is_mapped(authority: str, aim: Aim) -> bool:
    try:
        host = host_of(authority) if authority else ""
    except ValueError:
        return False
    return choose_upstream(host, aim.environment) is not None


def _plan(tape: Tape, is_playable: Column, unplayable: Mapping[str, int], pace: Pace) -> Plan:
    recording = Recording(
        due_ns=tape.due_ns,
        session=tape.session,
        session_user=tape.session_user,
        user_names=[tape.user_name(number) for number in range(tape.info.users)],
        is_playable=is_playable,
    )
    try:
        plan = replace(build_plan(recording, pace), unplayable=unplayable)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if len(plan) == 0:
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in unplayable.items())
        raise TraceError(
            f"nothing of this trace can be sent ({reasons or 'nothing is due in the window'}): "
            "map its hosts in the environment, or play a longer part of it"
        )
    return plan


def _early_aim(target: str, env: Mapping[str, str], cwd: Path) -> Aim | None:
    """The aim, unless `target` may be the name of a service that only the trace knows."""
    if target == EMBEDDED or "://" in target or "." in target or ":" in target:
        return choose_aim(target, (), env, cwd)
    return None


def _apply(options: RunOptions, scenario: Scenario) -> Scenario:
    """The scenario with what the command line says otherwise."""
    changes: dict[str, object] = {}
    if options.speed is not None:
        changes["speed"] = _option("--speed", options.speed, parse_speed)
    if options.users is not None:
        changes["users"] = _option("--users", options.users, parse_users)
    if options.arrivals is not None:
        changes["arrivals"] = _option("--arrivals", options.arrivals, parse_arrivals)
    if options.seed is not None:
        changes["seed"] = _option("--seed", options.seed, parse_seed)
    if options.target is not None:
        changes["target"] = _option("--target", options.target, _parse_target)
    if options.faults is not None:
        changes["chaos"] = options.faults
    if options.stubs is not None:
        changes["stubs"] = options.stubs
    if options.retry is not None:
        changes["retry"] = options.retry
    if options.slo:
        given = [slo for text in options.slo for slo in _option("--slo", text, parse_slos)]
        changes["slo"] = merge_slos(scenario.slo, given)
    return scenario.model_copy(update=changes)


def _pace(options: RunOptions, scenario: Scenario) -> Pace:
    first_s = None
    if options.duration is not None:
        first_s = _option("--duration", options.duration, parse_window)
    return Pace(
        speed=scenario.speed,
        arrivals=scenario.arrivals,
        users=scenario.users,
        window_s=scenario.duration_s,
        first_s=first_s,
        passes=_option("--loop", options.loop, _parse_loop) if options.loop else 1,
        seed=scenario.seed,
        spike=scenario.spike,
    )


def _parse_target(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"{text[:80]!a} is not a target; write an environment, a URL or a service")
    return text.strip()


def _parse_loop(text: str) -> int | None:
    if text == FOREVER:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and 1 <= int(text) <= 1_000_000):
        raise ValueError(f"{text!r} is not a number of passes; write 3, or nothing")
    return int(text)


def _option(name: str, value: object, parse: Callable[..., T]) -> T:
    try:
        return parse(value)
    except ValueError as error:
        # Some sentences go on from the value, as they do after a key and its line in a file.
        given = f" {value}" if str(error).startswith("is ") else ":"
        raise UsageError(f"{name}{given} {error}") from None
