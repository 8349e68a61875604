"""How much of what is planted the leak gate finds, and how often it raises a false alarm.

`make bench BENCH_ARGS=leaks`. The corpus is drawn anew from a seed each time; the real access log
is looked at where it lies beside the repository. Read next: `leak_corpus.py`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.leak_corpus import ENCODINGS, Planted, clean, planted
from bench.leak_values import DRAWS
from bench.report import Options, Report, Target
from bench.table import Cell, draw_table
from replay.account import Tally
from replay.gate.findings import Findings
from replay.gate.leak_gate import LeakGate
from replay.gate.scanner import Scanner
from replay.readers.entry import Entry, Sink
from replay.readers.formats import FORMATS
from replay.readers.source import Source, TraceFile

SEED: Final = 5
EACH: Final = 60
QUICK_EACH: Final = 6
CLEAN: Final = 20_000
QUICK_CLEAN: Final = 1_000
RECALL: Final = 0.98
CERTAIN: Final = ("ssn", "card", "jwt", "bearer")
ALARMS_PER_1000: Final = 1.0
ALARMS_ON_THE_LOG: Final = 10
REAL_LOGS: Final = Path(os.environ.get("ESR_BENCH_LOGS", "../shared/data/access_logs"))

Cells = dict[tuple[str, str], tuple[int, int]]
"""Found and planted, by kind and encoding."""


class Noted(Findings):
    """Findings that also note which line each was on."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[int, set[str]] = {}

    def add(
        self, file: str, line: int, path: str, kind: str, text: str, *, is_allowed: bool = False
    ) -> None:
        super().add(file, line, path, kind, text, is_allowed=is_allowed)
        self.lines.setdefault(line, set()).add(kind)


class Nowhere:
    """The end of a chain that keeps nothing."""

    def __init__(self, *, needs_whole: bool = False) -> None:
        self.needs_whole = needs_whole
        self.rows = 0

    def add(self, line: int, entry: Entry) -> None:
        self.rows += 1

    def add_request(self, *parts: object) -> None:
        self.rows += 1

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        """Nothing is counted."""

    def note(self, text: str, count: int = 0) -> None:
        """Nothing is kept."""


def bench_leaks(options: Options, scratch: Path) -> Report:
    report = Report("leaks")
    each, events = (QUICK_EACH, QUICK_CLEAN) if options.is_quick else (EACH, CLEAN)
    cells = measure_recall(scratch, SEED, each)
    report.tables.append(_recall_table(cells))
    _judge_recall(report, cells)
    scanned, gated = measure_alarms(scratch, SEED, events)
    report.tables.append(_alarm_table(events, scanned, gated))
    for name, found in (("scanned", scanned), ("at the gate", gated)):
        rate = len(found.lines) * 1_000 / events
        report.targets.append(Target(f"false alarms per 1,000, {name}", rate, ALARMS_PER_1000))
    _add_real_log(report)
    return report


def measure_recall(scratch: Path, seed: int, each: int) -> Cells:
    """Every planted event is scanned as a file holds it."""
    cells: Cells = {}
    for form in ("ops", "combined"):
        some = [one for one in planted(seed, each) if one.form == form]
        found = _scan(_written(scratch / form, (one.line for one in some)), form)
        for line, one in enumerate(some, 1):
            hits, total = cells.get((one.kind, one.encoding), (0, 0))
            cells[one.kind, one.encoding] = (hits + is_found(one, found, line), total + 1)
    return cells


def is_found(one: Planted, found: Noted, line: int) -> bool:
    """With the kind that it is of."""
    return one.kind in found.lines.get(line, ())


def measure_alarms(scratch: Path, seed: int, events: int) -> tuple[Noted, Noted]:
    """What is found in clean events: in the file, and by the gate before a tape."""
    path = _written(scratch / "clean", clean(seed, events))
    return _scan(path, "ops"), _gate(path, "ops")


def _written(path: Path, lines: Iterable[str]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def _scan(path: Path, form: str) -> Noted:
    found = Noted()
    _read(path, form, Scanner(Tally(), found))
    return found


def _gate(path: Path, form: str) -> Noted:
    found = Noted()
    _read(path, form, LeakGate(Nowhere(), found, frozenset(), lambda: path.name))
    return found


def _read(path: Path, form: str, sink: Sink) -> None:
    with Source(TraceFile(path, path.name)) as source:
        FORMATS[form].read(source, sink)


def recall_of(cells: Cells, wanted: str | None = None) -> float:
    """Of one kind, or of all of them."""
    some = [counts for (kind, _), counts in cells.items() if wanted in (None, kind)]
    return sum(hits for hits, _ in some) / sum(total for _, total in some)


def _recall_table(cells: Cells) -> str:
    rows: list[Sequence[Cell]] = []
    for kind in DRAWS:
        row: list[Cell] = [_share(cells.get((kind, encoding))) for encoding in ENCODINGS]
        rows.append([kind, *row, recall_of(cells, kind)])
    total = sum(total for _, total in cells.values())
    title = f"Share found of what was planted: {total:,} events, by kind and encoding"
    return draw_table(title, ("kind", *ENCODINGS, "all"), rows)


def _share(counts: tuple[int, int] | None) -> float | None:
    return None if counts is None else counts[0] / counts[1]


def _judge_recall(report: Report, cells: Cells) -> None:
    report.targets.append(Target("missed, of all", 1 - recall_of(cells), 1 - RECALL))
    for kind in CERTAIN:
        report.targets.append(Target(f"missed, of {kind}", 1 - recall_of(cells, kind), 0.0))
    report.figures["recall"] = {
        f"{kind} {encoding}": list(counts) for (kind, encoding), counts in cells.items()
    }


def _alarm_table(events: int, scanned: Noted, gated: Noted) -> str:
    kinds = sorted(scanned.counts | gated.counts)
    rows: list[Sequence[Cell]] = [
        [kind, scanned.counts.get(kind, 0), gated.counts.get(kind, 0)] for kind in kinds
    ]
    rows.append(["events with any", len(scanned.lines), len(gated.lines)])
    title = f"False alarms in {events:,} clean events"
    return draw_table(title, ("kind", "scanned", "at the gate"), rows)


def _add_real_log(report: Report) -> None:
    logs = sorted(REAL_LOGS.glob("*.log")) if REAL_LOGS.is_dir() else []
    if not logs:
        report.notes.append(f"no real access log in {REAL_LOGS}: left out")
        return
    kinds: Counter[str] = Counter()
    lines = 0
    began = time.process_time()
    for log in logs:
        found = Noted()
        end = Nowhere()
        _read(log, "combined", LeakGate(end, found, frozenset(), lambda: "log"))
        kinds.update(found.counts)
        lines += end.rows
    took_us = (time.process_time() - began) * 1e6 / max(lines, 1)
    rows: list[Sequence[Cell]] = [["lines", lines], ["findings", kinds.total()]]
    rows += [[f"of them {kind}", count] for kind, count in sorted(kinds.items())]
    rows.append(["CPU µs a line, reading and gate", took_us])
    report.tables.append(draw_table("A real access log at the gate", ("what", "count"), rows))
    report.targets.append(Target("findings on the real log", kinds.total(), ALARMS_ON_THE_LOG))
