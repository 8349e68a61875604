"""What a person at a terminal waits for: `esr --help`, and the first request of `esr-replay`.

The first request is the first arrival at a recorder minus the moment the command was started: once
in a new folder, where the tape has to be built, and again, where it is kept.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

from bench.children import INJECTOR, BenchError, Finished, last_words, run
from bench.machine import load
from bench.report import Options, Report, Target
from bench.servers import run_recorder
from bench.stats import spread
from bench.table import Cell, draw_table

HELP_S = 0.4
FIRST_S = 2.0
TIMEOUT_S = 60.0
SCENARIO = "stimulus_2020"
HEADS = ("command", "median s", "lowest..highest", "runs")


def bench_cli(options: Options, scratch: Path) -> Report:
    """Both figures; what does not run yet is named and left out."""
    report = Report("cli", notes=[f"at the start: {load()}"])
    rows: list[list[Cell]] = []
    try:
        helps = [_help(scratch) for _ in range(options.runs)]
        rows.append(_add(report, "esr --help", helps, HELP_S))
    except BenchError as error:
        report.notes.append(f"esr --help is left out: {error}")
    try:
        firsts = [_first_requests(scratch / f"cli-{i}") for i in range(options.runs)]
        for name, times in zip(("new log", "kept tape"), zip(*firsts, strict=True), strict=True):
            rows.append(_add(report, f"first request, {name}", list(times), FIRST_S))
    except BenchError as error:
        report.notes.append(f"the first request is left out: {error}")
    report.tables.append(draw_table("At the terminal", HEADS, rows))
    return report


def _add(report: Report, name: str, times: list[float], limit_s: float) -> list[Cell]:
    report.targets.append(Target(f"{name}, s", median(times), limit_s))
    report.figures[name] = times
    return [name, median(times), spread(times), len(times)]


def _script(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise BenchError(f"the command {name} is not installed beside {sys.executable}")
    return str(path)


def _help(scratch: Path) -> float:
    return _checked(run([_script("esr"), "--help"], INJECTOR, timeout_s=TIMEOUT_S, cwd=scratch))


def _checked(done: Finished) -> float:
    if done.exit_code != 0:
        raise BenchError(f"it ended with {done.exit_code}: {last_words(done.errors)}")
    return done.wall_s


def _first_requests(home: Path) -> tuple[float, float]:
    """Seconds to the first request in a new folder, and then again."""
    home.mkdir()
    return _first_request(home), _first_request(home)


def _first_request(home: Path) -> float:
    with run_recorder(home) as recording:
        target = f"http://127.0.0.1:{recording.port}"
        arguments = ["--target", target, "--duration", "2s", "--speed", "2x"]
        began_ns = time.monotonic_ns()
        done = run(
            [_script("esr-replay"), SCENARIO, *arguments], None, timeout_s=TIMEOUT_S, cwd=home
        )
    if not recording.arrivals_ns:
        said = last_words(done.errors or done.output)
        raise BenchError(f"esr-replay sent nothing and ended with {done.exit_code}: {said}")
    return (recording.arrivals_ns[0] - began_ns) / 1e9
