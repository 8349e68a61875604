"""Open loop: how near to the log's own stamps requests arrive at a recorder in its own process.

Logs of known stamps at 500, 2,000 and 5,000 requests/s, each played at 1x and at 2x, where the
rate on the wire is twice the log's; and one with random gaps, as real arrivals have them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.arrivals import Arrivals, judge_arrivals
from bench.children import INJECTOR, run_module
from bench.drive import Driven, Order
from bench.machine import load
from bench.report import Options, Report, Target
from bench.servers import run_recorder
from bench.stats import medians
from bench.table import Cell, draw_table
from bench.traces import Pattern
from bench.worker import build_log, drive

RATES = (500, 2_000, 5_000)
SPEEDS = (1.0, 2.0)
RANDOM_RATE = 2_000
FLOOR_S = 3
GAP_S = 1
"""Recorded seconds between the requests of one user."""

P50_MS, P99_MS, DRIFT_MS = 0.1, 1.0, 1.0
HEADS = (
    "log rate, speed", "on the wire", "p50 ms", "p99 ms", "max ms", "drift ms",
    "missing", "reordered", "own lag p50", "p99", "max",
)  # fmt: skip
PEERS_NOTE = (
    "no peer here: vegeta, wrk2 and k6 are not packaged where this was written. Measured once by "
    "hand, arrivals p50/p99 ms at 500, 2,000, 5,000/s: vegeta 0.28/0.65, 0.30/0.67, 0.32/0.96"
)


Taken = tuple[Arrivals, Driven]


@dataclass(frozen=True, slots=True)
class Play:
    """One log at one speed."""

    name: str
    tape: Path
    pattern: Pattern
    speed: float


@dataclass(frozen=True, slots=True)
class Result:
    """All passes of one play."""

    play: Play
    taken: list[Taken]

    @property
    def seen(self) -> dict[str, float]:
        return medians([asdict(arrivals) for arrivals, _ in self.taken])

    @property
    def own(self) -> dict[str, float]:
        return medians([asdict(driven.seen) for _, driven in self.taken])

    def count(self, name: str) -> int:
        return sum(getattr(arrivals, name) for arrivals, _ in self.taken)

    def row(self) -> list[Cell]:
        seen, own = self.seen, self.own
        return [
            self.play.name,
            f"{self.play.pattern.rate_per_s * self.play.speed:,.0f}/s",
            *(seen[key] for key in ("p50_ms", "p99_ms", "max_ms", "drift_ms")),
            self.count("missing"),
            self.count("reordered"),
            *(own[key] for key in ("lag_p50_ms", "lag_p99_ms", "lag_max_ms")),
        ]

    def figures(self) -> dict[str, object]:
        return {
            "arrivals": [asdict(arrivals) for arrivals, _ in self.taken],
            "worker": [asdict(driven) for _, driven in self.taken],
        }


def bench_open(options: Options, scratch: Path) -> Report:
    """Every log at every speed; medians over passes of the whole set."""
    report = Report("open", notes=[PEERS_NOTE])
    plays = _plays(scratch, 2 if options.is_quick else 10)
    taken: dict[str, list[Taken]] = {play.name: [] for play in plays}
    floors: list[list[float]] = []
    for number in range(options.runs):
        report.notes.append(f"before pass {number + 1}: {load()}")
        floors.append(_floor())
        for play in plays:
            taken[play.name].append(_play(play, scratch))
    results = [Result(play, taken[play.name]) for play in plays]
    title = "Open loop: arrival at a recorder minus the log's own stamp"
    rows = [_floor_row(floors), *(result.row() for result in results)]
    report.tables.append(draw_table(title, HEADS, rows))
    report.targets = _judge(results)
    report.figures = {"only sleeping": floors}
    report.figures |= {result.play.name: result.figures() for result in results}
    return report


def _plays(scratch: Path, seconds: int) -> list[Play]:
    patterns = {f"{rate:,}/s": _pattern(rate, seconds) for rate in RATES}
    patterns[f"{RANDOM_RATE:,}/s random"] = _pattern(RANDOM_RATE, seconds, seed=1)
    plays: list[Play] = []
    for name, pattern in patterns.items():
        tape, _ = build_log(scratch, f"open-{len(plays)}", pattern)
        plays += [Play(f"{name}, {speed:g}x", tape, pattern, speed) for speed in SPEEDS]
    return plays


def _pattern(rate: int, seconds: int, seed: int | None = None) -> Pattern:
    return Pattern(rate * seconds, rate * GAP_S | 1, float(rate), seed)


def _play(play: Play, scratch: Path) -> Taken:
    with run_recorder(scratch) as recording:
        order = Order(str(play.tape), str(scratch), recording.port, play.speed)
        driven = drive(order, scratch)
    stamps = list(play.pattern.stamps_ns())
    arrivals = judge_arrivals(
        recording.numbers,
        recording.arrivals_ns,
        stamps,
        play.pattern.users,
        driven.t0_ns,
        play.speed,
    )
    return arrivals, driven


def _floor() -> list[float]:
    """p50, p99 and maximum lateness, in ms, of a process that only sleeps."""
    done = run_module("bench.floor", [str(FLOOR_S)], INJECTOR, timeout_s=60.0)
    found: list[float] = json.loads(done.output)
    return found


def _floor_row(floors: list[list[float]]) -> list[Cell]:
    own = [median(values) for values in zip(*floors, strict=True)]
    return ["only sleeping", "-", None, None, None, None, None, None, *own]


def _judge(results: list[Result]) -> list[Target]:
    """The targets are for even gaps; the worst of all rates and speeds stands for them."""
    even = [result for result in results if result.play.pattern.seed is None]
    return [
        Target("worst p50 ms, even gaps", max(r.seen["p50_ms"] for r in even), P50_MS),
        Target("worst p99 ms, even gaps", max(r.seen["p99_ms"] for r in even), P99_MS),
        Target("worst drift ms, even gaps", max(abs(r.seen["drift_ms"]) for r in even), DRIFT_MS),
        Target("missing, all", float(sum(r.count("missing") for r in results)), 0),
        Target("repeated, all", float(sum(r.count("repeated") for r in results)), 0),
        Target(
            "reordered within a user, all", float(sum(r.count("reordered") for r in results)), 0
        ),
    ]
