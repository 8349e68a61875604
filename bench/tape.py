"""Building a tape: events a second on one core, and the most memory that it takes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.build import Built
from bench.machine import load
from bench.report import Options, Report, Target
from bench.table import draw_table
from bench.traces import Pattern
from bench.worker import build_log

EVENTS_PER_S = 100_000
FIXED_MB = 150.0
BYTES_AN_EVENT = 40.0
PEAK_MB = 300.0
HEADS = ("events", "events/s", "wall s", "CPU s", "peak MB", "bytes/event beyond 150 MB")


def bench_tape(options: Options, scratch: Path) -> Report:
    """One log each size; a second build of the same size only for the median."""
    report = Report("tape", notes=[f"at the start: {load()}"])
    sizes = [100_000] if options.is_quick else [1_000_000]
    if options.is_full:
        sizes.append(5_000_000)
    rows = []
    for events in sizes:
        built = [_build(scratch, events) for _ in range(_builds(options, events))]
        wall_s = median(one.wall_s for one in built)
        cpu_s = median(one.cpu_s for one in built)
        peak_mb = max(one.peak_mb for one in built)
        beyond = max(0.0, (peak_mb - FIXED_MB) * 1e6 / events)
        rows.append([events, round(events / wall_s), wall_s, cpu_s, peak_mb, beyond])
        _judge(report, events, events / wall_s, peak_mb, beyond)
        report.figures[str(events)] = [asdict(one) for one in built]
    title = "Tape from OPS NDJSON: six headers, a 300-byte body in every second event"
    report.tables.append(draw_table(title, HEADS, rows))
    return report


def _builds(options: Options, events: int) -> int:
    """The largest log takes long to write: once is enough for its memory."""
    return min(options.runs, 3) if events <= 1_000_000 else 1


def _build(scratch: Path, events: int) -> Built:
    tape, built = build_log(scratch, "tape", Pattern(events, events // 10 | 1, 1_000.0))
    for file in tape.iterdir():
        file.unlink()
    tape.rmdir()
    return built


def _judge(report: Report, events: int, rate: float, peak_mb: float, beyond: float) -> None:
    name = f"{events:,} events"
    # A floor as a ceiling: seconds for the events that one second should hold.
    report.targets += [
        Target(f"{name}: seconds for each 100,000", EVENTS_PER_S / rate, 1.0),
        Target(f"{name}: bytes an event beyond 150 MB", beyond, BYTES_AN_EVENT),
        Target(f"{name}: peak MB", peak_mb, PEAK_MB),
    ]
