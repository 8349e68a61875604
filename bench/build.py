"""Builds one tape in a process of its own: `python -m bench.build LOG TAPE` prints JSON.

The peak of memory is this process's own, as the kernel counts it (VmHWM): the figure that a
parent is told for its children also holds what the parent itself had used when it forked.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from replay.building.compile import build_tape
from replay.building.reading import Chain

KEY = b"a key for benchmarks, and for nothing else"


def anonymised() -> Chain:
    """Everybody gets a pseudonym, and what is left is scanned."""
    from replay.anonymise.anonymiser import Anonymise
    from replay.treatment import Treatment

    return Treatment(anonymise=Anonymise(KEY)).build


PLAIN = "plain"
ANONYMISED = "anonymised, scanned"
TREATMENTS: dict[str, Callable[[], Chain | None]] = {PLAIN: lambda: None, ANONYMISED: anonymised}
"""What stands between reader and tape, by the name that a table calls it."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made of the log, and what it took. CPU is that of all its processes."""

    requests: int
    users: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def build(log: Path, tape: Path, *, treatment: str = PLAIN, workers: int = 1) -> Built:
    chain = TREATMENTS[treatment]()
    began, cpu = time.monotonic(), _cpu_s()
    info = build_tape([log], tape, chain=chain, workers=workers, in_order=False)
    cpu_s, wall_s = _cpu_s() - cpu, time.monotonic() - began
    return Built(info.requests, info.users, wall_s, cpu_s, peak_mb())


def _cpu_s() -> float:
    """CPU of this process and of all that it started and waited for."""
    own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def peak_mb() -> float:
    """The most memory that this process ever held, in MB of 1,000,000 bytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.build")
    parser.add_argument("log", type=Path)
    parser.add_argument("tape", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--treatment", choices=TREATMENTS, default=PLAIN)
    given = parser.parse_args()
    built = build(given.log, given.tape, treatment=given.treatment, workers=given.workers)
    print(json.dumps(asdict(built)))


if __name__ == "__main__":
    main()
