"""One worker process as its supervisor sees it: started, told, heard, ended.

The worker holds one end of the pipe that is its standard input and ends with it, so neither a
crash nor `kill -9` of the supervisor leaves one that still routes. Read next: `supervisor.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import hms_esr
from hms_esr.gateways.job import Job
from replay.frames import order, read_frame

OnReport = Callable[[dict[str, Any]], None]

_ids = count(1)


class Member:
    """A worker. `levels` are its gauges as it last told them."""

    def __init__(
        self, number: int, process: asyncio.subprocess.Process, on_report: OnReport
    ) -> None:
        self.number = number
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.levels: dict[str, int] = {}
        self.digest = ""
        """Of the rules that it goes by."""
        self.heard_s = time.monotonic()
        """When it last said something."""
        self.complaint = ""
        """Why it could not start, in its own words."""
        self._has_ended = False
        self._process = process
        self._on_report = on_report
        self._awaited: dict[int, asyncio.Future[None]] = {}

    @classmethod
    async def spawn(cls, job: Job, listener: socket.socket, on_report: OnReport) -> Member:
        """Start the process and hand it its job and its socket."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # whatever lies in the user's folder must not be taken for a module
            "-m",
            "hms_esr.gateway_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            env=_environment(),
            # Ctrl-C is for the supervisor, which then tells the workers what to do.
            start_new_session=True,
        )
        member = cls(job.number, process, on_report)
        member.tell(**job.to_json())
        return member

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """True while it accepts connections."""
        return (
            not self._has_ended
            and self.ready.done()
            and not self.ready.cancelled()
            and self.ready.exception() is None
        )

    def tell(self, **fields: Any) -> None:
        """Give an order."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(order(**fields))

    async def ask(self, **fields: Any) -> None:
        """Give an order and wait until it was carried out, or the worker is gone."""
        if self._has_ended:
            return
        number = next(_ids)
        done = self._awaited[number] = asyncio.get_running_loop().create_future()
        self.tell(**fields, id=number)
        try:
            await done
        finally:
            self._awaited.pop(number, None)

    async def live(self) -> int:
        """Hear it until it ends; how it ended, negative for a signal."""
        stream = self._process.stdout
        if stream is None:
            raise AssertionError("the worker was started with a pipe")
        while (received := await read_frame(stream)) is not None:
            self._take(received[0])
        if not stream.at_eof():
            self.kill()  # what it says makes no sense, and nobody would read on
        code = await self._process.wait()
        self._has_ended = True
        self.levels = {}
        for number in tuple(self._awaited):
            self._settle(number)
        if not self.ready.done():
            self.ready.cancel()
        return code

    def _take(self, head: dict[str, Any]) -> None:
        self.heard_s = time.monotonic()
        match head["event"]:
            case "ready" if not self.ready.done():
                self.ready.set_result(None)
            case "failed":
                self.complaint = str(head["message"])
            case "report":
                self.levels = head["levels"]
                self.digest = head["digest"]
                self._on_report(head)
            case "done":
                self._settle(head["id"])

    def _settle(self, number: int) -> None:
        done = self._awaited.get(number)
        if done is not None and not done.done():
            done.set_result(None)

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self, timeout_s: float) -> None:
        """Make sure that it is gone: it has `timeout_s` to end by itself."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), timeout_s)
        if self._process.returncode is None:
            self.kill()
            await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _environment() -> dict[str, str]:
    """The worker finds the package where this process found it, installed or not."""
    home = str(Path(hms_esr.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, inherited)))}
