"""`python -m bench [NAME ...]`: run benchmarks and print their tables."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import machine
from bench.anonymise import bench_anonymise
from bench.children import BenchError
from bench.cli import bench_cli
from bench.closed import bench_closed
from bench.doors import bench_doors
from bench.har import bench_har
from bench.leaks import bench_leaks
from bench.middleware import bench_middleware
from bench.open import bench_open
from bench.report import Options, Report, to_json
from bench.stub_delays import bench_stub_delays
from bench.stubs import bench_stubs
from bench.tape import bench_tape

BENCHES: dict[str, Callable[[Options, Path], Report]] = {
    "closed": bench_closed,
    "open": bench_open,
    "tape": bench_tape,
    "har": bench_har,
    "cli": bench_cli,
    "doors": bench_doors,
    "middleware": bench_middleware,
    "stubs": bench_stubs,
    "leaks": bench_leaks,
    "anonymise": bench_anonymise,
    "delays": bench_stub_delays,
}
RUNS = 5
QUICK_RUNS = 1


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="|".join(BENCHES), help="default: all")
    parser.add_argument("--runs", type=int, metavar="N", help=f"rounds (default {RUNS})")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: does it work at all?"
    )
    parser.add_argument("--full", action="store_true", help="also tapes of 10,000,000 events")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.benches if name not in BENCHES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHES)}")
    if chosen.runs is not None and not 1 <= chosen.runs <= 100:
        parser.error("--runs is a number from 1 to 100")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """0 when every benchmark ran, whether or not its targets are met: they are for a reader."""
    chosen = parse_arguments(arguments)
    runs = chosen.runs or (QUICK_RUNS if chosen.quick else RUNS)
    options = Options(runs, chosen.quick, chosen.full)
    facts = machine.facts()
    print(machine.describe(facts), flush=True)
    figures: dict[str, object] = {"machine": facts}
    failures = 0
    for name in chosen.benches or BENCHES:
        try:
            with tempfile.TemporaryDirectory(prefix="esr-bench-") as scratch:
                report = BENCHES[name](options, Path(scratch))
        except BenchError as error:
            print(f"{name} could not be run: {error}\n", flush=True)
            failures += 1
            continue
        print(report, flush=True)
        figures[name] = {
            **report.figures,
            "targets": {target.what: [target.figure, target.limit] for target in report.targets},
        }
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(to_json(figures), indent=1) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
