"""Plays one tape through a real worker and prints what it saw: `python -m bench.drive FILE`.

FILE holds an `Order` as JSON. The worker is started on the injector's core; this process, which
does what the parent of a run does (complete the rows, fold them into histograms, spool them to a
file), then moves to the other core, and its CPU is told apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import uvloop

from bench.books import Books, Seen
from bench.children import INJECTOR, SERVER, last_words, pin
from replay.fleet import Fleet
from replay.plan import Lanes, Plan, save_names
from replay.prepare import Binding
from replay.schedule import Pace, Recording, build_plan
from replay.tape import Tape
from replay.worker import Job, Target
from switchboard.environment import environment_for_url
from switchboard.errors import EsrError
from switchboard.rewrite import Bound, bind

RUN_ID = "RUN-20200315-120000-be7c"

# As in a run: `hms_esr/jobs.py` and `hms_esr/runner.py`.
CONNECTIONS, CONNECTIONS_AT_MAX, WARM = 1000, 64, 16
START_IN_NS = 30_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """What to play, with a run's connections.

    speed: recorded seconds per wall second, None for as fast as answers allow.
    """

    tape: str
    scratch: str
    port: int
    speed: float | None


@dataclass(frozen=True, slots=True)
class Driven:
    """What one run gave and took.

    worker_cpu_s: the worker's own figure, from the order to start to its last row.
    worker_life_cpu_s: all that the OS charged the worker for, with its start.
    """

    seen: Seen
    t0_ns: int
    wall_s: float
    worker_cpu_s: float
    worker_life_cpu_s: float
    worker_rss_mb: float
    parent_cpu_s: float


async def drive(order: Order) -> Driven:
    scratch = Path(order.scratch)
    with Tape.open(Path(order.tape)) as tape:
        plan = plan_of(tape, order.speed)
        job = write_job(order, tape, plan, scratch)
        part = plan.part(0, 1)
        with (scratch / "outcomes-0.rows").open("wb") as spool:
            books = Books(plan, part, tape.info.routes, tape.route, spool, is_paced=job.is_paced)
            fleet = Fleet(lambda _, payload: books.take(payload))
            try:
                return await _play(fleet, job, scratch, books)
            finally:
                await fleet.close()


async def _play(fleet: Fleet, job: Job, scratch: Path, books: Books) -> Driven:
    async with asyncio.TaskGroup() as tasks:
        pin(INJECTOR)  # which the worker inherits
        await fleet.start([job], scratch, tasks)
        pin(SERVER)
        give_way()
        books.t0_ns = time.monotonic_ns() + START_IN_NS
        cpu = time.process_time()
        fleet.play(books.t0_ns)
        await fleet.finished()
        parent_cpu_s = time.process_time() - cpu
    await fleet.close()
    life = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = fleet.usages[0]
    seen = books.close()
    return Driven(
        seen=seen,
        t0_ns=books.t0_ns,
        wall_s=seen.wall_s,
        worker_cpu_s=usage.cpu_s or float("nan"),
        worker_life_cpu_s=life.ru_utime + life.ru_stime,
        worker_rss_mb=usage.rss_mb or float("nan"),
        parent_cpu_s=parent_cpu_s,
    )


def give_way() -> None:
    """On two cores, the server's measuring goes before this process's bookkeeping."""
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    if hasattr(os, "nice"):
        os.nice(10)


def plan_of(tape: Tape, speed: float | None) -> Plan:
    """All of the tape, at `speed`."""
    recording = Recording(
        due_ns=np.asarray(tape.due_ns),
        session=np.asarray(tape.session),
        session_user=np.asarray(tape.session_user),
        user_names=[tape.user_name(i) for i in range(tape.info.users)],
        is_playable=np.ones(len(tape), dtype=bool),
    )
    return build_plan(recording, Pace(speed=float("inf") if speed is None else speed))


def write_job(order: Order, tape: Tape, plan: Plan, scratch: Path) -> Job:
    """Write the plan's only part and its names; every host of the tape goes to one port."""
    is_paced = order.speed is not None
    plan.part(0, 1).save(scratch / "part-0")
    _save_lanes(scratch, plan.lanes)
    return Job(
        tape=Path(order.tape),
        part=scratch / "part-0",
        names=scratch,
        targets=(Target("127.0.0.1", order.port),),
        bindings=tuple(_binding(host, order.port) for host in tape.info.hosts),
        is_paced=is_paced,
        connections=CONNECTIONS if is_paced else CONNECTIONS_AT_MAX,
        warm=WARM if is_paced else CONNECTIONS_AT_MAX,
        connect_timeout_s=5.0,
        read_timeout_s=30.0,
        grace_s=5.0,
    )


def _save_lanes(folder: Path, lanes: Lanes) -> None:
    save_names(folder, "names", lanes.name)
    save_names(folder, "originals", lanes.original)


def _binding(host: str, port: int) -> Binding:
    """The switchboard's own head lines, so that requests are as large as in a run."""
    environment = environment_for_url(f"http://127.0.0.1:{port}")
    bound = bind(host, host.partition(".")[0], environment, RUN_ID, {})
    if not isinstance(bound, Bound):
        raise AssertionError("a URL stands in for every host")
    return Binding(0, bound.prefix, bound.head)


def main(order_file: Path) -> None:
    order = Order(**json.loads(order_file.read_text()))
    try:
        driven = uvloop.run(drive(order))
    except* EsrError as group:
        log = Path(order.scratch) / "worker-0.log"
        said = log.read_text() if log.exists() else ""
        sys.exit(f"{group.exceptions[0]} ({last_words(said)})")
    print(json.dumps(asdict(driven)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
