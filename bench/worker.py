"""Our own worker as one more tool: build a tape in a child, drive it in a child, read the JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from bench.books import Seen
from bench.build import PLAIN, Built
from bench.children import INJECTOR, run_module
from bench.drive import Driven, Order
from bench.traces import Pattern, write_log

BUILD_TIMEOUT_S = 900.0
DRIVE_TIMEOUT_S = 120.0


def build_log(scratch: Path, name: str, pattern: Pattern) -> tuple[Path, Built]:
    """Write a log and build its tape on the injector's core; the log is removed afterwards."""
    log, tape = scratch / f"{name}.ndjson", scratch / f"{name}.tape"
    write_log(log, pattern)
    try:
        return tape, build(log, tape)
    finally:
        log.unlink(missing_ok=True)


def build(log: Path, tape: Path, *, treatment: str = PLAIN, workers: int = 1) -> Built:
    """Build a tape in a child: on one core, or on all of them where there are several workers."""
    arguments = [str(log), str(tape), f"--workers={workers}", f"--treatment={treatment}"]
    core = INJECTOR if workers == 1 else None
    done = run_module("bench.build", arguments, core, timeout_s=BUILD_TIMEOUT_S)
    return Built(**json.loads(done.output))


def drive(order: Order, scratch: Path) -> Driven:
    """Play a tape in a process of its own, which pins itself and its worker."""
    file = scratch / "order.json"
    file.write_text(json.dumps(asdict(order)))
    done = run_module("bench.drive", [str(file)], None, timeout_s=DRIVE_TIMEOUT_S)
    fields = json.loads(done.output)
    return Driven(**{**fields, "seen": Seen(**fields["seen"])})
