"""The stub gateway as a child process of whoever needs a sandbox.

The child holds one end of a pipe to its parent and ends with it, so neither a crash nor `kill -9`
leaves an orphan.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from switchboard.errors import UpstreamError


@dataclass(slots=True)
class StubProcess:
    """A running gateway. Make it with `start`; use it as a context manager or call `stop`."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @classmethod
    def start(cls, *, seed: int, answers: Path | None = None, timeout_s: float = 15.0) -> Self:
        """Start a gateway on a free loopback port and wait until it accepts.

        Raises UpstreamError with what the child said when it does not come up in time.
        """
        # -P: whatever lies in the user's folder must not be taken for one of our modules.
        command = [sys.executable, "-P", "-m", "stubs.gateway", "--with-parent"]
        command += ["--seed", str(seed)]
        if answers is not None:
            command += ["--answers", str(answers)]
        # The command is our own interpreter and our own module.
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            host, port = _wait_ready(process, timeout_s)
        except BaseException:
            _end(process)
            raise
        return cls(process, host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it now: it keeps nothing that could be lost. Harmless when it has ended already."""
        _end(self.process)


def _wait_ready(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[str, int]:
    """The address of the ready line."""
    if process.stdout is None:
        raise AssertionError("the gateway was started with a pipe")
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise UpstreamError(f"the stub gateway was not ready within {timeout_s:g} s")
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise UpstreamError(f"the stub gateway could not start: {_last_words(process)}")
            line += chunk
    host, _, port = line.decode().removeprefix("ready ").strip().rpartition(":")
    return host, int(port)


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """The last line that the child wrote to standard error."""
    said = process.stderr.read() if process.stderr else b""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
