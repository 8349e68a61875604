"""Real workers over real sockets: started, ordered about, killed and orphaned."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from replay.complete import complete_rows
from replay.fleet import Fleet
from replay.outcome import Failure, Outcomes
from replay.plan import Plan, save_names
from replay.prepare import Binding
from replay.schedule import Pace, Recording, build_plan
from replay.tape import Record, Tape, write_tape
from replay.worker import Job, Target
from switchboard.errors import UpstreamError
from tests.integration.recording_server import RecordingServer, Request

MS = 1_000_000
PATIENCE_S = 30

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@dataclass
class Run:
    """A plan made from records, its workers, and what they reported."""

    folder: Path
    records: Sequence[Record]
    port: int
    pace: Pace = field(default_factory=Pace)
    workers: int = 2
    connections: int = 200
    read_timeout_s: float = 10.0
    grace_s: float = 5.0
    payloads: list[tuple[int, bytes]] = field(default_factory=list)
    t0_ns: int = 0

    def __post_init__(self) -> None:
        write_tape(self.folder / "tape", self.records)
        self.tape = Tape.open(self.folder / "tape")
        self.plan = plan_of(self.tape, self.pace)
        self.parts = [self.plan.part(number, self.workers) for number in range(self.workers)]
        for number, part in enumerate(self.parts):
            part.save(self.folder / f"part-{number}")
        save_names(self.folder, "names", self.plan.lanes.name)
        save_names(self.folder, "originals", self.plan.lanes.original)
        self.fleet = Fleet(lambda worker, payload: self.payloads.append((worker, payload)))

    def jobs(self) -> list[Job]:
        return [
            Job(
                tape=self.folder / "tape",
                part=self.folder / f"part-{number}",
                names=self.folder,
                targets=(Target("127.0.0.1", self.port),),
                bindings=(Binding(0, b"", b"Host: svc.sandbox.test\r\n"),),
                is_paced=self.pace.is_paced,
                connections=self.connections,
                warm=4,
                connect_timeout_s=2.0,
                read_timeout_s=self.read_timeout_s,
                grace_s=self.grace_s,
            )
            for number in range(self.workers)
        ]

    async def play(self, meanwhile: Callable[[], object] = lambda: None) -> Outcomes:
        """Play to the end; `meanwhile` is called once, right after the start."""
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                await self.fleet.start(self.jobs(), self.folder, tasks)
                self.t0_ns = time.monotonic_ns() + 50 * MS
                self.fleet.play(self.t0_ns)
                meanwhile()
                await self.fleet.finished()
        finally:
            await self.fleet.close()
            self.tape.close()
        return self.outcomes()

    def outcomes(self) -> Outcomes:
        """What was reported, in the order of the plan."""
        rows = [
            complete_rows(
                payload,
                self.parts[worker],
                np.asarray(self.tape.route),
                self.plan.lanes.gap_ns,
                self.t0_ns,
                self.pace.is_paced,
            )
            for worker, payload in self.payloads
        ]
        outcomes = np.concatenate(rows) if rows else np.zeros(0, dtype=[("index", "<u4")])
        return outcomes[np.argsort(outcomes["index"])]


def plan_of(tape: Tape, pace: Pace) -> Plan:
    recording = Recording(
        due_ns=np.asarray(tape.due_ns),
        session=np.asarray(tape.session),
        session_user=np.asarray(tape.session_user),
        user_names=[tape.user_name(number) for number in range(tape.info.users)],
        is_playable=np.ones(len(tape), dtype=bool),
    )
    return build_plan(recording, pace)


def steps(users: int, each: int, gap_ms: float) -> list[Record]:
    """`each` requests of every user, `gap_ms` apart; users begin one after the other."""
    return [
        Record(
            int((step * gap_ms + user) * MS),
            "POST" if step % 2 else "GET",
            f"/users/citizen-{user:02}/steps/{step}",
            f"citizen-{user:02}",
            body=b'{"step": %d}' % step if step % 2 else b"",
        )
        for user in range(users)
        for step in range(each)
    ]


def by_user(server: RecordingServer) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = defaultdict(list)
    for request in server.requests:
        found[request.user].append(request)
    return found


def overtaken(server: RecordingServer) -> list[str]:
    """Requests that arrived before their user's previous answer had left."""
    answered = {(request.user, request.target): at for request, at in server.finished}
    return [
        later.target
        for requests in by_user(server).values()
        for earlier, later in pairwise(requests)
        if later.arrived_s < answered[earlier.user, earlier.target]
    ]


@pytest.mark.parametrize("speed", [1.0, float("inf")], ids=["paced", "max"])
async def test_every_request_of_the_plan_arrives_once_and_is_recorded(
    tmp_path: Path, speed: float
) -> None:
    records = steps(users=10, each=6, gap_ms=20)
    with RecordingServer(status=lambda request: 201 if request.body else 200) as server:
        run = Run(tmp_path, records, server.port, Pace(speed=speed))
        rows = await run.play()
    assert sorted(r.target for r in server.requests) == sorted(r.target for r in records)
    assert rows["index"].tolist() == list(range(len(records)))
    assert rows["status"].tolist() == [
        201 if run.tape.info.routes[route].method == "POST" else 200
        for route in rows["route"].tolist()
    ]
    assert set(rows["failure"].tolist()) == {Failure.NONE}
    assert set(rows["bytes"].tolist()) == {2}
    assert (rows["sent_ns"] >= rows["due_ns"]).all()
    assert (rows["done_ns"] > rows["sent_ns"]).all()
    assert run.fleet.lost == ()
    assert all(usage.cpu_s and usage.rss_mb for usage in run.fleet.usages)
    sent = {request.target: request for request in server.requests}
    assert sent["/users/citizen-03/steps/1"].body == b'{"step": 1}'
    assert sent["/users/citizen-03/steps/1"].headers["host"] == "svc.sandbox.test"
    for user, requests in by_user(server).items():
        assert [r.target for r in requests] == [f"/users/{user}/steps/{n}" for n in range(6)]


async def test_clones_have_names_of_their_own(tmp_path: Path) -> None:
    with RecordingServer() as server:
        run = Run(tmp_path, steps(2, 3, 5), server.port, Pace(users=6, window_s=1.0))
        rows = await run.play()
    assert len(rows) == 18
    users = by_user(server)
    assert len(users) == 6
    for user, requests in users.items():
        assert [r.target for r in requests] == [f"/users/{user}/steps/{n}" for n in range(3)]


SLOW_STEPS = ("/0", "/1", "/2")


async def test_no_user_overtakes_himself_and_a_slow_one_delays_nobody_else(tmp_path: Path) -> None:
    slow, slow_s, dice = "citizen-00", 0.6, random.Random(8)
    random_s = [dice.expovariate(1 / 0.02) for _ in range(1_000)]

    def delay_s(request: Request) -> float:
        return slow_s if request.user == slow else min(random_s.pop(), 0.2)

    records = [r for r in steps(20, 12, gap_ms=15) if r.user != slow or r.target[-2:] in SLOW_STEPS]
    with RecordingServer(delay_s) as server:
        run = Run(tmp_path, records, server.port)
        rows = await run.play()
    assert overtaken(server) == []
    for requests in by_user(server).values():
        numbers = [int(r.target.rpartition("/")[2]) for r in requests]
        assert numbers == sorted(numbers)
    assert set(rows["failure"].tolist()) == {Failure.NONE}
    assert rows["held"].any()
    names = np.array(run.plan.lanes.name)[rows["lane"]]
    held = (rows["sent_ns"] - rows["due_ns"])[names == slow]
    own = (rows["sent_ns"] - rows["ready_ns"])[names != slow]
    assert held.max() > slow_s * 1e9
    assert own.max() < slow_s * 1e9 / 2


async def test_a_target_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    run = Run(tmp_path, steps(2, 2, 10), port)
    with pytest.raises(ExceptionGroup) as caught:
        await run.play()
    (error,) = caught.value.exceptions
    assert isinstance(error, UpstreamError)
    assert str(error).startswith(f"the target 127.0.0.1:{port} cannot be reached (")
    assert run.fleet.lost == (0, 1)


async def test_a_worker_that_cannot_begin_is_named(tmp_path: Path) -> None:
    with RecordingServer() as server:
        run = Run(tmp_path, steps(2, 2, 10), server.port)
        (tmp_path / "part-1" / "due_ns").unlink()
        with pytest.raises(ExceptionGroup) as caught:
            await run.play()
    (error,) = caught.value.exceptions
    assert isinstance(error, UpstreamError)
    assert str(error) == "worker 1 ended before it was ready; its log says why"
    assert "due_ns" in (tmp_path / "worker-1.log").read_text()


def children_of(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    """Wait until a process has ended, without polling."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)


@linux_only
async def test_a_worker_that_is_killed_is_lost_and_the_others_play_on(tmp_path: Path) -> None:
    with RecordingServer() as server:
        run = Run(tmp_path, steps(users=10, each=20, gap_ms=25), server.port)
        before = set(children_of(os.getpid()))

        def kill_one() -> None:
            victim = min(set(children_of(os.getpid())) - before)
            asyncio.get_running_loop().call_later(0.2, os.kill, victim, signal.SIGKILL)

        rows = await run.play(kill_one)
    assert len(run.fleet.lost) == 1
    (lost,) = run.fleet.lost
    other = run.parts[1 - lost]
    assert np.isin(other.index, rows["index"]).all()
    assert run.fleet.usages[lost].cpu_s is None


async def test_after_stop_what_is_in_flight_may_end(tmp_path: Path) -> None:
    with RecordingServer(lambda request: 0.4) as server:
        run = Run(tmp_path, steps(users=4, each=50, gap_ms=100), server.port)
        rows = await run.play(lambda: asyncio.get_running_loop().call_later(0.3, run.fleet.stop))
    assert 4 <= len(rows) < 50
    assert set(rows["failure"].tolist()) == {Failure.NONE}
    assert len(server.requests) == len(rows)
    assert run.fleet.lost == ()


@pytest.mark.parametrize("order", [Fleet.stop, Fleet.cancel], ids=["after the grace", "at once"])
async def test_what_does_not_end_is_cancelled(
    tmp_path: Path, order: Callable[[Fleet], None]
) -> None:
    with RecordingServer(lambda request: 3_600.0) as server:
        run = Run(tmp_path, steps(users=4, each=50, gap_ms=100), server.port, grace_s=0.2)
        rows = await run.play(lambda: asyncio.get_running_loop().call_later(0.3, order, run.fleet))
    assert len(rows) == 4
    assert set(rows["failure"].tolist()) == {Failure.CANCELLED}
    assert run.fleet.lost == ()


async def test_an_answer_that_does_not_come_in_time_is_a_timeout(tmp_path: Path) -> None:
    with RecordingServer(lambda request: 3_600.0 if request.target.endswith("/0") else 0) as server:
        run = Run(tmp_path, steps(3, 2, 5), server.port, read_timeout_s=0.3, workers=1)
        rows = await run.play()
    assert rows["failure"].tolist() == [Failure.TIMEOUT] * 3 + [Failure.NONE] * 3
    assert rows["held"].tolist() == [0] * 3 + [1] * 3


async def test_a_target_that_goes_away_ends_every_request(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(RecordingServer())
        run = Run(tmp_path, steps(users=4, each=40, gap_ms=25), server.port)
        rows = await run.play(lambda: asyncio.get_running_loop().call_later(0.3, stack.close))
    assert rows["index"].tolist() == list(range(160))
    assert {Failure.NONE, Failure.REFUSED} <= {Failure(code) for code in rows["failure"]}


ORPHAN_MAKER = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_fleet import Run, steps

async def main():
    run = Run(Path(sys.argv[1]), steps(4, 500, 100), int(sys.argv[2]))
    await run.play(lambda: print("playing", flush=True))

asyncio.run(main())
"""


@linux_only
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with (
        RecordingServer() as server,
        subprocess.Popen(
            [sys.executable, "-c", ORPHAN_MAKER, str(tmp_path), str(server.port)],
            stdout=subprocess.PIPE,
            cwd=root,
        ) as parent,
    ):
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"playing\n"
            workers = children_of(parent.pid)
            assert len(workers) == 2
        finally:
            parent.kill()
        assert all(is_gone(worker) for worker in workers)
