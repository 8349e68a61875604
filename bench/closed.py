"""Closed loop: CPU for 10,000 requests, ours beside wrk, hey and autocannon, in one run.

64 keep-alive connections, each sending as soon as its answer is in; POST of 300 bytes and GET
half and half; the server answers 200 from another core. The tools take turns, round after round,
and ratios are taken within a round, so that a busy machine slows both sides of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.children import BenchError
from bench.drive import Driven, Order
from bench.machine import load
from bench.peers import PEERS, Load, Peer, run_peer
from bench.report import Options, Report, Target
from bench.servers import find_nginx, run_nginx, run_recorder
from bench.stats import median_ratio, per_10k, spread
from bench.table import Cell, draw_table
from bench.traces import Pattern
from bench.worker import build_log, drive

LIMIT_S = 0.11
LIMIT_TO = {"wrk": 1.5, "hey": 0.5}
REQUESTS_A_USER = 5
HEADS = ("tool", "CPU s/10k", "lowest..highest", "requests/s", "x wrk", "x hey", "failed", "rounds")


@dataclass(frozen=True, slots=True)
class Round:
    """One tool in one round."""

    requests: int
    failed: int
    cpu_s: float
    wall_s: float

    @property
    def cost_s(self) -> float:
        return per_10k(self.cpu_s, self.requests)


def bench_closed(options: Options, scratch: Path) -> Report:
    """Rounds of every tool that is installed."""
    size = Load(40_000, 1) if options.is_quick else Load(200_000, 3)
    users = size.requests // REQUESTS_A_USER | 1
    tape, _ = build_log(scratch, "closed", Pattern(size.requests, users, 1_000.0))
    report = Report("closed")
    rounds: dict[str, list[Round]] = {"esr": []}
    driven: list[Driven] = []
    tools = _installed_peers(report)
    with _server(scratch, report) as port:
        for _ in range(options.runs):
            report.notes.append(f"before round {len(driven) + 1}: {load()}")
            driven.append(drive(Order(str(tape), str(scratch), port, None), scratch))
            rounds["esr"].append(_our_round(driven[-1]))
            for peer, binary in tools:
                _take_turn(peer, binary, port, size, scratch, rounds, report)
    _tabulate(report, rounds)
    _judge_own(report, driven)
    return report


def _installed_peers(report: Report) -> list[tuple[Peer, str]]:
    found = [(peer, peer.find()) for peer in PEERS]
    report.notes += [f"{p.name} is not installed, skipped ({p.hint})" for p, b in found if not b]
    return [(peer, binary) for peer, binary in found if binary]


@contextlib.contextmanager
def _server(scratch: Path, report: Report) -> Iterator[int]:
    binary = find_nginx()
    if binary is not None:
        with run_nginx(binary, scratch) as port:
            yield port
        return
    report.notes.append("nginx is not installed: a bare Protocol in Python answers in its place")
    with run_recorder(scratch) as recording:
        yield recording.port


def _our_round(driven: Driven) -> Round:
    seen = driven.seen
    return Round(seen.answered, seen.failed, driven.worker_cpu_s, driven.wall_s)


def _take_turn(
    peer: Peer,
    binary: str,
    port: int,
    size: Load,
    scratch: Path,
    rounds: dict[str, list[Round]],
    report: Report,
) -> None:
    try:
        answered, cpu_s, wall_s = run_peer(peer, binary, port, size, scratch)
    except BenchError as error:
        report.notes.append(f"{peer.name} left out of this round: {error}")
        answered, cpu_s, wall_s = None, float("nan"), float("nan")
    done = Round(answered.requests, answered.failed, cpu_s, wall_s) if answered else _LEFT_OUT
    rounds.setdefault(peer.name, []).append(done)


_LEFT_OUT = Round(0, 0, float("nan"), float("nan"))


def _tabulate(report: Report, rounds: dict[str, list[Round]]) -> None:
    costs = {name: [turn.cost_s for turn in turns] for name, turns in rounds.items()}
    ratio = {
        (name, to): median_ratio(costs[name], costs[to]) if to in costs else float("nan")
        for name in costs
        for to in LIMIT_TO
    }
    rows: list[list[Cell]] = [
        _row(name, turns, costs[name], [ratio[name, to] for to in LIMIT_TO])
        for name, turns in rounds.items()
    ]
    title = "Closed loop, 64 keep-alive connections, POST 300 bytes and GET half and half"
    report.tables.append(draw_table(title, HEADS, rows))
    report.targets.append(Target("CPU s per 10,000 requests", _median(costs["esr"]), LIMIT_S))
    for to, limit in LIMIT_TO.items():
        report.targets.append(Target(f"CPU of ours over {to}'s", ratio["esr", to], limit))
    report.figures["rounds"] = {n: [asdict(turn) for turn in t] for n, t in rounds.items()}
    report.figures["cpu_s_per_10k"] = {name: _median(values) for name, values in costs.items()}
    report.figures["ratios"] = {f"{name}/{to}": value for (name, to), value in ratio.items()}


def _row(name: str, turns: list[Round], costs: list[float], ratios: list[float]) -> list[Cell]:
    whole = [turn for turn in turns if turn.requests]
    rate = median([turn.requests / turn.wall_s for turn in whole]) if whole else None
    known = [cost for cost in costs if cost == cost]
    return [
        name,
        _median(costs),
        spread(known),
        None if rate is None else round(rate),
        *ratios,
        sum(turn.failed for turn in turns),
        len(whole),
    ]


def _judge_own(report: Report, driven: list[Driven]) -> None:
    """Our own costs that the table does not show, and that everything was really on."""

    def cost(of: Callable[[Driven], float]) -> float:
        return median(per_10k(of(run), run.seen.answered) for run in driven)

    parent = cost(lambda run: run.parent_cpu_s)
    life = cost(lambda run: run.worker_life_cpu_s)
    report.notes += [
        "esr counts the worker while it sends; the peers count their whole life. "
        f"The worker's whole life: {life:.3f} CPU s/10k",
        f"the parent completing, spooling and folding rows: {parent:.4f} CPU s/10k, on the "
        "server's core",
        f"overtaken inside a user: {sum(run.seen.overtaken for run in driven)}; answered "
        f"{sum(run.seen.answered for run in driven):,} of "
        f"{sum(run.seen.planned for run in driven):,} planned",
    ]
    report.targets.append(
        Target("requests that overtook", float(sum(r.seen.overtaken for r in driven)), 0)
    )
    report.figures["parent_cpu_s_per_10k"] = parent
    report.figures["worker_life_cpu_s_per_10k"] = life


def _median(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return median(known) if known else float("nan")
