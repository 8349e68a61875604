"""Building a tape: entries a second of CPU, the most memory, and what another core gives.

Events (OPS NDJSON) and access logs (combined); as they are, and with everybody replaced and the
rest scanned. Each is built by one process, and plain ones also by two.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.build import ANONYMISED, PLAIN, Built
from bench.children import has_two_cores
from bench.machine import load
from bench.report import Options, Report, Target
from bench.table import Cell, draw_table
from bench.traces import Pattern, write_access_log, write_log
from bench.worker import build

EVENTS_PER_S = {PLAIN: 100_000, ANONYMISED: 40_000}
PEAK_MB = 400.0
HEADS = (
    "log", "entries", "on the way", "workers", "entries/s of CPU", "lowest..highest",
    "entries/s", "peak MB",
)  # fmt: skip
LOGS: dict[str, Callable[[Path, Pattern], None]] = {
    "OPS NDJSON": write_log,
    "combined": write_access_log,
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is built, and how."""

    log: str
    entries: int
    treatment: str
    workers: int

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{self.log}, {self.entries:,}, {self.treatment}, {workers}"


def bench_tape(options: Options, scratch: Path) -> Report:
    """Every log in every way; the largest once, which is enough for its memory."""
    report = Report("tape", notes=[f"at the start: {load()}"])
    sizes = [100_000] if options.is_quick else [1_000_000]
    if options.is_full:
        sizes.append(10_000_000)
    rows: list[list[Cell]] = []
    for entries in sizes:
        for log, write in LOGS.items():
            path = scratch / "log"
            write(path, Pattern(entries, entries // 10 | 1, 1_000.0))
            for case in _cases(log, entries):
                runs = options.runs if entries <= 1_000_000 else 1
                rows.append(_add(report, case, [_build(path, case) for _ in range(runs)]))
            path.unlink()
    title = "Tapes: events of six headers, every second with a body of 300 bytes; access logs"
    report.tables.append(draw_table(title, HEADS, rows))
    return report


def _cases(log: str, entries: int) -> list[Case]:
    """Two workers take turns with the core of one another where there is but one."""
    workers = (1, 2) if has_two_cores() else (1,)
    plain = [Case(log, entries, PLAIN, count) for count in workers]
    return [*plain, Case(log, entries, ANONYMISED, 1)]


def _build(log: Path, case: Case) -> Built:
    tape = log.with_name("tape")
    try:
        return build(log, tape, treatment=case.treatment, workers=case.workers)
    finally:
        shutil.rmtree(tape, ignore_errors=True)


def _add(report: Report, case: Case, built: list[Built]) -> list[Cell]:
    per_cpu_s = [one.requests / one.cpu_s for one in built]
    per_s = median(one.requests / one.wall_s for one in built)
    peak_mb = max(one.peak_mb for one in built)
    report.figures[str(case)] = [asdict(one) for one in built]
    if case.workers == 1:
        # A floor as a ceiling: seconds for the entries that one second should hold.
        least = EVENTS_PER_S[case.treatment]
        what = f"{case}: seconds of CPU for each {least:,}"
        report.targets.append(Target(what, least / median(per_cpu_s), 1.0))
    report.targets.append(Target(f"{case}: peak MB", peak_mb, PEAK_MB))
    return [
        case.log, case.entries, case.treatment, case.workers, round(median(per_cpu_s)),
        f"{min(per_cpu_s):,.0f}..{max(per_cpu_s):,.0f}", round(per_s), round(peak_mb),
    ]  # fmt: skip
