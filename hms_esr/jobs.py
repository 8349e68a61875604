"""From a prepared run to what each worker is told: its part of the plan, targets and bindings.

The switchboard binds every recorded host here, once; what it refuses was left out of the plan.
"""

from __future__ import annotations

from pathlib import Path

from hms_esr.preparation import Preparation
from hms_esr.sandbox import Sandbox
from hms_esr.scratch import no_room
from replay.plan import PlanPart, save_names
from replay.prepare import Binding
from replay.worker import Job
from switchboard.rewrite import Bound, bind
from switchboard.routes import service_of

CONNECTIONS = 1000
CONNECTIONS_AT_MAX = 64
WARM = 16
"""Connections opened before a paced run begins; the pool grows ahead of need from there."""


def save_parts(prep: Preparation, scratch: Path) -> tuple[PlanPart, ...]:
    """Write each worker's part of the plan and the lanes' names. Raises ScratchError."""
    workers = prep.options.workers
    parts = tuple(prep.plan.part(number, workers) for number in range(workers))
    with no_room("the plan", scratch):
        for number, part in enumerate(parts):
            part.save(part_folder(scratch, number))
        save_names(scratch, "names", prep.plan.lanes.name)
        save_names(scratch, "originals", prep.plan.lanes.original)
    return parts


def part_folder(scratch: Path, worker: int) -> Path:
    """Where a worker's columns are."""
    return scratch / f"plan-{worker}"


def make_jobs(
    prep: Preparation, sandbox: Sandbox, scratch: Path, run_id: str, grace_s: float
) -> tuple[Job, ...]:
    """One job a worker. Raises RuleError when a credential that a host needs is not set."""
    names = list(sandbox.targets)
    targets = tuple(sandbox.targets.values())
    bindings = tuple(
        _binding(authority, sandbox, names, run_id) for authority in prep.tape.info.hosts
    )
    connections = prep.options.connections
    if connections is None:
        connections = CONNECTIONS if prep.pace.is_paced else CONNECTIONS_AT_MAX
    return tuple(
        Job(
            tape=prep.tape.folder,
            part=part_folder(scratch, number),
            names=scratch,
            targets=targets,
            bindings=bindings,
            is_paced=prep.pace.is_paced,
            connections=connections,
            warm=min(connections, WARM) if prep.pace.is_paced else connections,
            connect_timeout_s=prep.timing.connect_s,
            read_timeout_s=prep.timing.read_s,
            grace_s=grace_s,
            retry=prep.scenario.retry,
            speed=prep.pace.speed,
        )
        for number in range(prep.options.workers)
    )


def _binding(authority: str, sandbox: Sandbox, names: list[str], run_id: str) -> Binding | None:
    bound = bind(authority, service_of(authority), sandbox.environment, run_id, sandbox.secrets)
    if not isinstance(bound, Bound):
        return None
    return Binding(names.index(bound.upstream.name), bound.prefix, bound.head)
