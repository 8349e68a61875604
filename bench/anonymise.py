"""Anonymising: microseconds of CPU an event on one core, for logs of three sorts.

Each log is read once; then its entries go through the anonymiser to a sink that does nothing. What
is timed is the anonymiser alone, as it starts and again once it has seen the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.build import KEY
from bench.machine import load
from bench.report import Options, Report, Target
from bench.table import Cell, draw_table
from bench.traces import Pattern, write_log
from replay.anonymise.anonymiser import Anonymise, Anonymiser
from replay.readers.entry import Entry
from replay.readers.formats import find_format
from replay.readers.source import Source, TraceFile, find_files

US_AN_EVENT: Final = 9.0
"""Reading and the tape take 10 of the 25 that 40,000 events a second leave, the leak gate 6."""
LAKE: Final = Path(__file__).parents[1] / "scenarios/lake/raw"
PAGES: Final = 400
VISITORS: Final = 5_000
HEADS: Final = ("log", "events", "fast way", "cold us/event", "warm us/event")

Calls = list[tuple[bool, tuple[Any, ...]]]


class Collected:
    """A sink that remembers what a reader handed over: by which way, and what."""

    needs_whole = False

    def __init__(self) -> None:
        self.calls: Calls = []

    def add(self, line: int, entry: Entry) -> None:
        self.calls.append((False, (line, entry)))

    def add_request(self, *request: Any) -> None:
        self.calls.append((True, request))

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        """Not what is measured here."""

    def note(self, text: str, count: int = 1) -> None:
        """Nor is this."""


class Nowhere(Collected):
    """A sink that forgets at once."""

    def add(self, line: int, entry: Entry) -> None:
        """Gone."""

    def add_request(self, *request: Any) -> None:
        """Gone."""


def bench_anonymise(options: Options, scratch: Path) -> Report:
    """OPS events with bodies, the bundled lake, an access log."""
    report = Report("anonymise", notes=[f"at the start: {load()}"])
    events = 20_000 if options.is_quick else 200_000
    rows: list[list[Cell]] = []
    for name, calls in logs(events, scratch).items():
        cold, warm = zip(*(measure(calls) for _ in range(min(options.runs, 3))), strict=True)
        fast = sum(is_fast for is_fast, _ in calls) / len(calls)
        rows.append([name, len(calls), f"{fast:.1%}", median(cold), median(warm)])
        report.figures[name] = {"events": len(calls), "cold_us": cold, "warm_us": warm}
        report.targets.append(
            Target(f"{name}: microseconds an event, warm", median(warm), US_AN_EVENT)
        )
    report.tables.append(draw_table("The anonymiser alone, on one core", HEADS, rows))
    return report


def logs(events: int, scratch: Path) -> dict[str, Calls]:
    """What readers make of each log."""
    ops, access = scratch / "ops.ndjson", scratch / "access.log"
    write_log(ops, Pattern(events, events // 10 | 1, 1_000.0))
    write_access_log(access, events)
    lake = [file.path for file in find_files([LAKE])]
    return {
        "OPS, a body in every second": read([ops], "ops"),
        "the bundled lake": read(lake, "ops"),
        "access log": read([access], "combined"),
    }


def write_access_log(path: Path, lines: int) -> None:
    """Pages, pictures, searches and profiles of a few thousand visitors."""
    makers: tuple[Callable[[int], str], ...] = (
        lambda number: f"/posts/{number % PAGES}/a-story-of-page-{number % PAGES}",
        lambda number: f"/images/picture-{number % PAGES}.png",
        lambda number: f"/search?q=word{number % 90}&page={number % 7}",
        lambda number: f"/users/{number % VISITORS}/profile",
    )
    with path.open("w", encoding="ascii") as file:
        for number in range(lines):
            target = makers[number % len(makers)](number * 7919)
            visitor = number * 104_729 % VISITORS
            file.write(
                f"10.{visitor % 200}.{visitor // 200}.7 - - [15/Mar/2020:12:"
                f"{number // 60 % 60:02d}:{number % 60:02d} +0000] "
                f'"GET {target} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11)"\n'
            )


def read(paths: list[Path], name: str) -> Calls:
    sink = Collected()
    for path in paths:
        with Source(TraceFile(path, path.name)) as source:
            find_format(name).read(source, sink)
    return sink.calls


def measure(calls: Calls) -> tuple[float, float]:
    """Microseconds of CPU an event, at first and once more."""
    stage = Anonymiser(Nowhere(), Anonymise(KEY))
    return _pass(stage, calls), _pass(stage, calls)


def _pass(stage: Anonymiser, calls: Calls) -> float:
    began = time.process_time()
    for is_fast, given in calls:
        if is_fast:
            stage.add_request(*given)
        else:
            stage.add(*given)
    return (time.process_time() - began) / len(calls) * 1e6
