"""The workers of a run, seen from the parent: start them, order them about, take their rows.

A worker that dies takes nobody with it; its part is simply not sent, which the certificate sees.
Workers end by themselves when the parent does, since their standard input ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import replay
from replay.frames import order, read_frame
from replay.worker import Job
from switchboard.errors import UpstreamError

READY_TIMEOUT_S = 30.0
"""How long the workers may take to map their part and connect; a machine under load is slow."""

EXIT_TIMEOUT_S = 5.0

OnRows = Callable[[int, bytes], None]
"""Takes a worker's number and a payload of `engine.SENT_ROW` rows."""


@dataclass(slots=True)
class WorkerUsage:
    """What a worker used while it was sending."""

    cpu_s: float | None = None
    rss_mb: float | None = None


@dataclass(slots=True)
class _Member:
    number: int
    process: asyncio.subprocess.Process
    ready: asyncio.Future[None]
    usage: WorkerUsage = field(default_factory=WorkerUsage)
    is_finished: bool = False


class Fleet:
    """All workers of one run. Use `start`, then `play`, then `finished`; `close` at the end."""

    def __init__(self, on_rows: OnRows) -> None:
        self._on_rows = on_rows
        self._members: list[_Member] = []
        self._readers: list[asyncio.Task[None]] = []

    @property
    def usages(self) -> tuple[WorkerUsage, ...]:
        return tuple(member.usage for member in self._members)

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers of the workers that ended without saying that they had finished."""
        return tuple(
            m.number
            for m in self._members
            if not m.is_finished and m.process.returncode is not None
        )

    async def spawn(self, count: int, logs: Path, tasks: asyncio.TaskGroup) -> None:
        """Start the processes that are missing; `start` does it too, but they take a moment.

        logs: folder for `worker-<n>.log`, what a worker wrote to standard error.
        """
        for number in range(len(self._members), count):
            member = await self._spawn(number, logs)
            self._members.append(member)
            self._readers.append(tasks.create_task(self._read(member)))

    async def start(self, jobs: Sequence[Job], logs: Path, tasks: asyncio.TaskGroup) -> None:
        """Give each worker its job and wait until all are connected to their targets.

        Raises UpstreamError when a target cannot be reached, or a worker did not come up.
        """
        await self.spawn(len(jobs), logs, tasks)
        for member, job in zip(self._members, jobs, strict=True):
            self._tell(member, **job.to_json())
        ready = asyncio.gather(*(member.ready for member in self._members))
        try:
            await asyncio.wait_for(ready, READY_TIMEOUT_S)
        except TimeoutError as error:
            message = "the workers did not come up in time: is the machine busy?"
            raise UpstreamError(message) from error

    def play(self, t0_ns: int) -> None:
        """Due times count from `t0_ns` on the monotonic clock."""
        self._tell_all(do="start", t0_ns=t0_ns)

    def stop(self) -> None:
        """Send nothing more; what is in flight may end within the job's grace."""
        self._tell_all(do="stop")

    def cancel(self) -> None:
        """End everything now."""
        self._tell_all(do="cancel")

    async def finished(self) -> None:
        """Wait until every worker has handed over its last row, or is gone."""
        await asyncio.gather(*self._readers)

    async def close(self) -> None:
        """Make sure that no process is left."""
        for member in self._members:
            # Whoever was to wait for it has given up; that it ends now is no news.
            member.ready.cancel()
            if member.process.stdin is not None:
                member.process.stdin.close()
        await asyncio.gather(*(_wait_gone(member.process) for member in self._members))

    async def _spawn(self, number: int, logs: Path) -> _Member:
        with _log_file(logs / f"worker-{number}.log") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # whatever lies in the user's folder must not be taken for a module
                "-m",
                "replay.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=_environment(),
                # Ctrl-C is for the parent, which then tells the workers what to do.
                start_new_session=True,
            )
        return _Member(number, process, asyncio.get_running_loop().create_future())

    async def _read(self, member: _Member) -> None:
        """Take frames until the worker closes its end."""
        stream = member.process.stdout
        if stream is None:
            raise AssertionError("the worker was started with a pipe")
        while (received := await read_frame(stream)) is not None:
            head, payload = received
            self._take(member, head, payload)
        if not stream.at_eof():
            # What it says makes no sense, so it is lost; nobody would read on.
            member.process.kill()
        await member.process.wait()
        if not member.ready.done():
            message = f"worker {member.number} ended before it was ready; its log says why"
            member.ready.set_exception(UpstreamError(message))

    def _take(self, member: _Member, head: dict[str, Any], payload: bytes) -> None:
        match head["event"]:
            case "ready" if not member.ready.done():
                member.ready.set_result(None)
            case "unreachable" if not member.ready.done():
                member.ready.set_exception(UpstreamError(_unreachable(head)))
            case "rows":
                self._on_rows(member.number, payload)
            case "finished":
                member.is_finished = True
                member.usage = WorkerUsage(head["cpu_s"], head["rss_mb"])

    def _tell(self, member: _Member, **fields: Any) -> None:
        stdin = member.process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(order(**fields))

    def _tell_all(self, **fields: Any) -> None:
        for member in self._members:
            self._tell(member, **fields)


def _unreachable(head: dict[str, Any]) -> str:
    host = f"[{head['host']}]" if ":" in head["host"] else head["host"]
    return (
        f"the target {host}:{head['port']} cannot be reached ({head['reason']}): "
        "start it, or name another with --target"
    )


def _environment() -> dict[str, str]:
    """The worker finds the package where this process found it, installed or not."""
    home = str(Path(replay.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, inherited)))}


async def _wait_gone(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), EXIT_TIMEOUT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[IO[bytes] | int]:
    """The worker's standard error; a full disk must not keep it from starting."""
    try:
        file = path.open("wb")
    except OSError:
        yield asyncio.subprocess.DEVNULL
        return
    with file:
        yield file
