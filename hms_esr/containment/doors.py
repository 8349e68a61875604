"""The doors as processes: started outside, on loopback ports of this machine, with frozen rules.

They end with the supervisor, however that dies, and keep what they say for when it is needed.
Read next: `relay.py`, which leads to them, `frozen_rules.py`, which they go by.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hms_esr.containment.plan import ContainError
from hms_esr.containment.relay import Address

READY: Final = b"ready "
READY_S: Final = 60.0
STOP_S: Final = 15.0
LAST_WORDS_BYTES: Final = 4_096
GATEWAY: Final = "gateway"
FORWARD: Final = "forward"
REVERSE: Final = "reverse"


@dataclass(frozen=True, slots=True)
class Home:
    """Where the doors of one run find and leave things. Nobody inside the jail can see it."""

    folder: Path
    rules: Path
    record: Path | None
    environment: Mapping[str, str]

    @property
    def authority(self) -> Path:
        """The folder of the interceptor's own authority, made for this run."""
        return self.folder / "authority"

    def interlock(self, door: str) -> Path:
        return self.folder / f"interlock-{door}.json"


def build_arguments(door: str, home: Home) -> list[str]:
    """The arguments of `esr` for one door."""
    command = ["gateway"] if door == GATEWAY else ["proxy", "--mode", door]
    arguments = [
        *command,
        *("--listen", "127.0.0.1:0"),
        *("--rules", str(home.rules)),
        *("--mode-file", str(home.folder / "switchboard.mode")),
        *("--interlock", str(home.interlock(door))),
    ]
    if home.record is not None:
        arguments += ["--record", str(record_of(home.record, door))]
    if door != GATEWAY:
        arguments += ["--ca-dir", str(home.authority)]
    return arguments


def record_of(record: Path, door: str) -> Path:
    """`drill-gateway.ndjson` for `drill.ndjson`: doors do not share a file."""
    return record.with_name(f"{record.stem}-{door}{record.suffix}")


def start_command(door: str, home: Home) -> list[str]:
    # -P: whatever lies in the user's folder must not be taken for one of our modules.
    return [sys.executable, "-P", "-m", "hms_esr", *build_arguments(door, home)]


class Door:
    """A running door. Make it with `open`."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, address: Address
    ) -> None:
        self.name = name
        self.process = process
        self.address = address
        self._log = log

    @classmethod
    async def open(
        cls, name: str, command: Sequence[str], home: Home, before_exec: Callable[[], None]
    ) -> Door:
        """Start a door and wait until it accepts. Raises ContainError with what it said."""
        log = home.folder / f"{name}.log"
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                env=home.environment,
                # Ctrl-C in the terminal is for the command.
                start_new_session=True,
                preexec_fn=before_exec,
            )
        try:
            async with asyncio.timeout(READY_S):
                address = await _wait_ready(process)
        except (TimeoutError, ValueError):
            await _end(process)
            raise ContainError(
                f"the {name} door could not open, so nothing was started: {last_words(log)}"
            ) from None
        except BaseException:
            await _end(process)
            raise
        return cls(name, process, log, address)

    @property
    def last_words(self) -> str:
        return last_words(self._log)

    async def close(self) -> None:
        """Let it write what it has counted, and end."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await self.process.wait()
            except TimeoutError:
                await _end(self.process)


async def _wait_ready(process: asyncio.subprocess.Process) -> Address:
    assert process.stdout is not None
    line = await process.stdout.readline()
    host, _, port = line.removeprefix(READY).decode("ascii", "replace").strip().rpartition(":")
    if not line.startswith(READY) or not host:
        raise ValueError("no ready line")
    return host, int(port)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def last_words(log: Path) -> str:
    """The last line that a door wrote to standard error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_WORDS_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError as error:
        return f"what it said cannot be read ({error.strerror})"
    return lines[-1].removeprefix("esr: ") if lines else "it said nothing"
