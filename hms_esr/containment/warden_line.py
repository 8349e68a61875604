"""The supervisor's end of the line to the warden: JSON messages, and sockets that come along."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, Self

from hms_esr.containment.plan import ContainError, Plan
from hms_esr.containment.warden import LONGEST_MESSAGE

MODULE: Final = "hms_esr.containment.warden"
MOST_SOCKETS: Final = 250
"""The kernel passes 253 descriptors with one message."""
END_S: Final = 5.0


class WardenLine:
    """A warden, while it lives. Make it with `open`."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self.sockets: list[socket.socket] = []
        """Those of the jail, in the order of the plan."""
        self._process = process
        self._connection = connection

    @classmethod
    async def open(cls, plan: Plan, before_exec: Callable[[], None]) -> Self:
        """Start a warden with a plan; what it says comes by `receive`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        written = os.memfd_create("plan")
        try:
            with os.fdopen(os.dup(written), "wb") as file:
                file.write(plan.to_bytes())
            os.lseek(written, 0, os.SEEK_SET)
            numbers = (theirs.fileno(), written)
            process = await asyncio.create_subprocess_exec(
                # -P: whatever lies in the user's folder must not be taken for one of our modules.
                *(sys.executable, "-P", "-m", MODULE, *map(str, numbers), str(os.getpid())),
                pass_fds=numbers,
                preexec_fn=before_exec,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(written)
        ours.setblocking(False)
        return cls(process, ours)

    def send(self, **fields: Any) -> None:
        """Say one thing; a warden that is gone hears nothing, and `receive` says so."""
        try:
            self._connection.send(json.dumps(fields).encode("ascii"))
        except (BrokenPipeError, ConnectionResetError):
            return

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises ContainError when the warden is gone."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._connection, LONGEST_MESSAGE, MOST_SOCKETS)
            except BlockingIOError:
                await self._wait_readable()
                continue
            except ConnectionResetError:
                data, fds = b"", []
            self.sockets += [socket.socket(fileno=each) for each in fds]
            if not data:
                raise ContainError("the warden of the jail is gone, and the command with it")
            message: dict[str, Any] = json.loads(data)
            return message

    async def close(self) -> None:
        """End the jail and everything in it; harmless when that has happened."""
        self._connection.close()
        for each in self.sockets:
            each.close()
        try:
            async with asyncio.timeout(END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _wait_readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._connection, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._connection)
