"""The stub gateway as a child process of whoever needs a sandbox.

The child holds one end of a pipe to its parent and ends with it, so neither a crash nor `kill -9`
leaves an orphan.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from switchboard.errors import UpstreamError

READY: Final = b"ready "
_LONGEST_READY_LINE: Final = 1024
_LAST_WORDS_BYTES: Final = 4096


@dataclass(slots=True)
class StubProcess:
    """A running gateway. Make it with `start`; use it as a context manager or call `stop`."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    @property
    def address(self) -> str:
        """`HOST:PORT`, as it stands in a URL."""
        return f"{self.host}:{self.port}"

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
        return cls.launch(gateway_command(seed, answers), timeout_s)

    @classmethod
    def launch(cls, command: Sequence[str], timeout_s: float) -> Self:
        """Start any command that prints a ready line. Raises UpstreamError as `start` does."""
        # A file and not a pipe: a pipe that nobody reads is full one day, and then the child hangs.
        with tempfile.TemporaryFile() as said:
            process = _spawn(command, said)
            try:
                host, port = _wait_ready(process, said, timeout_s)
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


def gateway_command(seed: int, answers: Path | None = None) -> list[str]:
    """How a gateway is started that ends with its parent."""
    # -P: whatever lies in the user's folder must not be taken for one of our modules.
    command = [sys.executable, "-P", "-m", "stubs", "--with-parent", "--seed", str(seed)]
    return command if answers is None else [*command, "--answers", str(answers)]


def parse_ready(line: bytes) -> tuple[str, int]:
    """The address in `ready HOST:PORT`. Raises ValueError."""
    host, _, port = line.decode().removeprefix(READY.decode()).strip().rpartition(":")
    if not line.startswith(READY) or not host:
        raise ValueError("no ready line")
    return host, int(port)


def _spawn(command: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        # The command is our own interpreter and our own module.
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said)  # noqa: S603
    except OSError as error:
        raise UpstreamError(f"the stub gateway could not start: {error}") from error


def _wait_ready(
    process: subprocess.Popen[bytes], said: IO[bytes], timeout_s: float
) -> tuple[str, int]:
    if process.stdout is None:
        raise AssertionError("the gateway was started with a pipe")
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in line and len(line) < _LONGEST_READY_LINE:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise UpstreamError(f"the stub gateway was not ready within {timeout_s:g} s")
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise UpstreamError(f"the stub gateway could not start: {_last_words(said)}")
            line += chunk
    try:
        return parse_ready(line)
    except ValueError as error:
        heard = f"{line[:80]!r} instead of its address"
        raise UpstreamError(f"the stub gateway could not start: it said {heard}") from error


def _last_words(said: IO[bytes]) -> str:
    """The last line that the child wrote to standard error."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _LAST_WORDS_BYTES))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
