"""Builds one tape in a process of its own: `python -m bench.build LOG TAPE` prints JSON.

The peak of memory is this process's own, as the kernel counts it (VmHWM): the figure that a
parent is told for its children also holds what the parent itself had used when it forked.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from replay.compile import build_tape


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made of the log, and what it took."""

    requests: int
    users: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def build(log: Path, tape: Path) -> Built:
    began, cpu = time.monotonic(), time.process_time()
    info = build_tape([log], tape)
    cpu_s, wall_s = time.process_time() - cpu, time.monotonic() - began
    return Built(info.requests, info.users, wall_s, cpu_s, peak_mb())


def peak_mb() -> float:
    """The most memory that this process ever held, in MB of 1,000,000 bytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(build(Path(sys.argv[1]), Path(sys.argv[2])))))
