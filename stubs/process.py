"""The stub gateway as a child process of whoever needs a sandbox.

The child holds one end of a pipe to its parent and ends with it, so neither a crash nor `kill -9`
leaves an orphan.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from stubs.config import TOKEN, GatewayConfig
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
    admin: str = ""
    """HOST:PORT of its admin API: an address of its own, or that of the services."""
    ports: Mapping[str, str] = field(default_factory=dict)
    """HOST:PORT of each service that has a port of its own."""

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
    def start(
        cls,
        *,
        seed: int = 0,
        answers: Path | None = None,
        config: GatewayConfig | None = None,
        token: str | None = None,
        timeout_s: float = 15.0,
    ) -> Self:
        """Start a gateway on a free loopback port and wait until it accepts.

        config: instead of seed and answers.   token: what its admin API asks for, if anything; the
        one in our own environment is for other doors.
        Raises UpstreamError with what the child said when it does not come up in time.
        """
        config = config or GatewayConfig(
            seed=seed, answers=None if answers is None else str(answers)
        )
        line = replace(config, with_parent=True).to_json() + b"\n"
        return cls.launch(gateway_command(), timeout_s, line, token)

    @classmethod
    def launch(
        cls,
        command: Sequence[str],
        timeout_s: float,
        told: bytes = b"",
        token: str | None = None,
    ) -> Self:
        """Start any command that prints a ready line. Raises UpstreamError as `start` does.

        told: written to its standard input, which then stays open.
        """
        # A file and not a pipe: a pipe that nobody reads is full one day, and then the child hangs.
        with tempfile.TemporaryFile() as said:
            process = _spawn(command, said, token)
            try:
                _tell(process, told)
                host, port = _wait_ready(process, said, timeout_s)
                admin, ports = parse_addresses(_all_said(said))
            except BaseException:
                _end(process)
                raise
        return cls(process, host, port, admin or f"{host}:{port}", ports)

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


def gateway_command() -> list[str]:
    """How a gateway is started that is told its configuration, and ends with its parent."""
    # -P: whatever lies in the user's folder must not be taken for one of our modules.
    return [sys.executable, "-P", "-m", "hms_esr.stub_gateway"]


def parse_addresses(said: str) -> tuple[str, dict[str, str]]:
    """The address of the admin API ("" for none of its own) and those of services with a port."""
    rows = [line.split(" ") for line in said.splitlines()]
    admin = next((row[1] for row in rows if row[0] == "admin" and len(row) == 2), "")
    return admin, {row[1]: row[2] for row in rows if row[0] == "listening" and len(row) == 3}


def parse_ready(line: bytes) -> tuple[str, int]:
    """The address in `ready HOST:PORT`. Raises ValueError."""
    host, _, port = line.decode().removeprefix(READY.decode()).strip().rpartition(":")
    if not line.startswith(READY) or not host:
        raise ValueError("no ready line")
    return host, int(port)


def _spawn(command: Sequence[str], said: IO[bytes], token: str | None) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    if token is not None:
        environment[TOKEN] = token
    pipe = subprocess.PIPE
    try:
        # The command is our own interpreter and our own module.
        return subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=said, env=environment
        )
    except OSError as error:
        raise UpstreamError(f"the stub gateway could not start: {error}") from error


def _tell(process: subprocess.Popen[bytes], told: bytes) -> None:
    if process.stdin is None:
        raise AssertionError("the gateway was started with a pipe")
    try:
        process.stdin.write(told)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended, and what it said last is told by whoever waits for it


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


def _all_said(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # what it was to be told, and never read
                stream.close()
