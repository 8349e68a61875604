"""Running the installed console scripts as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
ACCESS_LOG = ROOT / "../shared/data/access_logs/semicomplete-2015-combined.log"
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON, for `--json -`."""
        return orjson.loads(self.out)


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The user's environment with a run folder of its own and no colours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ESR_")}
    return {**kept, "ESR_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100", **(extra or {})}


def esr(
    cwd: Path, *arguments: str, script: str = "esr", env: Mapping[str, str] | None = None
) -> Ran:
    """Run a console script in `cwd`; its run folder is `cwd/home`."""
    done = subprocess.run(
        [str(BIN / script), *arguments],
        cwd=cwd,
        env=environment(cwd / "home", env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_folders(cwd: Path) -> list[Path]:
    """The run folders under `cwd/home`, oldest first."""
    return sorted((cwd / "home" / "runs").glob("RUN-*"))


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for something that only another process can bring about."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        pause.wait(0.02)
